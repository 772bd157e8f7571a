// How the environment gets into a service: the lines for the file that carries it in, by how the service is run.
//
// Rules
// - unit: a drop-in. compose: an override that `debugtap restart` names. command: a block in its env_file. screen: no file; `debugtap
//   restart` sources `env/NAME.sh` in the tab.
// - What a service has in PYTHONPATH stays, behind ours.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { RunConfig } from "../config-inject.ts";
import type { ServiceConfig } from "../config.ts";
import { matches } from "../process.ts";
import type { Interpreter, Survey, SurveyProcess } from "../transport/survey.ts";
import { dropInPath } from "./unit.ts";

/** Of a service that has a `run`. */
export type Runnable = ServiceConfig & { readonly run: RunConfig };

export const composeFile = "compose.debugtap.yml";

/** Throws DT_INJECT_RUN. */
export function runnable(service: ServiceConfig): Runnable {
  const { run, name } = service;
  if (run === undefined) {
    throw new DebugtapError("DT_INJECT_RUN", `debugtap.yml does not say how ${name} is run`, {
      why: "the debugger comes into it by its systemd unit, its screen tab, compose, or a file of variables",
      fix: `run: { unit: ${name} }   # in debugtap.yml, at ${name}; or: debugtap init ${shellQuote(service.host)}`,
    });
  }
  if (run.kind === "command" && run.envFile === undefined) {
    throw new DebugtapError("DT_INJECT_RUN", `nothing carries the environment into ${name}`, {
      why: "its `restart` is a command, and debugtap does not know where that has its variables from",
      fix: `env_file: /etc/default/${name}   # in debugtap.yml, beside restart: a file of NAME=value lines that it reads`,
    });
  }
  if (service.wire === "raw") {
    throw new DebugtapError("DT_INJECT_RUN", `${name} has the wire \`raw\`: there is no debugger to put into it`, {
      fix: "wire: dap   # or pydevd, in debugtap.yml",
    });
  }
  return { ...service, run };
}

/** The file outside of the folder; undefined: none. A path that is not absolute is one of the home directory. */
export function carrier(run: RunConfig, id: string): string | undefined {
  const homely = (path: string): string => (/^(?:\/|~\/)/.test(path) ? path : `~/${path.replace(/^(?:\.\/)+/, "")}`);
  if (run.kind === "unit") return dropInPath(run.unit, run.user, id);
  if (run.kind === "compose") return homely(run.dir === "." ? composeFile : `${run.dir}/${composeFile}`);
  return run.kind === "command" && run.envFile !== undefined ? homely(run.envFile) : undefined;
}

export function describeRun(run: RunConfig): string {
  if (run.kind === "unit") return `unit ${run.unit}${run.user ? " (--user)" : ""}`;
  if (run.kind === "screen") return `screen ${run.screen} tab ${run.tab}`;
  return run.kind === "compose" ? `compose ${run.service} in ${run.dir}` : `command with ${run.envFile ?? "nothing"}`;
}

/** Its processes there, as far as they are told apart. */
export function processesOf({ run, match }: Runnable, survey: Survey): SurveyProcess[] {
  if (run.kind === "unit") return survey.processes.filter(({ unit }) => unit === run.unit);
  if (run.kind === "screen") {
    const numbers = new Set(
      survey.tabs
        .filter(({ screen, number, title }) => isScreen(screen, run.screen) && [number, title].includes(run.tab))
        .map(({ number }) => number),
    );
    return survey.processes.filter(
      ({ env }) => isScreen(env["STY"] ?? "", run.screen) && numbers.has(env["WINDOW"] ?? ""),
    );
  }
  if (run.kind === "compose" || match === undefined) return [];
  return survey.processes.filter(({ uid, argv, cwd, unit, env }) =>
    matches(match, {
      argv,
      env,
      ...(uid === undefined ? {} : { uid }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(unit === undefined ? {} : { unit }),
    }),
  );
}

/** `19225.stack` is `stack`. */
function isScreen(sty: string, name: string): boolean {
  return sty === name || sty.replace(/^\d+\./, "") === name;
}

export function containerInterpreter(run: RunConfig, survey: Survey): Interpreter | undefined {
  if (run.kind !== "compose") return undefined;
  return survey.containers.find(({ service, interpreter }) => service === run.service && interpreter !== undefined)
    ?.interpreter;
}

/** Without folders of debugtaps, which a running service may have been given. */
export function withoutHooks(pythonPath: string | undefined): string | undefined {
  const left = pythonPath
    ?.split(":")
    .filter((path) => !/\/debugtap(?:-(?:inject-)?\d+)?\/[0-9a-f]{10}\/hook$/.test(path))
    .join(":");
  return left === "" ? undefined : left;
}

/** A line of an environment file, as systemd, a shell and Python's dotenv read it alike. */
export function envLine(name: string, value: string): string {
  return `${name}=${shellQuote(value)}`;
}

/** The lines of one service below `services:`. JSON is YAML; `$` would be a variable of compose's. */
export function composeLines(
  service: string,
  root: string,
  name: string,
  environment: Readonly<Record<string, string>>,
  port: { readonly published?: number },
): string[] {
  const text = (value: string): string => JSON.stringify(value.replaceAll("$", "$$$$"));
  const bind = (path: string, isReadOnly: boolean): string =>
    `      - { type: bind, source: ${text(path)}, target: ${text(path)}, read_only: ${String(isReadOnly)} }`;
  return [
    `  ${text(service)}:`,
    "    environment:",
    ...Object.entries(environment).map(([key, value]) => `      ${key}: ${text(value)}`),
    ...(port.published === undefined ? [] : ["    ports:", `      - "127.0.0.1:${port.published}:${port.published}"`]),
    "    volumes:",
    ...["hook", "lent", "services"].map((part) => bind(`${root}/${part}`, true)),
    bind(`${root}/state/${name}`, false),
  ];
}
