// The service's processes: environment, GEVENT_SUPPORT, workers, uWSGI's threads, and whether the hook of inject is in them.
import { member, parseJson } from "../../protocol/json.ts";
import { maskedCommandLine } from "../init/masked-command-lines.ts";
import { programAt } from "../init/services.ts";
import { pidIn } from "../transport/source-walk.ts";
import type { SurveyProcess } from "../transport/survey.ts";
import { lineOn } from "../reach.ts";
import type { Details, FactsHere, FactsThere, SettingsFile } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { canAdd, environmentLine, injectLine, restartLine, settingCommand } from "./fix.ts";
import { isAdapter } from "../python-helpers.ts";
import type { Running } from "./running.ts";
import { filesOf, isGunicorn, isUwsgi, numberIn, settingOf, valuesOf, whyUnknown } from "./settings.ts";

export function checkProcess(running: Running, there: FactsThere, here: FactsHere): Finding[] {
  const { service, master, all, container } = running;
  const found = new Findings(service.name);
  if (there.details === undefined || there.survey === undefined) return found.list;
  if (container !== undefined) {
    found.ok("DT_DOCTOR_PROCESS", `container ${container.name} runs`);
    found.unseen("DT_DOCTOR_HIDDEN", "environment, workers and time-outs", "they are in a container");
    return found.list;
  }
  if (master === undefined) {
    const { dockerError } = there.survey;
    const why =
      service.run?.kind === "compose" && dockerError !== undefined
        ? `docker did not answer: ${dockerError.split("\n", 1)[0]}`
        : there.details.seesAll
          ? "no process of it was found there"
          : "other users' processes are not shown there (/proc is mounted with hidepid)";
    found.unseen(
      "DT_DOCTOR_PROCESS",
      "its Python, environment, workers and time-outs",
      why,
      restartLine(there.ssh, service),
    );
    return found.list;
  }
  found.ok("DT_DOCTOR_PROCESS", `pid ${master.pid} ${programOf(master.argv, here)}`);
  const env = there.details.processes.get(master.pid)?.env;
  if (env === undefined) {
    const look = `sudo cat /proc/${master.pid}/environ | tr '\\0' '\\n' | grep -E '^(GEVENT_SUPPORT|DEBUGTAP_HOOK)='`;
    found.unseen(
      "DT_DOCTOR_HIDDEN",
      "GEVENT_SUPPORT and the hook of inject",
      `the environment of pid ${master.pid} is another user's`,
      lineOn(there.ssh, look),
    );
  } else {
    checkGreen(running, env, there, found);
    checkHook(running, env, there, found);
  }
  const files = filesOf(running, there);
  checkWorkers(running, files, env ?? {}, there, found);
  if (isUwsgi(running)) checkThreads(running, files, env, there, found);
  if (service.wire === "dap") checkAttached(running, there, found);
  else checkSessions(running, here, found);
  if (all.length === 0) found.unseen("DT_DOCTOR_PROCESS", "its processes", "they have ended meanwhile");
  return found.list;
}

/** Without what follows the program: that may be a password. */
function programOf(words: readonly string[], { config }: FactsHere): string {
  const argv = maskedCommandLine(words, config?.record.secrets);
  return argv.slice(0, Math.max(programAt(argv), 0) + 1).join(" ");
}

type Env = Readonly<Record<string, string>>;

function checkGreen({ service, master, all }: Running, env: Env, { ssh }: FactsThere, found: Findings): void {
  const said = /\b(eventlet|gevent)\b/.exec(master?.argv.slice(1).join(" ") ?? "")?.[1];
  if (service.wire === "raw" || (said === undefined && !all.some(({ green }) => green === true))) return;
  const name = said ?? "greenlet (eventlet or gevent)";
  if (/^(?:true|1|yes)$/i.test(env["GEVENT_SUPPORT"] ?? ""))
    return found.ok("DT_DOCTOR_GEVENT", `GEVENT_SUPPORT is set, and ${name} is used`);
  found.wrong("DT_DOCTOR_GEVENT", `${name} is used, and GEVENT_SUPPORT is not set`, {
    why: "monkey_patch(), before or after pydevd's start, makes green threads of pydevd's own: breakpoints are not hit, or the service hangs",
    fix: environmentLine(ssh, service, "GEVENT_SUPPORT", "True"),
  });
}

