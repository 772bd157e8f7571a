// Which of a host's processes are services, what they are called, and what is special about each.
//
// Rules
// - Workers (the same argv below their parent, or a title that names the master) belong to the one that forked them.
// - What belongs to the system or to a debugger is no service, and is told as such.
// - A name is that of the unit, the compose service, the screen's tab or the program, in this order; doubles are numbered.
import { isHelper } from "../python-helpers.ts";
import type { Interpreter, Survey, SurveyProcess } from "../transport/survey.ts";
import type { RunningDebugger } from "../transport/survey-debuggers.ts";

/** As `run:` of debugtap.yml. */
export type FoundRun =
  | { readonly unit: string; readonly user?: true }
  | { readonly screen: string; readonly tab: string }
  | { readonly compose: string; readonly dir: string };

export interface FoundService {
  readonly name: string;
  readonly where: "unit" | "screen" | "compose" | "process";
  /** `devstack@c-api.service`, `19225.stack tab 1`, `shop-api-1`, or the command line up to its program. */
  readonly place: string;
  readonly pid?: number;
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** That cannot be seen: it is another user's. */
  readonly hidden: boolean;
  readonly interpreter: Interpreter | undefined;
  /** Which makes green threads of its threads. `maybe`: it can be imported, whether it is used does not show. */
  readonly green?: { readonly name: string; readonly sure: boolean };
  readonly gevent: boolean;
  /** Processes that it forked. */
  readonly workers: number;
  /** `uwsgi`, `gunicorn`, or a master with workers of the same command line. */
  readonly forking?: string;
  /** That runs in it already. */
  readonly debugger?: RunningDebugger;
  /** How it is run; absent where nothing can restart it alone. */
  readonly run?: FoundRun;
}

/** What stacks call their services. */
const devstackNames: Readonly<Record<string, string>> = {
  "c-api": "cinder-api",
  "c-sch": "cinder-scheduler",
  "c-vol": "cinder-volume",
  "c-bak": "cinder-backup",
  "n-api": "nova-api",
  "n-api-meta": "nova-api-metadata",
  "n-sch": "nova-scheduler",
  "n-cpu": "nova-compute",
  "n-cond": "nova-conductor",
  "n-super-cond": "nova-super-conductor",
  "n-cond-cell1": "nova-conductor-cell1",
  "n-novnc-cell1": "nova-novncproxy-cell1",
  "g-api": "glance-api",
  "q-svc": "neutron-server",
  "q-agt": "neutron-agent",
  "q-dhcp": "neutron-dhcp-agent",
  "q-l3": "neutron-l3-agent",
  "q-meta": "neutron-metadata-agent",
  "neutron-api": "neutron-api",
  "placement-api": "placement-api",
  "h-api": "heat-api",
  "h-eng": "heat-engine",
  "s-proxy": "swift-proxy",
};

const ofSystem =
  /^(?:unattended-upgrade|networkd-dispatcher|fail2ban|cloud-init|supervisord|firewalld|tuned|ansible|apport|landscape|hplip|blueman|ubuntu-pro|oslo_privsep|privsep-helper|pip|ipython|jupyter)/;
const general = new Set(["main", "app", "manage", "server", "run", "wsgi", "asgi", "service", "start", "application"]);
const shells = /^(?:ba|z|da|k|fi|tc|c)?sh$|^$/;

