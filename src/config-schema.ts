// The shape of debugtap.yml, as people write it. The file debugtap.schema.json is made from it, so that editors know the keys.
//
// Rules
// - Only what one value can be stands here; what holds between keys stands in config-checks.ts.
// - Nothing is transformed: the schema says what may be written, config.ts says what it means.
// - Every key has a description, and every value says in one sentence what it must be; that sentence is the error.
import { z } from "zod";
import { agePattern, bodyPattern, sizePattern } from "./config-amounts.ts";
import { injectSchema, runSchema } from "./config-inject.ts";

/** Sessions are called `cinder-api#1`: a name has no space, no `#` and does not look like an option. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** `[user@]host[:port]`; IPv6 in brackets. Nothing may begin with `-`: ssh would take it for an option. */
const sshPattern = /^(?:([^\s@:[\]-][^\s@:[\]]*)@)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s@:[\]-][^\s@:[\]]*))(?::(\d{1,5}))?$/;
/** `30s`, `500ms`, `2m`, `1h`. */
export const durationPattern = /^(\d{1,6})(ms|s|m|h)$/;

const sentences = {
  name: "a name is letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
  port: "a port is a whole number from 1 to 65535",
  hold: "hold is `forever`, `never` or a time with its unit: `30s`, `500ms`, `2m`",
  ssh: "ssh is `user@host`, `user@host:port` or an alias of ~/.ssh/config",
  wire: "wire is `pydevd`, `dap` or `raw`",
  time: "time is a time with its unit, at most 99 s: `500ms`, `2s`",
  maxSize: "max_size is `none` or a size with its unit, at least 10 MB: `500MB`, `2GB`",
  maxAge: "max_age is `none` or a time with its unit, at least a minute: `12h`, `7d`",
  drive: "drive is `first`, `any` or `ask`",
  onLeave: "on_leave is `keep`, `resume` or `end`",
  correlate: "correlate is a list of names such as `[context.request_id]`",
  evaluate: "evaluate is true or false",
  reattach: "reattach is true or false",
  boardPort: "the port of the board is a whole number from 0 to 65535; 0: any",
  to: "to is the service's port on the host: `127.0.0.1:8776`, or `8776` alone",
  timeout: "timeout is `none` or a time with its unit: `30s`, `5m`",
  body: "body is `none` or a size in KB, at most 999KB: `64KB`",
  requestIds: "request_id_headers is a list of headers such as `[X-Request-Id]`",
  expose: "expose is the sentence `yes, beyond loopback`",
} as const;

const name = z.string().regex(namePattern, { error: sentences.name });
const port = z.int({ error: sentences.port }).min(1, { error: sentences.port }).max(65535, { error: sentences.port });
const text = (what: string, max = 1024) =>
  z
    .string({ error: `${what} is text` })
    .min(1, { error: `${what} is empty` })
    .max(max, { error: `${what} is too long` });
const limit = (what: string, max: number) => {
  const error = `${what} is a whole number from 1 to ${max}`;
  return z.int({ error }).min(1, { error }).max(max, { error });
};

const correlate = z
  .array(text("an entry of correlate", 200), { error: sentences.correlate })
  .max(20, { error: "correlate is a list of at most 20 names" });
const evaluate = z.boolean({ error: sentences.evaluate });
const onLeave = z.enum(["keep", "resume", "end"], { error: sentences.onLeave });

const sourceSchema = z.strictObject(
  {
    local: text("local").describe("Directory of the sources on this machine; relative to this file; `~` is your home"),
    remote: z
      .string({ error: "remote is text" })
      .max(1024, { error: "remote is too long" })
      .regex(/^(?:\/|[A-Za-z]:[\\/])/, { error: "remote is an absolute path" })
      .describe("The same directory on the host; absolute"),
  },
  { error: "source is `{ local: DIR, remote: DIR }` or a list of them" },
);

const sourcesSchema = z.union([sourceSchema, z.array(sourceSchema).max(100)], {
  error: "source is `{ local: DIR, remote: DIR }` or a list of them",
});