function checkHook({ service, master, all }: Running, env: Env, { ssh, details }: FactsThere, found: Findings): void {
  const folder = details?.folders.find(
    ({ services, path }) => services.includes(service.name) && (env["DEBUGTAP_HOOK"]?.startsWith(`${path}/`) ?? true),
  );
  if (folder === undefined) return;
  const pid = master?.pid ?? 0;
  if (env["DEBUGTAP_HOOK"] === undefined) {
    return found.wrong("DT_DOCTOR_NOT_RESTARTED", `pid ${pid} has not the environment of debugtap inject`, {
      why: "it was started before, or in another way than `run` says; a process loads the hook when it starts",
      fix: restartLine(ssh, service),
    });
  }
  const states = folder.states.filter(
    (state) => state.service === service.name && all.some((each) => each.pid === state.pid),
  );
  if (states.length === 0) {
    const flag = master?.argv.find((word) => /^-[a-zA-Z]*[IE][a-zA-Z]*$/.test(word));
    return found.wrong(
      "DT_INJECT_IGNORED",
      `pid ${pid} has the environment of debugtap inject and has not loaded the hook`,
      {
        why:
          flag === undefined
            ? "its Python does not look at PYTHONPATH, or is older than the hook knows"
            : `\`python ${flag}\` ignores PYTHONPATH`,
        fix: restartLine(ssh, service, `sed -i 's/ ${flag ?? "-I"} / /' FILE-THAT-STARTS-IT`),
      },
    );
  }
  for (const { pid: each, text } of states) {
    const state = parseJson(Buffer.from(text));
    const [is, error] = [member(state, "state"), member(state, "error")];
    if (typeof is !== "string") {
      found.unseen(
        "DT_DOCTOR_HOOK_FAILED",
        `whether the hook in pid ${each} has started the debugger`,
        "its state cannot be read",
      );
      continue;
    }
    if (is !== "failed")
      found.ok(
        "DT_DOCTOR_HOOK_FAILED",
        `the hook in pid ${each} is ${is}${is === "started" ? ` (${String(member(state, "debugger"))})` : ""}`,
      );
    else {
      found.wrong("DT_DOCTOR_HOOK_FAILED", `the hook in pid ${each} could not start the debugger`, {
        why: (typeof error === "string" ? error : "it does not say why").split("\n").at(-1) ?? "",
        fix: restartLine(ssh, service),
      });
    }
  }
}

/** Programs of oslo.service that fork what one setting says, where it is more than one: program, section, key. */
const osloWorkers = [
  ["cinder-api", "DEFAULT", "osapi_volume_workers"],
  ["glance-api", "DEFAULT", "workers"],
  ["heat-engine", "DEFAULT", "num_engine_workers"],
  ["nova-conductor", "conductor", "workers"],
  ["nova-scheduler", "scheduler", "workers"],
] as const;

/** What the command line or the settings ask for; undefined: nothing is said. */
function expectedWorkers(running: Running, files: readonly SettingsFile[], env: Env): number | undefined {
  const argv = running.master?.argv ?? [];
  const numbers = (flags: readonly string[]): string | undefined =>
    flags.flatMap((flag) => valuesOf(argv, flag)).at(-1);
  if (isUwsgi(running)) {
    // Then how many run goes with the load.
    if (argv.some((word) => word.startsWith("--cheaper")) || settingOf(files, "uwsgi", ["cheaper"]) !== undefined)
      return undefined;
    const said =
      numbers(["--processes", "--workers", "-p"]) ?? settingOf(files, "uwsgi", ["processes", "workers"])?.setting.value;
    return numberIn(said ?? env["UWSGI_PROCESSES"] ?? env["UWSGI_WORKERS"]);
  }
  const [, section, key] = osloWorkers.find(([name]) => argv.some((word) => word.endsWith(`/${name}`))) ?? [];
  if (key !== undefined) {
    const said = numberIn(settingOf(files, section ?? "", [key])?.setting.value) ?? 0;
    return said > 1 ? said : undefined;
  }
  if (!isGunicorn(running)) return undefined;
  const own = /(?:-w|--workers)[= ](\d+)/.exec(env["GUNICORN_CMD_ARGS"] ?? "")?.[1];
  return numberIn(
    numbers(["-w", "--workers"]) ?? own ?? settingOf(files, "", ["workers"])?.setting.value ?? env["WEB_CONCURRENCY"],
  );
}

/** A key of uWSGI without a value is on. */
function isOn(text: string | undefined): boolean {
  return text !== undefined && !/^(?:false|0|no)$/i.test(text);
}

function checkWorkers(
  running: Running,
  files: readonly SettingsFile[],
  env: Env,
  { ssh }: FactsThere,
  found: Findings,
): void {
  const { service, master, workers } = running;
  const expected = expectedWorkers(running, files, env);
  if (expected === undefined) return;
  // A uWSGI without `master` is its own first worker.
  const seen = workers.filter(({ ppid }) => ppid === master?.pid).length;
  const isMaster =
    master?.argv.some((word) => /^(?:-M|--master)$/.test(word)) === true ||
    isOn(settingOf(files, "uwsgi", ["master"])?.setting.value) ||
    isOn(env["UWSGI_MASTER"]);
  const isMasterless = isUwsgi(running) && !isMaster && seen === expected - 1;
  if (seen >= expected || isMasterless)
    return found.ok("DT_DOCTOR_WORKERS", `${expected} worker${expected === 1 ? "" : "s"} of ${expected} run`);
  found.wrong("DT_DOCTOR_WORKERS", `${seen} of ${expected} workers run`, {
    why: "its settings were changed since it was started, or workers ended at their start: a request that they should have had is not seen",
    fix: restartLine(ssh, service),
  });
}

