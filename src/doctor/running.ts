// Which of a host's processes are a service of debugtap.yml: its master and its workers, and the settings they were started with.
//
// Rules
// - The surest sign counts alone: the hook's name in its environment, else its unit or tab, else `match`, else the service's name
//   in the command line, else who listens on its port.
// - A process belongs with its parent when both are the service's. debugpy's adapter and multiprocessing's helpers are no workers.
import { parse as parsePath } from "node:path";
import type { ServiceConfig } from "../config.ts";
import type { Survey, SurveyProcess } from "../transport/survey.ts";
import type { Details, FactsThere, Setting, SettingsFile } from "./facts.ts";

export interface Running {
  readonly service: ServiceConfig;
  /** The outermost process; undefined: none was found. */
  readonly master: SurveyProcess | undefined;
  /** Processes below it. */
  readonly workers: readonly SurveyProcess[];
  readonly all: readonly SurveyProcess[];
}

const helpers =
  /multiprocessing\.(?:resource_tracker|spawn|forkserver|semaphore_tracker)|debugpy[/.]adapter|\/pydevd\.py/;

export function isAdapter({ argv }: SurveyProcess): boolean {
  return /debugpy[/.]adapter/.test(argv.join(" "));
}

export function runningOf(service: ServiceConfig, survey: Survey, details: Details | undefined): Running {
  const candidates = survey.processes.filter(
    ({ argv, container }) => !helpers.test(argv.join(" ")) && container === undefined,
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

/** Files that a service takes its settings from, absolute, in the order in which they count. */
export function settingsFilesOf({ argv, cwd = "/" }: SurveyProcess): string[] {
  const words = argv.length === 1 ? (argv[0] ?? "").split(" ") : argv;
  const named = ["--config-file", "--ini", "-c", "--config"].flatMap((flag) => valuesOf(words, flag));
  const bare = words.filter((word) => /\.(?:ini|conf)$/.test(word) && !word.startsWith("-"));
  const files = [...new Set([...named, ...bare])].filter((file) => !/[\s"'$`\\]/.test(file));
  const project = /(?:^|\/)([a-z]+)-[a-z-]+(?:-uwsgi)?(?:\.\w+)?$/.exec(
    words.find((word) => /(?:^|\/)[a-z]+-[a-z]/.test(word) && !word.startsWith("-")) ?? "",
  )?.[1];
  const own = project === undefined || words.includes("--config-file") ? [] : [`/etc/${project}/${project}.conf`];
  return [
    ...own,
    ...files.map((file) =>
      file.startsWith("/") ? file : `${cwd === "/" ? "" : cwd}/${file.replace(/^python:|^file:|^\.\//, "")}`,
    ),
  ];
}

/** All that stands behind `--flag`, `--flag=value` or `-c value`. */
export function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, index) => {
    if (word === flag) return argv[index + 1] ?? [];
    return flag.startsWith("--") && word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : [];
  });
}

export function interpreterKey({ interpreter, env }: SurveyProcess): string {
  return `${interpreter?.path ?? ""}\t${env["PYTHONPATH"] ?? ""}`;
}

interface Found {
  readonly file: SettingsFile;
  readonly setting: Setting;
}

/** The last that sets it, as the service reads them. */
export function settingOf(files: readonly SettingsFile[], section: string, keys: readonly string[]): Found | undefined {
  return files
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })))
    .findLast(({ setting }) => setting.section === section && keys.includes(setting.key));
}

/** Those of the service's files that could be read. */
export function filesOf({ master }: Running, there: FactsThere): SettingsFile[] {
  const wanted = master === undefined ? [] : settingsFilesOf(master);
  return wanted.flatMap((path) => there.details?.files.find((file) => file.path === path) ?? []);
}
