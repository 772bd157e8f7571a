// What a service was told when it was started: its files of settings, its command line, its environment; and where that cannot be known.
//
// Rules
// - What a file may say and was not read (another user's, taken in by another file, computed) is not known: no default is assumed then.
// - Files are read by lines, in whichever form: `key = value`, `key: value`, `"key": value,`, `<key>value</key>`.
import type { FactsThere, Setting, SettingsFile } from "./facts.ts";
import type { SurveyProcess } from "../transport/survey.ts";
import type { Running } from "./running.ts";

export interface At {
  readonly file: SettingsFile;
  readonly setting: Setting;
}

type Env = Readonly<Record<string, string>>;

export function isUwsgi({ master }: Running): boolean {
  return /(?:^|\/)uwsgi/.test(wordsOf(master)[0] ?? "");
}

export function isGunicorn({ master }: Running): boolean {
  return /\bgunicorn\b/.test(wordsOf(master).slice(0, 4).join(" "));
}

/** A process may have written its title over its command line, in one word. */
function wordsOf(process: SurveyProcess | undefined): readonly string[] {
  const argv = process?.argv ?? [];
  return argv.length === 1 ? (argv[0] ?? "").split(" ") : argv;
}

/** Files that a service takes its settings from, absolute, in the order in which they count; of a directory, its `*.conf` by name. */
export function settingsFilesOf(process: SurveyProcess): string[] {
  const { cwd } = process;
  const words = wordsOf(process);
  const flags = ["--config-file", "--ini", "--yaml", "--yml", "--xml", "--json", "-x", "-y", "-j", "-c", "--config"];
  const dirs = valuesOf(words, "--config-dir");
  const named = flags.flatMap((flag) => valuesOf(words, flag));
  const bare = words.filter((word) => /\.(?:ini|conf|ya?ml|xml)$/.test(word) && !word.startsWith("-"));
  const isGunicorns = words.slice(0, 4).some((word) => /(?:^|\/)gunicorn/.test(word));
  const usual = isGunicorns && named.length === 0 && cwd !== undefined ? ["gunicorn.conf.py"] : [];
  const files = [...new Set([...usual, ...named, ...bare])].filter((file) => !/[\s"'$`\\]/.test(file));
  const program = /(?:^|\/)([a-z]+)(-[a-z-]+?)(?:-uwsgi)?(?:\.\w+)?$/;
  const [, project, rest] = words.map((word) => program.exec(word)).find((found) => found !== null) ?? [];
  const own =
    project === undefined
      ? []
      : [
          ...(words.some((word) => word.startsWith("--config-file")) ? [] : [`/etc/${project}/${project}.conf`]),
          ...(dirs.length > 0 ? [] : [`/etc/${project}/${project}.conf.d`, `/etc/${project}/${project}${rest}.conf.d`]),
        ];
  const absolute = (file: string): string =>
    file.startsWith("/") ? file : `${cwd === undefined || cwd === "/" ? "" : cwd}/${file.replace(/^file:|^\.\//, "")}`;
  return [...own.slice(0, -2), ...files.map(absolute), ...own.slice(-2), ...dirs.map(absolute)].filter(
    (file, index, all) => all.indexOf(file) === index,
  );
}

/** All that stands behind `--flag`, `--flag=value`, `-c value` or `-c4`. */
export function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, index) => {
    if (word === flag) return argv[index + 1] ?? [];
    if (flag.startsWith("--")) return word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : [];
    return word.startsWith(flag) && /^\d+$/.test(word.slice(2)) ? word.slice(2) : [];
  });
}

/** The last that sets it, as the service reads them. */
export function settingOf(files: readonly SettingsFile[], section: string, keys: readonly string[]): At | undefined {
  return files
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })))
    .findLast(({ setting }) => setting.section === section && keys.includes(setting.key));
}

/** Those of the service's files that are there. */
export function filesOf({ master }: Running, there: FactsThere): SettingsFile[] {
  const wanted = master === undefined ? [] : settingsFilesOf(master);
  return wanted.flatMap(
    (path) => there.details?.files.filter((file) => file.path === path || file.path.startsWith(`${path}/`)) ?? [],
  );
}

/** A whole number, such as `30` or `30  # seconds`; undefined: it is computed, or no number. */
export function numberIn(text: string | undefined): number | undefined {
  const digits = /^(\d{1,9})\s*(?:[#;].*)?$/.exec(text?.trim() ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Why a setting of uWSGI or gunicorn that was not found may be set all the same; undefined: it is not. `env`: undefined where it is hidden. */
export function whyUnknown(running: Running, files: readonly SettingsFile[], env: Env | undefined): string | undefined {
  const { master } = running;
  const words = wordsOf(master);
  const unread = files.find(({ readable }) => !readable);
  if (unread !== undefined) return `this user may not read ${unread.path}`;
  if (isGunicorn(running) && master?.argv.length === 1) return "it has written a title over its command line";
  if (env === undefined) return `the environment of pid ${master?.pid} is another user's`;
  const other = ["UWSGI_INI", "UWSGI_YAML", "UWSGI_XML", "UWSGI_JSON"].find((name) => env[name] !== undefined);
  if (isUwsgi(running) && other !== undefined) return `it is told by ${other} which file has its settings`;
  const odd = files.find(
    ({ path, settings }) => /\.(?:ya?ml|xml|json)$/.test(path) && !settings.some(({ key }) => key === "["),
  );
  if (isUwsgi(running) && odd !== undefined) return `${odd.path} is not written in lines as doctor knows them`;
  const part = words.find((word) => /\.ini:\w+$/.test(word));
  if (part !== undefined) return `its settings are a section of its own: ${part}`;
  if (words.includes("--emperor")) return "it is an emperor, whose vassals have their own settings";
  const module = words.find((word) => word.startsWith("python:"));
  if (module !== undefined) return `its settings are the module ${module.slice("python:".length)}`;
  if (/(?:^|\s)(?:-c|--config)[= ]/.test(env["GUNICORN_CMD_ARGS"] ?? ""))
    return "GUNICORN_CMD_ARGS names a file of settings";
  const taken = files
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })))
    .find(({ setting }) => isUwsgi(running) && ["include", "ini", "inherit", "yaml", "xml"].includes(setting.key));
  return taken === undefined
    ? undefined
    : `${taken.file.path}:${taken.setting.line} takes in another file (${taken.setting.value})`;
}
