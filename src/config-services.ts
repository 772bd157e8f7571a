// What is debugged, as debugtap.yml says it: hosts, the services on them, and which sources here are theirs.
import { z } from "zod";
import { injectSchema, runSchema } from "./config-inject.ts";
import { correlate, evaluate, onLeave, port, text } from "./config-values.ts";

/** `[user@]host[:port]`; IPv6 in brackets. Nothing may begin with `-`: ssh would take it for an option. */
const sshPattern = /^(?:([^\s@:[\]-][^\s@:[\]]*)@)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s@:[\]-][^\s@:[\]]*))(?::(\d{1,5}))?$/;

const sentences = {
  hold: "hold is `forever`, `never` or a time with its unit: `30s`, `500ms`, `2m`",
  ssh: "ssh is `user@host`, `user@host:port` or an alias of ~/.ssh/config",
  wire: "wire is `pydevd`, `dap` or `raw`",
  reattach: "reattach is true or false",
  expose: "expose is the sentence `yes, beyond loopback`",
} as const;

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

export const hostSchema = z
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

export const serviceSchema = z
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