function checkThreads(
  running: Running,
  files: readonly SettingsFile[],
  env: Env | undefined,
  { ssh }: FactsThere,
  found: Findings,
): void {
  const { service, master } = running;
  const argv = master?.argv ?? [];
  const inFile = settingOf(files, "uwsgi", ["enable-threads", "threads"]);
  const said =
    argv.some((word) => /^(?:--(?:enable-threads|threads)(?:=|$)|-T$)/.test(word)) ||
    isOn(env?.["UWSGI_ENABLE_THREADS"]) ||
    isOn(env?.["UWSGI_THREADS"]);
  if (said || isOn(inFile?.setting.value)) return found.ok("DT_DOCTOR_THREADS", "uWSGI runs threads");
  const hidden = whyUnknown(running, files, env);
  if (hidden !== undefined && inFile === undefined)
    return found.unseen("DT_DOCTOR_THREADS", "whether uWSGI runs threads", hidden);
  const file = files.findLast(
    ({ settings, path }) =>
      (canAdd(path) || inFile !== undefined) && settings.some(({ section }) => section === "uwsgi"),
  );
  const setting = { section: "uwsgi", key: "enable-threads", value: "true" };
  found.wrong("DT_DOCTOR_THREADS", "uWSGI runs without enable-threads", {
    why: "no thread but the first of each worker runs: those of the debugger answer nothing",
    fix:
      file === undefined
        ? environmentLine(ssh, service, "UWSGI_ENABLE_THREADS", "1")
        : restartLine(
            ssh,
            service,
            settingCommand(file, { ...setting, isSet: inFile?.setting.key === "enable-threads" }),
          ),
  });
}

/** debugpy's workers are sessions only while an IDE is attached to each, but each is connected with the adapter. */
function checkAttached(running: Running, { details, survey }: FactsThere, found: Findings): void {
  const adapters = new Set(survey?.processes.filter(({ argv }) => isAdapter(argv)).map(({ pid }) => pid));
  const sockets = details?.sockets.filter(({ state }) => state === "established") ?? [];
  const isAttached = ({ pid }: SurveyProcess): boolean =>
    sockets.some(
      (own) =>
        own.pid === pid &&
        sockets.some((its) => adapters.has(its.pid ?? 0) && its.local === own.remote && its.remote === own.local),
    );
  const { service, all, workers } = running;
  const seen = workers.filter(({ pid }) => details?.processes.get(pid)?.env !== undefined && !isOther(pid, details));
  if (seen.length === 0 || !all.some(isAttached)) return;
  const missing = seen.filter((worker) => !isAttached(worker));
  if (missing.length === 0) return found.ok("DT_DOCTOR_UNDEBUGGED", `debugpy is in each of ${seen.length} workers`);
  found.wrong(
    "DT_DOCTOR_UNDEBUGGED",
    `debugpy is not in ${missing.length} of ${seen.length} workers (pid ${missing.map(({ pid }) => pid).join(", ")})`,
    {
      why: "what a worker runs is not stopped at: it was forked past debugpy (uWSGI forks in C)",
      fix: injectLine(service),
    },
  );
}

/** Another program, which the hook leaves alone. */
function isOther(pid: number, { folders }: Details): boolean {
  return folders.some(({ states }) =>
    states.some((state) => state.pid === pid && /"state": ?"loaded"/.test(state.text)),
  );
}

/** Of the running relay: each worker dials, or is attached, by itself. */
function checkSessions({ service, workers }: Running, { relays }: FactsHere, found: Findings): void {
  const relay = relays.find(({ services }) => services.some(({ name }) => name === service.name));
  const sessions =
    relay?.sessions.filter((session) => session.service === service.name && session.state !== "closed") ?? [];
  if (relay === undefined || sessions.length === 0 || workers.length === 0) return;
  const debugged = new Set(sessions.map(({ process }) => pidIn(process)));
  if (debugged.has(undefined)) return;
  const missing = workers.filter(({ pid }) => !debugged.has(pid));
  if (missing.length === 0)
    return found.ok("DT_DOCTOR_UNDEBUGGED", `each of ${workers.length} workers has a session of debugtap ${relay.pid}`);
  found.wrong(
    "DT_DOCTOR_UNDEBUGGED",
    `${missing.length} of ${workers.length} workers have no session of debugtap ${relay.pid} (pid ${missing.map(({ pid }) => pid).join(", ")})`,
    {
      why: "what a worker runs is not stopped at: it was forked past pydevd (settrace needs patch_multiprocessing=True; uWSGI forks in C)",
      fix: injectLine(service),
    },
  );
}
