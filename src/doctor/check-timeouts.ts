// Time-outs that end, fence or restart a service while it stands at a breakpoint.
//
// Rules
// - A stop is taken to last some minutes: what waits ten minutes or longer, or for ever, is ok.
// - What a service does not set has the default of its project: oslo.messaging 60 s, gunicorn 30 s. uWSGI and systemd have none.
// - A setting that may be where nobody looked, or is computed, is `unseen`, not its default.
// - `report_interval` does no harm by itself: what counts is how much longer `service_down_time` is.
import { shellQuote } from "../../protocol/shell.ts";
import { lineOn } from "../reach.ts";
import type { FactsThere, SettingsFile } from "./facts.ts";
import { Findings, type Finding, type FindingCode } from "./finding.ts";
import { dropIn, environmentLine, restartLine, settingCommand } from "./fix.ts";
import type { Running } from "./running.ts";
import { filesOf, isGunicorn, isUwsgi, numberIn, settingOf, valuesOf, whyUnknown } from "./settings.ts";

/** Seconds. */
const patient = 600;
const patience = "3600";

interface OsloTimeout {
  readonly code: FindingCode;
  readonly section: string;
  readonly key: string;
  /** Seconds. */
  readonly usual: number;
  readonly wanted: string;
  readonly why: string;
}

const oslo: readonly OsloTimeout[] = [
  {
    code: "DT_DOCTOR_RPC_TIMEOUT",
    section: "DEFAULT",
    key: "rpc_response_timeout",
    usual: 60,
    wanted: patience,
    why: "who calls a service that is stopped gives up with MessagingTimeout, and the request fails",
  },
  {
    code: "DT_DOCTOR_SERVICE_DOWN",
    section: "DEFAULT",
    key: "service_down_time",
    usual: 60,
    wanted: patience,
    why: "a service that is stopped does not report, is taken for down, and the scheduler passes it over",
  },
  {
    code: "DT_DOCTOR_HEARTBEAT",
    section: "oslo_messaging_rabbit",
    key: "heartbeat_timeout_threshold",
    usual: 60,
    wanted: "0",
    why: "RabbitMQ closes the connection of a service that is stopped, and what it had in hand is delivered again",
  },
];

export function checkTimeouts(running: Running, there: FactsThere): Finding[] {
  const { service, master } = running;
  const found = new Findings(service.name);
  if (master === undefined || there.details === undefined) return found.list;
  const files = filesOf(running, there);
  for (const { path, readable } of files) {
    if (!readable)
      found.unseen(
        "DT_DOCTOR_SETTINGS",
        `time-outs in ${path}`,
        "this user may not read it",
        lineOn(there.ssh, `sudo grep -nE 'timeout|down_time|harakiri' ${shellQuote(path)}`),
      );
  }
  const keys = new Set(files.flatMap(({ settings }) => settings.map(({ key, section }) => `${section}.${key}`)));
  const usesOslo = [
    "DEFAULT.transport_url",
    "DEFAULT.rpc_response_timeout",
    "DEFAULT.service_down_time",
    "oslo_messaging_rabbit.[",
  ].some((key) => keys.has(key));
  if (usesOslo) for (const timeout of oslo) checkOslo(timeout, files, running, there, found);
  checkHarakiri(files, running, there, found);
  if (isGunicorn(running)) checkGunicorn(files, running, there, found);
  checkWatchdog(running, there, found);
  return found.list;
}

function checkOslo(
  { code, section, key, usual, wanted, why }: OsloTimeout,
  files: readonly SettingsFile[],
  { service, master }: Running,
  { ssh, details }: FactsThere,
  found: Findings,
): void {
  const variable = `OS_${section}__${key}`.toUpperCase();
  const inEnvironment = details?.processes.get(master?.pid ?? 0)?.env?.[variable];
  const set = settingOf(files, section, [key]);
  const text = inEnvironment ?? set?.setting.value;
  // What could not be read has been told.
  if (inEnvironment === undefined && files.some(({ readable }) => !readable)) return;
  const place =
    inEnvironment === undefined
      ? set === undefined
        ? " (the default)"
        : ` (${set.file.path}:${set.setting.line})`
      : ` (${variable})`;
  const seconds = text === undefined ? usual : numberIn(text);
  if (seconds === undefined) return found.unseen(code, key, `it is ${text}${place}`);
  const isOff = key === "heartbeat_timeout_threshold" && seconds === 0;
  if (isOff || seconds >= patient) return found.ok(code, `${key} is ${seconds === 0 ? "off" : `${seconds} s`}`);
  // Not a file of uWSGI's, which may come after.
  const file =
    set?.file ??
    files.findLast(({ settings }) =>
      settings.some((each) => each.section === "DEFAULT" || each.section === "oslo_messaging_rabbit"),
    );
  if (file === undefined) return;
  const change = { section, key, value: wanted, isSet: set !== undefined };
  found.wrong(code, `${key} is ${seconds} s${place}`, {
    why,
    fix:
      inEnvironment === undefined
        ? restartLine(ssh, service, settingCommand(file, change))
        : environmentLine(ssh, service, variable, wanted),
  });
}

