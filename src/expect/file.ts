// A file of expected hits, read and written.
//
//   order: strict                       or any
//   extra: refuse                       or allow: there may be other hits
//   hits:
//     - service: cinder-api
//       file: api/volumes.py            the end of its path
//       line: volume = self.create(     what the line has in it, or its number
//       function: create
//       request: first                  hits of one name belong to one request
//       values: { "volume['size']": 1, context.project_id: demo }
//       where: len(tags) > 2
//       times: ">= 2"
//
// Rules
// - All problems of a file are told at once, each with its place.
import { stringify } from "yaml";
import { z } from "zod";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Expectation, ExpectedHit, ExpectedValue, Times } from "../../protocol/expect.ts";
import { parseWhere, type Condition } from "../../protocol/where-parse.ts";
import { describeIssue } from "../config-issues.ts";
import { ConfigSource } from "../config-source.ts";
import type { Path, Problem } from "../config-source.ts";

/** Characters. */
export const mostText = 16 * 1024 * 1024;
const mostTimes = 100_000;
const mostHits = 1_000_000;

const valueKinds: ReadonlySet<Condition["kind"]> = new Set(["path", "len", "item", "arithmetic", "negative"]);

const text = (what: string) => z.string({ error: what }).min(1, { error: what }).optional();
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const value = z.union([scalar, z.array(scalar)], {
  error: "a value is text, a number, true, false, null, or a list of these",
});

const hitSchema = z.strictObject(
  {
    service: text("service is the name of a service"),
    file: text("file is the end of a path: api/volumes.py"),
    line: z
      .union([z.int().min(1), z.string().min(1)], { error: "line is a number, or what the line has in it" })
      .optional(),
    function: text("function is a name"),
    reason: text("reason is breakpoint, exception, step, …"),
    request: z.union([z.string().min(1), z.int()], { error: "request is any name" }).optional(),
    values: z.record(z.string(), value, { error: "values is a map: volume['size']: 1" }).optional(),
    where: text("where is a condition: len(tags) > 2"),
    times: z.union([z.int().min(0), z.string()], { error: 'times is 3, ">= 2" or "<= 5"' }).optional(),
  },
  { error: "an expected hit is a map with service, file, line, function, reason, request, values, where, times" },
);
const fileSchema = z.strictObject(
  {
    order: z.enum(["strict", "any"], { error: "order is strict or any" }).optional(),
    extra: z.enum(["allow", "refuse"], { error: "extra is allow or refuse" }).optional(),
    hits: z.array(hitSchema, { error: "hits is a list" }),
  },
  { error: "a file of expected hits has the key `hits`" },
);

type Entry = z.infer<typeof hitSchema>;

/** Throws DT_EXPECT. */
export function parseExpectation(content: string, file: string): Expectation {
  if (content.length > mostText)
    throw new DebugtapError("DT_EXPECT", `${file} is larger than ${mostText / 1024 / 1024} MiB`, {
      why: "an expectation of that size is another kind of file",
    });
  const source = new ConfigSource(content, file, "DT_EXPECT", mostText);
  const parsed = fileSchema.safeParse(source.value ?? {});
  if (!parsed.success) {
    const keys = (path: Path) => Object.keys((path.length === 0 ? fileSchema : hitSchema).shape);
    const issues = parsed.error.issues.slice(0, 100);
    throw source.error(
      "DT_EXPECT",
      issues.flatMap((issue) => describeIssue(issue, [], source, keys)),
    );
  }
  const problems: Problem[] = [];
  const hits = parsed.data.hits.map((entry, place) => read(entry, ["hits", place], source, problems));
  const all = hits.reduce((sum, { times }) => sum + times.least, 0);
  if (all > mostHits) problems.push({ offset: 0, text: `more than ${mostHits} hits are expected` });
  if (problems.length > 0) throw source.error("DT_EXPECT", problems);
  return { order: parsed.data.order ?? "strict", extra: parsed.data.extra ?? "allow", hits };
}

/** What {@link parseExpectation} reads as this. */
export function formatExpectation({ order, extra, hits }: Expectation): string {
  return stringify({ order, extra, hits: hits.map(entryOf) }, { lineWidth: 0 });
}

function entryOf({ values, where, times, ...selects }: ExpectedHit): Record<string, unknown> {
  return {
    ...selects,
    ...(values.length === 0 ? {} : { values: new Map(values.map(({ name, value }) => [name, value])) }),
    ...(where === undefined ? {} : { where: where.text }),
    ...(times.text === undefined ? {} : { times: /^\d+$/.test(times.text) ? Number(times.text) : times.text }),
  };
}

function read(entry: Entry, path: Path, source: ConfigSource, problems: Problem[]): ExpectedHit {
  const { service, file, line, function: fn, reason, request, values = {}, where, times } = entry;
  const found: ExpectedValue[] = [];
  for (const [name, value] of Object.entries(values)) {
    const at = [...path, "values", name];
    const expression = condition(name, source.offsetOfKey(at), problems);
    if (expression === undefined) continue;
    const numbers = [value].flat().filter((each) => typeof each === "number");
    if (!valueKinds.has(expression.kind))
      problems.push({
        offset: source.offsetOfKey(at),
        text: `\`${name}\` is no value but a condition: write it as \`where\``,
      });
    else if (numbers.some((each) => !Number.isFinite(each) || (Number.isInteger(each) && !Number.isSafeInteger(each))))
      problems.push({
        offset: source.offsetOf(at),
        text: `this number is not exact here: write it as \`where: ${name} == …\``,
      });
    else found.push({ name, expression, value });
  }
  const judged = where === undefined ? undefined : condition(where, source.offsetOf([...path, "where"]), problems);
  return {
    ...(service === undefined ? {} : { service }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(fn === undefined ? {} : { function: fn }),
    ...(reason === undefined ? {} : { reason }),
    ...(request === undefined ? {} : { request: String(request) }),
    values: found,
    ...(where === undefined || judged === undefined ? {} : { where: { text: where, condition: judged } }),
    times: timesOf(times, source.offsetOf([...path, "times"]), problems),
  };
}

function condition(text: string, offset: number, problems: Problem[]): Condition | undefined {
  try {
    return parseWhere(text);
  } catch (error) {
    if (!(error instanceof DebugtapError)) throw error;
    problems.push({ offset, text: `\`${text}\` cannot be understood: ${error.why ?? error.message}` });
    return undefined;
  }
}

function timesOf(times: number | string | undefined, offset: number, problems: Problem[]): Times {
  if (times === undefined) return { least: 1, most: 1 };
  const [, sign, digits] = /^\s*(>=|<=|==)?\s*(\d{1,9})\s*$/.exec(String(times)) ?? [];
  const number = Number(digits);
  if (digits === undefined || number > mostTimes) {
    problems.push({ offset, text: `times is 3, ">= 2" or "<= 5", up to ${mostTimes}`, fix: 'times: ">= 2"' });
    return { least: 1, most: 1 };
  }
  if (sign === ">=") return { least: number, most: Infinity, text: `>= ${number}` };
  return { least: sign === "<=" ? 0 : number, most: number, text: sign === "<=" ? `<= ${number}` : String(number) };
}