const hostSchema = z
  .strictObject(
    {
      ssh: z
        .string({ error: sentences.ssh })
        .regex(sshPattern, { error: sentences.ssh })
        .exactOptional()
        .describe(
          "Where to reach the host: `user@host[:port]` or an alias of your SSH configuration; absent = this machine, no SSH",
        ),
      ssh_config: text("ssh_config")
        .exactOptional()
        .describe("Another SSH configuration file (`ssh -F`), relative to this file"),
      source: sourcesSchema.exactOptional().describe("Which directory here holds the sources of which directory there"),
    },
    { error: "a host is a map such as `{ ssh: user@host }`" },
  )
  .describe("A machine that services run on");

const matchSchema = z
  .strictObject(
    {
      unit: text("unit").exactOptional().describe("Name of the systemd unit"),
      argv: text("argv").exactOptional().describe("Text in the command line of the process"),
      cwd: text("cwd").exactOptional().describe("Working directory of the process"),
      env: text("env").exactOptional().describe("`NAME=value` in the environment of the process"),
      user: text("user").exactOptional().describe("User that the process runs as"),
    },
    { error: "match is a map such as `{ argv: cinder-scheduler }`" },
  )
  .meta({ minProperties: 1 });

const serviceSchema = z
  .strictObject(
    {
      host: z
        .string({ error: "host is the name of an entry under `hosts`" })
        .exactOptional()
        .describe("Host that the service runs on; absent = this machine"),
      wire: z
        .enum(["pydevd", "dap", "raw"], { error: sentences.wire })
        .describe(
          "`pydevd`: settrace() to PyCharm or PyDev. `dap`: debugpy.listen(). `raw`: bytes only, such as pdb over a socket",
        ),
      dials: port
        .exactOptional()
        .describe("Port on the host that the service dials, as in settrace('127.0.0.1', port=5678)"),
      listens: port
        .exactOptional()
        .describe("Port on the host that the service listens on, as in debugpy.listen(5678)"),
      ide: port.describe("Port on this machine: your IDE listens on it (`dials`) or attaches to it (`listens`)"),
      hold: z
        .string({ error: sentences.hold })
        .regex(/^(?:forever|never|\d{1,6}(?:ms|s|m|h))$/, { error: sentences.hold })
        .exactOptional()
        .describe(
          "How long a debuggee waits while no IDE listens, before the relay lets it run; an IDE that listens later still gets it: `never` (default), `30s`, `forever`",
        ),
      correlate: correlate.exactOptional().describe("As at the top level, for this service alone"),
      evaluate: evaluate.exactOptional().describe("As at the top level, for this service alone"),
      on_leave: onLeave.exactOptional().describe("As at the top level, for this service alone"),
      reattach: z
        .boolean({ error: sentences.reattach })
        .exactOptional()
        .describe(
          "`dap` only: attach again by itself when the connection to the service was lost, or the service was restarted; the IDE's session goes on; default false",
        ),
      attach: z
        .record(z.string(), z.unknown(), { error: "attach is a map such as `{ justMyCode: false }`" })
        .exactOptional()
        .describe("`dap` only: arguments of the attach request that `record` makes, beside `justMyCode: false`"),
      match: matchSchema
        .exactOptional()
        .describe("Which processes are this service, where services share a `dials` port"),
      source: sourcesSchema.exactOptional().describe("As on the host, for this service alone; goes before the host's"),
      run: runSchema.exactOptional(),
      inject: injectSchema.exactOptional(),
      address: text("address", 255)
        .exactOptional()
        .describe("Address on the host that goes with the port; default 127.0.0.1"),
      bind: text("bind", 255)
        .exactOptional()
        .describe("Address on this machine that goes with `ide`; default 127.0.0.1"),
      expose: z
        .literal("yes, beyond loopback", { error: sentences.expose })
        .exactOptional()
        .describe(
          "Needed when a port is opened on an address that other machines reach: whoever reaches it can run code",
        ),
    },
    { error: "a service is a map such as `{ wire: dap, listens: 5678, ide: 5711 }`" },
  )
  .describe("One thing to debug");

const requestIdHeaders = z
  .array(
    z
      .string({ error: "an entry of request_id_headers is text" })
      .regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, { error: "an entry of request_id_headers is the name of a header" }),
    { error: sentences.requestIds },
  )
  .max(20, { error: "request_id_headers is a list of at most 20 headers" });

