// What is recorded (`record:`), as debugtap.yml says it: how much of a hit, for how long, and what of it is secret.
import { z } from "zod";
import { agePattern, sizePattern } from "./config-amounts.ts";
import { text } from "./config-values.ts";

const sentences = {
  time: "time is a time with its unit, at most 99 s: `500ms`, `2s`",
  maxSize: "max_size is `none` or a size with its unit, at least 10 MB: `500MB`, `2GB`",
  maxAge: "max_age is `none` or a time with its unit, at least a minute: `12h`, `7d`",
} as const;

const limit = (what: string, max: number) => {
  const error = `${what} is a whole number from 1 to ${max}`;
  return z.int({ error }).min(1, { error }).max(max, { error });
};

const secretNames = (what: string) =>
  z
    .array(text(`an entry of ${what}`, 100), { error: `${what} is a list of names such as \`[tenant_pin]\`` })
    .max(200, { error: `${what} is a list of at most 200 names` });
const typeGlobs = (what: string) =>
  z
    .array(text(`an entry of ${what}`, 100), {
      error: `${what} is a list of types such as \`[SecretStr, "*.Credentials"]\``,
    })
    .max(200, { error: `${what} is a list of at most 200 types` });

const secretsSchema = z
  .strictObject(
    {
      mask: z
        .boolean({ error: "mask is true or false" })
        .exactOptional()
        .describe("Whether secrets are masked before a trace is written; default true; false is as `--keep-secrets`"),
      names: secretNames("names")
        .exactOptional()
        .describe("More names of secrets, however they are written: `tenant_pin` is `Tenant-PIN` too"),
      keep: secretNames("keep").exactOptional().describe("Names that are no secrets here, such as `token` in a parser"),
      types: z
        .strictObject(
          {
            mask: typeGlobs("types.mask")
              .exactOptional()
              .describe("Types whose values are secrets, beside `SecretStr` and `SecretBytes`; `*` is anything"),
            keep: typeGlobs("types.keep")
              .exactOptional()
              .describe("Types whose values are none, whatever they are called"),
          },
          { error: "types is a map such as `{ mask: [ApiKey] }`" },
        )
        .exactOptional()
        .describe("Types of values that are secrets, or are none, as the debuggee says them"),
    },
    { error: "secrets is a map such as `{ names: [tenant_pin] }`" },
  )
  .describe(
    "What is masked in traces, beside what is known: passwords, tokens, keys, cookies, by their names and by their look",
  );

export const recordSchema = z
  .strictObject(
    {
      enabled: z
        .boolean({ error: "enabled is true or false" })
        .exactOptional()
        .describe("Whether sessions are recorded; default true"),
      dir: text("dir").exactOptional().describe("Directory that gets one trace directory a run, relative to this file"),
      max_size: z
        .string({ error: sentences.maxSize })
        .regex(sizePattern, { error: sentences.maxSize })
        .exactOptional()
        .describe(
          "Bytes of one trace directory, in KB, MB or GB of 1000: when it gets larger, its oldest part is dropped; default `10GB`; `none`: no bound",
        ),
      max_age: z
        .string({ error: sentences.maxAge })
        .regex(agePattern, { error: sentences.maxAge })
        .exactOptional()
        .describe(
          "What is older is dropped: from the running trace, and, when debugtap starts, finished traces in `dir`; `12h`, `7d`; default `none`",
        ),
      capture: z
        .boolean({ error: "capture is true or false" })
        .exactOptional()
        .describe("Whether stack and values are taken at each hit; default true"),
      depth: limit("depth", 20).exactOptional().describe("Levels of values taken at a hit; default 3"),
      items: limit("items", 10_000).exactOptional().describe("Children taken of one value; default 50"),
      string: limit("string", 1_000_000).exactOptional().describe("Characters taken of one value; default 1024"),
      frames: limit("frames", 1000).exactOptional().describe("Stack frames taken at a hit; default 20"),
      locals: limit("locals", 1000).exactOptional().describe("Innermost frames whose values are taken; default 5"),
      bytes: limit("bytes", 262_144).exactOptional().describe("Bytes of one hit, as JSON; default 262144"),
      time: z
        .string({ error: sentences.time })
        .regex(/^(?:[1-9]\d{0,4}ms|[1-9]\d?s)$/, { error: sentences.time })
        .exactOptional()
        .describe("Time for all that is taken at a hit; default `500ms`"),
      secrets: secretsSchema.exactOptional(),
    },
    { error: "record is a map such as `{ depth: 3 }`" },
  )
  .describe("What is recorded, and the limits of the values taken at a hit");
