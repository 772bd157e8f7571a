// How a service is run on its host (`run:`), and how a debugger comes into it without an edit (`inject:`).
//
// Rules
// - `run` names one of four: a systemd unit, a tab of GNU screen, a compose service, or commands of your own.
// - restart, logs and inject go by it; nothing else does.
import { z } from "zod";
import type { Path, Problem } from "./config-source.ts";

const text = (what: string, max = 1024) =>
  z
    .string({ error: `${what} is text` })
    .min(1, { error: `${what} is empty` })
    .max(max, { error: `${what} is too long` })
    .regex(/^\P{Cc}*$/u, { error: `${what} has a control character in it` });
const word = (what: string) =>
  text(what, 255).regex(/^[^\s-]\S*$/, { error: `${what} is one word that does not begin with \`-\`` });

export const runSchema = z
  .strictObject(
    {
      unit: word("unit").exactOptional().describe("The systemd unit: `devstack@c-api`"),
      user: z
        .boolean({ error: "user is true or false" })
        .exactOptional()
        .describe("Whether the unit is one of `systemctl --user`; default false: the system's, by sudo unless root"),
      screen: word("screen").exactOptional().describe("The GNU screen session: `stack`"),
      tab: text("tab", 100).exactOptional().describe("Its tab, by title or number"),
      compose: word("compose").exactOptional().describe("The compose service: `api`"),
      dir: text("dir").exactOptional().describe("Directory on the host that has its compose.yml"),
      restart: text("restart", 4096).exactOptional().describe("A shell command on the host that restarts the service"),
      logs: text("logs", 4096).exactOptional().describe("A shell command on the host that follows its log"),
      env_file: text("env_file")
        .exactOptional()
        .describe("A file of `NAME=value` lines on the host that `restart` reads; `inject` puts its lines there"),
    },
    {
      error:
        "run is one of `{ unit: NAME }`, `{ screen: SESSION, tab: TITLE }`, `{ compose: SERVICE, dir: DIR }`, `{ restart: COMMAND }`",
    },
  )
  .describe("How the service is run on its host: what `restart`, `logs` and `inject` go by");

export const injectSchema = z
  .strictObject(
    {
      module: z
        .string({ error: "module is text" })
        .regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, { error: "module is a name such as `cinder.cmd.api`" })
        .exactOptional()
        .describe("The debugger starts when this module is first imported; default: as soon as Python runs"),
      wait: z
        .string({ error: "wait is a time with its unit: `10s`, `2m`" })
        .regex(/^\d{1,6}(?:ms|s|m)$/, { error: "wait is a time with its unit: `10s`, `2m`" })
        .exactOptional()
        .describe(
          "How long a starting service that listens waits for a client before its first line; default: not at all",
        ),
      guard: z
        .array(text("an entry of guard", 100), { error: "guard is a list of names of threads such as `[heartbeat*]`" })
        .max(50, { error: "guard is a list of at most 50 names" })
        .exactOptional()
        .describe("Threads that are not traced, by name (`*` is anything): they run on while others are stopped"),
    },
    { error: "inject is a map such as `{ module: cinder.cmd.api }`" },
  )
  .describe("How `debugtap inject` puts the debugger into the service");

type RunInput = z.infer<typeof runSchema>;

/** How a service is run on its host. */
export type RunConfig =
  | { readonly kind: "unit"; readonly unit: string; readonly user: boolean }
  | { readonly kind: "screen"; readonly screen: string; readonly tab: string }
  | { readonly kind: "compose"; readonly service: string; readonly dir: string }
  | { readonly kind: "command"; readonly restart: string; readonly logs?: string; readonly envFile?: string };

export interface InjectConfig {
  readonly module?: string;
  /** As written, such as `10s`. */
  readonly wait?: string;
  readonly guard: readonly string[];
}

const kindNames = ["unit", "screen", "compose", "restart"] as const;
const kinds = { unit: ["user"], screen: ["tab"], compose: ["dir"], restart: ["logs", "env_file"] } as const;

/** What does not go together in `run`; `path` is its place. */
export function checkRun(run: RunInput, path: Path, at: { offsetOfKey(path: Path): number }): Problem[] {
  const named = kindNames.filter((key) => key in run);
  const [kind, other] = named;
  if (kind === undefined || other !== undefined) {
    const what =
      kind === undefined
        ? "`run` needs one of `unit`, `screen`, `compose` and `restart`"
        : `\`${kind}\` and \`${other}\` are two ways to run it; one is to be named`;
    return [{ offset: at.offsetOfKey(other === undefined ? path : [...path, other]), text: what }];
  }
  const problems: Problem[] = [];
  const own = new Set<string>([kind, ...kinds[kind]]);
  for (const key of Object.keys(run).filter((key) => !own.has(key)))
    problems.push({ offset: at.offsetOfKey([...path, key]), text: `\`${key}\` does not go with \`${kind}\`` });
  if (kind === "screen" && run.tab === undefined)
    problems.push({ offset: at.offsetOfKey([...path, kind]), text: "`screen` needs `tab`", fix: "tab: c-api" });
  if (kind === "compose" && run.dir === undefined)
    problems.push({ offset: at.offsetOfKey([...path, kind]), text: "`compose` needs `dir`", fix: "dir: /srv/shop" });
  return problems;
}

/** Of one that {@link checkRun} has nothing against. */
export function resolveRun(run: RunInput): RunConfig {
  if (run.unit !== undefined) {
    const unit = /\.[a-z]+$/.test(run.unit) ? run.unit : `${run.unit}.service`;
    return { kind: "unit", unit, user: run.user ?? false };
  }
  if (run.screen !== undefined) return { kind: "screen", screen: run.screen, tab: run.tab ?? "0" };
  if (run.compose !== undefined) return { kind: "compose", service: run.compose, dir: run.dir ?? "." };
  return {
    kind: "command",
    restart: run.restart ?? "false",
    ...(run.logs === undefined ? {} : { logs: run.logs }),
    ...(run.env_file === undefined ? {} : { envFile: run.env_file }),
  };
}