function checkHarakiri(files: readonly SettingsFile[], running: Running, there: FactsThere, found: Findings): void {
  if (!isUwsgi(running)) return;
  const { service, master } = running;
  const env = there.details?.processes.get(master?.pid ?? 0)?.env;
  const inFile = settingOf(files, "uwsgi", ["harakiri"]);
  const inLine = ["--harakiri", "-t"].flatMap((flag) => valuesOf(master?.argv ?? [], flag)).at(-1);
  const inEnvironment = env?.["UWSGI_HARAKIRI"];
  const text = inLine ?? inFile?.setting.value ?? inEnvironment;
  const hidden = text === undefined ? whyUnknown(running, files, env) : undefined;
  if (hidden !== undefined) return found.unseen("DT_DOCTOR_HARAKIRI", "uWSGI's harakiri", hidden);
  const seconds = text === undefined ? 0 : numberIn(text);
  if (seconds === undefined) return found.unseen("DT_DOCTOR_HARAKIRI", "uWSGI's harakiri", `it is ${text}`);
  if (seconds === 0 || seconds >= patient)
    return found.ok("DT_DOCTOR_HARAKIRI", `harakiri is ${seconds === 0 ? "off" : `${seconds} s`}`);
  const place = inLine === undefined && inFile !== undefined ? ` (${inFile.file.path}:${inFile.setting.line})` : "";
  found.wrong("DT_DOCTOR_HARAKIRI", `harakiri is ${seconds} s${place}`, {
    why: "uWSGI kills a worker that works longer at one request, also while it stands at a breakpoint",
    fix:
      inLine !== undefined
        ? restartLine(there.ssh, service, `sed -i -E 's/(--harakiri|-t)[= ]*[0-9]+/--harakiri=0/' FILE-THAT-STARTS-IT`)
        : inFile === undefined
          ? environmentLine(there.ssh, service, "UWSGI_HARAKIRI", "0")
          : restartLine(
              there.ssh,
              service,
              settingCommand(inFile.file, { section: "uwsgi", key: "harakiri", value: "0", isSet: true }),
            ),
  });
}

function checkGunicorn(files: readonly SettingsFile[], running: Running, there: FactsThere, found: Findings): void {
  const { service, master } = running;
  const { ssh, details } = there;
  const env = details?.processes.get(master?.pid ?? 0)?.env;
  const argv = master?.argv ?? [];
  const inLine = ["-t", "--timeout"].flatMap((flag) => valuesOf(argv, flag)).at(-1);
  const inWords = env?.["GUNICORN_CMD_ARGS"] ?? "";
  const inEnvironment = /(?:^|\s)(?:-t|--timeout)[= ]*(\d+)/.exec(inWords)?.[1];
  const inFile = settingOf(files, "", ["timeout"]);
  const text = inLine ?? inEnvironment ?? inFile?.setting.value;
  const isByFile = inLine === undefined && inEnvironment === undefined;
  const hidden = inLine === undefined ? whyUnknown(running, files, env) : undefined;
  if (hidden !== undefined && isByFile) return found.unseen("DT_DOCTOR_GUNICORN", "gunicorn's timeout", hidden);
  const place = inFile === undefined ? " (the default)" : ` (${inFile.file.path}:${inFile.setting.line})`;
  const seconds = text === undefined ? 30 : numberIn(text);
  if (seconds === undefined)
    return found.unseen("DT_DOCTOR_GUNICORN", "gunicorn's timeout", `it is computed: ${text}${place}`);
  if (seconds === 0 || seconds >= patient)
    return found.ok("DT_DOCTOR_GUNICORN", `gunicorn's timeout is ${seconds === 0 ? "off" : `${seconds} s`}`);
  const patiently = `--timeout=${patience}`;
  found.wrong("DT_DOCTOR_GUNICORN", `gunicorn's timeout is ${seconds} s${isByFile ? place : ""}`, {
    why: "it kills a worker that is silent for longer, also while it stands at a breakpoint",
    fix:
      inLine !== undefined
        ? restartLine(ssh, service, `sed -i -E 's/(--timeout|-t)[= ]*[0-9]+/${patiently}/' FILE-THAT-STARTS-IT`)
        : inFile !== undefined && isByFile
          ? restartLine(
              ssh,
              service,
              settingCommand(inFile.file, { section: "", key: "timeout", value: patience, isSet: true }),
            )
          : // What else is in it stays; of doubles the last counts.
            environmentLine(ssh, service, "GUNICORN_CMD_ARGS", `${inWords} ${patiently}`.trim()),
  });
}

function checkWatchdog({ service, master }: Running, { ssh, details }: FactsThere, found: Findings): void {
  const unit = details?.units.find(({ id }) => id === (service.run?.kind === "unit" ? service.run.unit : master?.unit));
  const { watchdog = 0 } = unit ?? {};
  if (unit === undefined || watchdog === 0) return;
  const seconds = watchdog / 1e6;
  if (seconds >= patient) return found.ok("DT_DOCTOR_WATCHDOG", `WatchdogSec of ${unit.id} is ${seconds} s`);
  const run = service.run?.kind === "unit" ? service.run : { unit: unit.id, user: false };
  found.wrong("DT_DOCTOR_WATCHDOG", `WatchdogSec of ${unit.id} is ${seconds} s`, {
    why: "systemd kills a service that does not report in time, also while it stands at a breakpoint",
    fix: restartLine(ssh, { ...service, run: { kind: "unit", ...run } }, dropIn(run, "watchdog", "WatchdogSec=0")),
  });
}