export function findServices(survey: Survey): { services: FoundService[]; passedOver: string[] } {
  const passedOver: string[] = [];
  const byPid = new Map(survey.processes.filter(isPython).map((process) => [process.pid, process]));
  const roots = new Map<number, SurveyProcess>();
  const workers = new Map<number, number>();
  const debuggers = new Map<number, RunningDebugger>();
  for (const process of byPid.values()) {
    const root = rootOf(process, byPid);
    roots.set(root.pid, root);
    if (process.debugger !== undefined) debuggers.set(root.pid, process.debugger);
    if (root !== process) workers.set(root.pid, (workers.get(root.pid) ?? 0) + 1);
  }
  const found: FoundService[] = [];
  for (const root of roots.values()) {
    if (root.container !== undefined) continue;
    const program = programOf(root);
    if (isHelper(root.argv)) continue;
    if (ofSystem.test(program)) passedOver.push(`${program} (pid ${root.pid}) is the system's`);
    else if (program === "") passedOver.push(`pid ${root.pid} is a Python with no program`);
    else {
      const running = debuggers.get(root.pid);
      const own = serviceOf(root, program, workers.get(root.pid) ?? 0, survey);
      found.push(running === undefined ? own : { ...own, debugger: running });
    }
  }
  for (const container of survey.containers) {
    if (container.service === "" && container.interpreter?.version === undefined) continue;
    if (container.interpreter?.version === undefined) {
      passedOver.push(`${container.name} (${container.image}) has no python3 that answers`);
      continue;
    }
    found.push({
      name: container.service === "" ? container.name : container.service,
      where: "compose",
      place: container.name,
      argv: [],
      hidden: false,
      interpreter: container.interpreter,
      gevent: false,
      workers: 0,
      ...(container.service === "" || container.dir === ""
        ? {}
        : { run: { compose: container.service, dir: container.dir } }),
      ...greenOf([], undefined, container.interpreter),
    });
  }
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : (a.pid ?? 0) - (b.pid ?? 0)));
  const seen = new Map<string, number>();
  const services = found.map((service) => {
    const name = nameLike(service.name);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...service, name: count === 1 ? name : `${name}-${count}` };
  });
  for (const unit of survey.down) passedOver.push(`${unit} does not run`);
  return { services, passedOver };
}

function isPython({ argv, exe = "" }: SurveyProcess): boolean {
  return [argv[0] ?? "", exe].some((path) => /^(?:python|pypy|uwsgi|gunicorn)/.test(base(path).replace(/:$/, "")));
}

/** The outermost process of the same program: workers have its argv, or stand with another title in its unit. */
function rootOf(process: SurveyProcess, byPid: ReadonlyMap<number, SurveyProcess>): SurveyProcess {
  let root = process;
  for (let depth = 0; depth < 20; depth++) {
    const parent = byPid.get(root.ppid);
    if (parent === undefined || parent === root || ofSystem.test(programOf(parent))) break;
    const sameUnit = root.unit !== undefined && root.unit === parent.unit;
    if (!sameUnit && root.argv.join("\0") !== parent.argv.join("\0") && !isHelper(root.argv)) break;
    root = parent;
  }
  return root;
}

/** Its script, module or server, without directory and `.py`; empty for a prompt. */
function programOf({ argv, cwd }: SurveyProcess): string {
  const words = argv.flatMap((word) => (argv.length === 1 ? word.split(" ") : [word]));
  const server = base(words[0] ?? "");
  if (server.startsWith("uwsgi")) return uwsgiName(words);
  let rest = words.slice(1);
  if (server.startsWith("gunicorn")) rest = words;
  else
    while (rest[0]?.startsWith("-") === true && rest[0] !== "-m" && rest[0] !== "-c" && rest[0] !== "-") {
      rest = rest.slice(/^-[XW]$/.test(rest[0]) ? 2 : 1);
    }
  if (rest[0] === "-c" || rest[0] === "-" || rest[0] === undefined) return "";
  const program = (rest[0] === "-m" ? (rest[1] ?? "") : base(rest[0])).replace(/\.py$/, "").replace(/:$/, "");
  if (/^(?:gunicorn|uvicorn|hypercorn|flask|celery)$/.test(program)) {
    const app = rest.slice(1).find((word) => /^[\w.]+:\w+$/.test(word));
    return app === undefined ? ownName(program, cwd) : ownName(app.slice(0, app.indexOf(":")), cwd);
  }
  return ownName(program.replace(/\.__main__$/, ""), cwd);
}

/** `main` and the like say nothing: then the directory does. */
function ownName(program: string, cwd: string | undefined): string {
  const last = program.split(".").findLast((part) => !general.has(part));
  if (last !== undefined && last !== "") return program.split(".").length > 1 ? last : program;
  const dir = base(cwd ?? "");
  return dir === "" ? program : dir;
}

/** Of `uwsgi --ini /etc/cinder/cinder-api-uwsgi.ini`. */
function uwsgiName(words: readonly string[]): string {
  const file = words.find((word) => /\.(?:ini|ya?ml|xml|json|py|wsgi)$/.test(word));
  return file === undefined ? "uwsgi" : base(file).replace(/(?:-uwsgi)?\.\w+$/, "");
}

