// Time-outs that end, fence or restart a service while it stands at a breakpoint.
//
// Rules
// - A stop is taken to last some minutes: what waits ten minutes or longer, or for ever, is ok.
// - What a service does not set has the default of its project: oslo.messaging 60 s, gunicorn 30 s. uWSGI and systemd have none.
// - `report_interval` does no harm by itself: what counts is how much longer `service_down_time` is.
import { shellQuote } from "../../protocol/shell.ts";
import type { FactsThere, SettingsFile } from "./facts.ts";
import { Findings, type Finding, type FindingCode } from "./finding.ts";
import { dropIn, environmentLine, onHost, restartLine, settingCommand } from "./fix.ts";
import { filesOf, settingOf, valuesOf, type Running } from "./running.ts";

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
        onHost(there.ssh, `sudo grep -nE 'timeout|down_time|harakiri' ${shellQuote(path)}`),
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
  if (/\bgunicorn\b/.test(master.argv.join(" "))) checkGunicorn(files, running, there, found);
  checkWatchdog(running, there, found);
  return found.list;
}

function checkOslo(
  { code, section, key, usual, wanted, why }: OsloTimeout,
  files: readonly SettingsFile[],
  { service }: Running,
  { ssh }: FactsThere,
  found: Findings,
): void {
  const set = settingOf(files, section, [key]);
  const seconds = Number(set?.setting.value ?? usual);
  const isOff = key === "heartbeat_timeout_threshold" && seconds === 0;
  if (isOff || seconds >= patient) return found.ok(code, `${key} is ${seconds === 0 ? "off" : `${seconds} s`}`);
  const file = set?.file ?? files.at(-1);
  if (file === undefined) return;
  const change = { section, key, value: wanted, isSet: set !== undefined };
  found.wrong(
    code,
    `${key} is ${seconds} s${set === undefined ? " (the default)" : ` (${set.file.path}:${set.setting.line})`}`,
    {
      why,
      fix: restartLine(ssh, service, settingCommand(file, change)),
    },
  );
}

function checkHarakiri(
  files: readonly SettingsFile[],
  { service, master }: Running,
  { ssh, details }: FactsThere,
  found: Findings,
): void {
  if (!/(?:^|\/)uwsgi/.test(master?.argv[0] ?? "")) return;
  const inFile = settingOf(files, "uwsgi", ["harakiri"]);
  const inLine = valuesOf(master?.argv ?? [], "--harakiri").at(-1);
  const inEnvironment = details?.processes.get(master?.pid ?? 0)?.env?.["UWSGI_HARAKIRI"];
  const seconds = Number(inLine ?? inFile?.setting.value ?? inEnvironment ?? 0);
  if (seconds === 0 || seconds >= patient)
    return found.ok("DT_DOCTOR_HARAKIRI", `harakiri is ${seconds === 0 ? "off" : `${seconds} s`}`);
  found.wrong(
    "DT_DOCTOR_HARAKIRI",
    `harakiri is ${seconds} s${inLine === undefined && inFile !== undefined ? ` (${inFile.file.path}:${inFile.setting.line})` : ""}`,
    {
      why: "uWSGI kills a worker that works longer at one request, also while it stands at a breakpoint",
      fix:
        inLine === undefined && inFile !== undefined
          ? restartLine(
              ssh,
              service,
              settingCommand(inFile.file, { section: "uwsgi", key: "harakiri", value: "0", isSet: true }),
            )
          : restartLine(ssh, service, `sed -i 's/--harakiri[= ]*[0-9]*//' FILE-THAT-STARTS-IT`),
    },
  );
}

function checkGunicorn(
  files: readonly SettingsFile[],
  { service, master }: Running,
  { ssh, details }: FactsThere,
  found: Findings,
): void {
  const argv = master?.argv ?? [];
  const words = ["-t", "--timeout"].flatMap((flag) => valuesOf(argv, flag)).at(-1);
  const inEnvironment = /(?:-t|--timeout)[= ](\d+)/.exec(
    details?.processes.get(master?.pid ?? 0)?.env?.["GUNICORN_CMD_ARGS"] ?? "",
  )?.[1];
  const inFile = settingOf(files, "", ["timeout"]);
  const seconds = Number(words ?? inEnvironment ?? inFile?.setting.value ?? 30);
  if (seconds === 0 || seconds >= patient)
    return found.ok("DT_DOCTOR_GUNICORN", `gunicorn's timeout is ${seconds === 0 ? "off" : `${seconds} s`}`);
  const where =
    words === undefined && inEnvironment === undefined
      ? inFile === undefined
        ? " (the default)"
        : ` (${inFile.file.path}:${inFile.setting.line})`
      : "";
  found.wrong("DT_DOCTOR_GUNICORN", `gunicorn's timeout is ${seconds} s${where}`, {
    why: "it kills a worker that is silent for longer, also while it stands at a breakpoint",
    fix:
      words !== undefined
        ? restartLine(
            ssh,
            service,
            `sed -i -E 's/(--timeout|-t)[= ]+[0-9]+/--timeout=${patience}/' FILE-THAT-STARTS-IT`,
          )
        : inFile !== undefined && inEnvironment === undefined
          ? restartLine(
              ssh,
              service,
              settingCommand(inFile.file, { section: "", key: "timeout", value: patience, isSet: true }),
            )
          : environmentLine(ssh, service, "GUNICORN_CMD_ARGS", `--timeout=${patience}`),
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
