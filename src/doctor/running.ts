// Which of a host's processes are a service of debugtap.yml: its master and its workers.
//
// Rules
// - The surest sign counts alone: the hook's name in its environment, else its unit or tab, else `match`, else the service's name
//   in the command line, else who listens on its port.
// - What runs by compose, or is seen in a container alone, is told as its container, which has processes of its own.
// - A process belongs with its parent when both are the service's. debugpy's adapter and multiprocessing's helpers are no workers.
import { parse as parsePath } from "node:path";
import type { ServiceConfig } from "../config.ts";
import { isHelper } from "../python-helpers.ts";
import type { Survey, SurveyContainer, SurveyProcess } from "../transport/survey.ts";
import type { Details } from "./facts.ts";

export interface Running {
  readonly service: ServiceConfig;
  /** The outermost process; undefined: none was found. */
  readonly master: SurveyProcess | undefined;
  /** Processes below it. */
  readonly workers: readonly SurveyProcess[];
  readonly all: readonly SurveyProcess[];
  /** It runs in one, and its processes are not looked for. */
  readonly container?: Pick<SurveyContainer, "name">;
}

export function runningOf(service: ServiceConfig, survey: Survey, details: Details | undefined): Running {
  const { run } = service;
  if (run?.kind === "compose") {
    const container = survey.containers.find(
      (each) => each.service === run.service && (each.dir === "" || each.dir === run.dir.replace(/(?<=.)\/$/, "")),
    );
    return { service, master: undefined, workers: [], all: [], ...(container === undefined ? {} : { container }) };
  }
  const candidates = survey.processes.filter(
    ({ argv, container }) => !isHelper(argv) && !argv.join(" ").includes("/pydevd.py") && container === undefined,
  );
  const signs: ((process: SurveyProcess) => boolean)[] = [
    ({ pid }) =>
      details?.processes.get(pid)?.env?.["DEBUGTAP_HOOK"]?.endsWith(`/services/${service.name}.json`) === true,
    (process) => isWhereItRuns(service, process, survey),
    (process) => isMatched(service, process),
    ({ argv }) => argv.some((word) => namesIt(word, service.name)),
    ({ pid }) =>
      details?.sockets.some(
        (socket) => socket.state === "listen" && socket.local === service.listens && socket.pid === pid,
      ) === true,
  ];
  const all = signs.map((sign) => candidates.filter(sign)).find((found) => found.length > 0) ?? [];
  const contained = survey.processes.find(
    ({ argv, container }) =>
      all.length === 0 && container !== undefined && argv.some((word) => namesIt(word, service.name)),
  )?.container;
  if (contained !== undefined) {
    const container = survey.containers.find(({ id }) => contained.endsWith(id)) ?? { name: contained };
    return { service, master: undefined, workers: [], all: [], container };
  }
  const pids = new Set(all.map(({ pid }) => pid));
  const master = all.find(({ ppid }) => !pids.has(ppid));
  // Children with another title are workers as well: uWSGI's, gunicorn's.
  const workers = candidates.filter((each) => each !== master && (each.ppid === master?.pid || pids.has(each.ppid)));
  return { service, master, workers, all: master === undefined ? [] : [master, ...workers] };
}

function isWhereItRuns({ run }: ServiceConfig, { unit, env }: SurveyProcess, { tabs }: Survey): boolean {
  if (run?.kind === "unit") return unit === run.unit;
  if (run?.kind !== "screen") return false;
  const [screen = "", window] = [env["STY"], env["WINDOW"]];
  const named = tabs.find((tab) => tab.screen === screen && tab.number === window);
  return screen.replace(/^\d+\./, "") === run.screen && (window === run.tab || named?.title === run.tab);
}

function isMatched({ match }: ServiceConfig, { argv, unit, cwd }: SurveyProcess): boolean {
  if (match?.argv === undefined && match?.unit === undefined && match?.cwd === undefined) return false;
  return (
    (match.argv === undefined || argv.join(" ").includes(match.argv)) &&
    (match.unit === undefined || unit?.replace(/\.service$/, "") === match.unit.replace(/\.service$/, "")) &&
    (match.cwd === undefined || cwd === match.cwd)
  );
}

/** `api` is in `/srv/api.py`, in `api.ini` and in `api:app`, not in `/srv/api/other.py`. */
function namesIt(word: string, name: string): boolean {
  const { base } = parsePath(word);
  return (
    base === name || base.startsWith(`${name}.`) || base.startsWith(`${name}:`) || base.startsWith(`${name}-uwsgi.`)
  );
}

export function interpreterKey({ interpreter, env }: SurveyProcess): string {
  return `${interpreter?.path ?? ""}\t${env["PYTHONPATH"] ?? ""}`;
}