const triggerSchema = z
  .strictObject(
    {
      host: z
        .string({ error: "host is the name of an entry under `hosts`" })
        .exactOptional()
        .describe("Host that the HTTP service runs on; absent = this machine"),
      to: z
        .union(
          [
            port,
            z
              .string()
              .regex(/^(?:(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@[\]-][^\s:/?#@[\]]*):)?\d{1,5}$/, { error: sentences.to }),
          ],
          { error: sentences.to },
        )
        .describe("Where it listens on its host, in plain HTTP: `127.0.0.1:8776`; a port alone is one of 127.0.0.1"),
      listen: port.describe("Port on this machine, of 127.0.0.1: your client, or your browser, goes there"),
      request_id_headers: requestIdHeaders.exactOptional().describe("As at the top level, for this trigger alone"),
      timeout: z
        .string({ error: sentences.timeout })
        .regex(/^(?:none|[1-9]\d{0,5}(?:ms|s|m|h))$/, { error: sentences.timeout })
        .exactOptional()
        .describe(
          "How long an answer may take to begin, before the client gets 504; it counts only while nothing is stopped at a breakpoint; default `none`",
        ),
      body: z
        .string({ error: sentences.body })
        .regex(bodyPattern, { error: sentences.body })
        .exactOptional()
        .describe("How much of each body is recorded; default `64KB`; `none`: nothing of it"),
    },
    { error: "a trigger is a map such as `{ host: devstack, to: 127.0.0.1:8776, listen: 5780 }`" },
  )
  .describe(
    "An HTTP port of a host (a REST API, Horizon; websockets and server-sent events too) at a port here, through SSH; each request is recorded, with the hits that it caused",
  );

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

const recordSchema = z
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

const clientsSchema = z
  .strictObject(
    {
      drive: z
        .enum(["first", "any", "ask"], { error: sentences.drive })
        .exactOptional()
        .describe(
          "Which client of a session may let it run: `first` (default) the one that came first, `any` all of them, `ask` the first, until `debugtap drive` hands it over",
        ),
    },
    { error: "clients is a map such as `{ drive: first }`" },
  )
  .describe("What several clients of one session may do");

const boardSchema = z
  .strictObject(
    {
      port: z
        .int({ error: sentences.boardPort })
        .min(0, { error: sentences.boardPort })
        .max(65535, { error: sentences.boardPort })
        .exactOptional()
        .describe("Port of the page on this machine; default 5700, or the next one up that is free; 0: any"),
    },
    { error: "board is a map such as `{ port: 5700 }`" },
  )
  .describe("The page that shows what runs");

export const configSchema = z
  .strictObject(
    {
      hosts: z
        .record(name, hostSchema, { error: "hosts is a map of names to hosts" })
        .exactOptional()
        .describe("The machines that services run on"),
      services: z
        .record(name, serviceSchema, { error: "services is a map of names to services" })
        .describe("What to debug; sessions get these names"),
      triggers: z
        .record(name, triggerSchema, { error: "triggers is a map of names to triggers" })
        .exactOptional()
        .describe("HTTP ports of hosts at ports here: what sets off the hits"),
      request_id_headers: requestIdHeaders
        .exactOptional()
        .describe(
          "Headers of a trigger's requests and answers that say which request it is; default `[X-OpenStack-Request-Id, X-Request-Id, traceparent]`",
        ),
      record: recordSchema.exactOptional(),
      correlate: correlate
        .exactOptional()
        .describe("What tells hits of one request: names looked up in captured values, such as `context.request_id`"),
      evaluate: evaluate
        .exactOptional()
        .describe("Whether `correlate` may run code in the debuggee where a captured value does not do; default false"),
      clients: clientsSchema.exactOptional(),
      board: boardSchema.exactOptional(),
      on_leave: onLeave
        .exactOptional()
        .describe(
          "What happens to a program when its last IDE leaves: `resume` (default) lets it run, `keep` leaves it as it stands, `end` ends the session",
        ),
    },
    {
      error:
        "the file is a map with the keys hosts, services, triggers, request_id_headers, record, correlate, evaluate, clients, board and on_leave",
    },
  )
  .describe("Configuration of debugtap");

export type ConfigInput = z.infer<typeof configSchema>;

/** The JSON Schema of debugtap.yml, as published in debugtap.schema.json. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: "debugtap.yml", ...z.toJSONSchema(configSchema, { io: "input" }) };
}