function serviceOf(root: SurveyProcess, program: string, workers: number, survey: Survey): FoundService {
  const { pid, argv, cwd, unit, interpreter, env } = root;
  const tab = tabOf(root, survey);
  const titled = tab === undefined || shells.test(tab.title) ? undefined : tab.title;
  const command = argv.join(" ");
  const server = /\b(uwsgi|gunicorn)\b/.exec(command)?.[1];
  const forking = server ?? (workers > 0 ? "forks" : undefined);
  const own =
    unit === undefined ? { name: titled === undefined ? program : knownAs(titled) } : { name: unitName(unit, program) };
  return {
    ...own,
    where: unit === undefined ? (tab === undefined ? "process" : "screen") : "unit",
    place: unit ?? (tab === undefined ? shortCommand(argv) : `${tab.screen} tab ${tab.number}`),
    pid,
    argv,
    ...(cwd === undefined ? {} : { cwd }),
    hidden: cwd === undefined,
    interpreter,
    gevent: /^(?:true|1|yes)$/i.test(env["GEVENT_SUPPORT"] ?? ""),
    workers,
    ...(forking === undefined ? {} : { forking }),
    ...runOf(root, tab, survey),
    ...greenOf(argv, root.green, interpreter),
  };
}

/** Not of what a supervisor runs, whose unit is that of others too. A tab is named by its title where that says which. */
function runOf(
  { unit, ofUser, cwd }: SurveyProcess,
  tab: { readonly screen: string; readonly number: string; readonly title: string } | undefined,
  { tabs }: Survey,
): { run?: FoundRun } {
  if (unit !== undefined) {
    if (isSupervisor(unit) || (ofUser === true && cwd === undefined)) return {};
    return { run: { unit: unit.replace(/\.service$/, ""), ...(ofUser === true ? { user: true } : {}) } };
  }
  if (tab === undefined) return {};
  const name = tab.screen.replace(/^\d+\./, "");
  const others = new Set(tabs.map(({ screen }) => screen).filter((screen) => screen.replace(/^\d+\./, "") === name));
  const isTold =
    !shells.test(tab.title) &&
    !/^[\d-]/.test(tab.title) &&
    tabs.filter(({ screen, title }) => screen === tab.screen && title === tab.title).length === 1;
  return { run: { screen: others.size > 1 ? tab.screen : name, tab: isTold ? tab.title : tab.number } };
}

/** Which word is the program: behind the interpreter and its options. What is masked is an option's value. */
export function programAt(argv: readonly string[]): number {
  return argv.findIndex(
    (word, index) =>
      index > 0 && !word.startsWith("-") && !/^-[XW]$/.test(argv[index - 1] ?? "") && !word.includes("«redacted:"),
  );
}

/** Without what follows the program: that may be a password, and this goes into a file. */
function shortCommand(argv: readonly string[]): string {
  const at = programAt(argv);
  return (at < 0 ? (argv[0] ?? "").slice(0, 60) : argv.slice(0, at + 1).join(" ")).slice(0, 200);
}

function tabOf(
  { env }: SurveyProcess,
  { tabs }: Survey,
): { screen: string; number: string; title: string } | undefined {
  const { STY: screen, WINDOW: number } = env;
  if (screen === undefined || number === undefined) return undefined;
  return tabs.find((tab) => tab.screen === screen && tab.number === number) ?? { screen, number, title: "" };
}

/** A supervisor's unit holds many programs: then the program has the name. */
function unitName(unit: string, program: string): string {
  return isSupervisor(unit) ? program : knownAs(unit.replace(/\.service$/, "").replace(/^devstack@/, ""));
}

function isSupervisor(unit: string): boolean {
  return /^(?:supervisor|supervisord|cron|docker|ssh|sshd|rc-local|user@\d+)\.service$/.test(unit);
}

function knownAs(name: string): string {
  return Object.hasOwn(devstackNames, name) ? (devstackNames[name] ?? name) : name;
}

function greenOf(
  argv: readonly string[],
  loaded: boolean | undefined,
  interpreter: Interpreter | undefined,
): { green?: { name: string; sure: boolean } } {
  const said = /(?:^|[\s=])(eventlet|gevent)\b|--(gevent)\b/.exec(argv.join(" "));
  const name = said?.[1] ?? said?.[2];
  if (name !== undefined) return { green: { name, sure: true } };
  const can = ["eventlet", "gevent"].filter((each) => interpreter?.has.includes(each) === true);
  if (can.length === 0 || loaded === false) return {};
  return { green: { name: can.join(" or "), sure: loaded === true } };
}

function nameLike(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name === "" ? "service" : name.slice(0, 60);
}

function base(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
