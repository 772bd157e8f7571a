// Restarts one service on its host and waits until it is back with the debugger in it.
//
// Rules
// - Nothing of the service is touched before what can be known to be wrong is told.
// - The hook waits longer in this one start where a relay here will attach: no first line runs before the breakpoints are set.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { RelayView, SessionView } from "../../protocol/control.ts";
import type { RunConfig } from "../config-inject.ts";
import type { HostConfig, ServiceConfig } from "../config.ts";
import { pause } from "../pause.ts";
import { lineOn, sshTo } from "../reach.ts";
import type { Run } from "../transport/process-lookup.ts";
import { ignored, isPython, verdictOf, type Came } from "./came.ts";
import { restartCompose } from "./compose.ts";
import { look, type Look } from "./look.ts";
import { restartTab } from "./screen.ts";
import { lastLines, restartUnit } from "./unit.ts";
import { waitLonger } from "./wait-longer.ts";

export interface RestartOptions {
  readonly host: HostConfig;
  /** Of inject's folder. */
  readonly id: string;
  /** For all of it, ms. */
  readonly timeoutMs: number;
  readonly wait: boolean;
  readonly force: boolean;
  /** Relays that run here. */
  readonly relays: () => Promise<readonly RelayView[]>;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

const lookEvery = 250;
/** The rest of the processes, once one is there, ms. */
const restWithin = 5000;
/** A Python that has run for so long without loading the hook will not, ms. */
const hookWithin = 15_000;
/** What a program in a tab may take to end by Ctrl-C, ms; less if it is killed then. */
const endWithin = 15_000;
const endWithinForced = 5000;

/** Undefined where it was not waited for. Rejects with DT_RESTART_*, DT_SUDO_NEEDED, DT_INJECT_IGNORED, and as `run`. */
export async function restartService(
  run: Run,
  service: ServiceConfig,
  how: RunConfig,
  options: RestartOptions,
): Promise<Came | undefined> {
  const { id, relays, say, signal, timeoutMs } = options;
  const until = performance.now() + timeoutMs;
  const now = async (): Promise<Look> => await look(run, service, how, id);
  const before = await now();
  const session = isAttachedBy(service, await relays());
  const since = Date.now();
  const putBack = session && options.wait ? await waitLonger(run, service, before, timeoutMs) : undefined;
  try {
    await begin(run, service, how, before, now, options);
    if (!options.wait || signal.aborted) return undefined;
    say(`${service.name}: waiting for it`);
    return await cameBack(run, service, how, { before, now, session, since, until, options });
  } finally {
    await putBack?.();
  }
}

async function begin(
  run: Run,
  service: ServiceConfig,
  how: RunConfig,
  before: Look,
  now: () => Promise<Look>,
  { host, timeoutMs, force, say, signal }: RestartOptions,
): Promise<void> {
  if (how.kind === "unit") {
    say(`${service.name}: systemctl restart ${how.unit}`);
    await restartUnit(run, how, host, timeoutMs);
  } else if (how.kind === "screen") {
    const bound = Math.min(force ? endWithinForced : endWithin, timeoutMs);
    await restartTab(run, {
      service: service.name,
      screen: how,
      before,
      look: now,
      force,
      endWithin: bound,
      say,
      signal,
    });
  } else if (how.kind === "compose") {
    say(`${service.name}: docker compose up -d --force-recreate ${how.service}`);
    await restartCompose(run, how, timeoutMs);
  } else {
    say(`${service.name}: ${how.restart}`);
    await restartByCommand(run, service.name, how.restart, timeoutMs);
  }
}

async function restartByCommand(run: Run, name: string, command: string, timeoutMs: number): Promise<void> {
  // What it starts may hold its output open: it gets none of ours, and what it says is read when it has ended.
  const script = `out=$(mktemp) || exit; sh -c ${shellQuote(command)} >"$out" 2>&1 </dev/null; code=$?; tail -c 4000 "$out"; rm -f "$out"; exit $code\n`;
  const { code, stdout, stderr } = await run("exec sh -s", { input: Buffer.from(script, "utf8"), timeoutMs });
  if (code === 0) return;
  throw new DebugtapError(
    "DT_RESTART_FAILED",
    `the command that restarts ${name} ended with ${code ?? "a signal, or not in time"}`,
    {
      why: `${stdout}${stderr}`.trim().split("\n").slice(-10).join("\n       ") || "it said nothing",
      fix: command,
    },
  );
}

interface Waiting {
  readonly before: Look;
  readonly now: () => Promise<Look>;
  readonly session: boolean;
  readonly since: number;
  readonly until: number;
  readonly options: RestartOptions;
}

async function cameBack(
  run: Run,
  service: ServiceConfig,
  how: RunConfig,
  { before, now, session, since, until, options }: Waiting,
): Promise<Came | undefined> {
  const { relays, say, signal } = options;
  let [said, deafSince, thereSince] = ["", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  while (!signal.aborted) {
    const seen = await now();
    const attached = session ? sessionOf(service, await relays(), since) : undefined;
    const verdict = verdictOf({ service, how, before, session }, seen, attached);
    const time = performance.now();
    if (verdict.is === "failed") throw await withLog(run, how, verdict.error, options.host);
    if (verdict.is === "there") {
      thereSince = Math.min(thereSince, time);
      if (verdict.complete || time - thereSince > restWithin || time > until) return verdict.came;
    } else {
      if (verdict.what !== said) say(`${service.name}: waiting for ${verdict.what}`);
      said = verdict.what;
      const python = seen.processes.find(isPython);
      const isDeaf = seen.folder !== undefined && seen.states.length === 0 && python !== undefined;
      deafSince = isDeaf ? Math.min(deafSince, time) : Number.POSITIVE_INFINITY;
      if (python !== undefined && time - deafSince > hookWithin) throw ignored(service.name, python);
      if (time > until) throw await withLog(run, how, tooLate(service, verdict.what, options), options.host);
    }
    await pause(lookEvery, signal);
  }
  return undefined;
}

function tooLate({ name, wire, ide }: ServiceConfig, what: string, { timeoutMs }: RestartOptions): DebugtapError {
  return new DebugtapError(
    "DT_RESTART_TIMEOUT",
    `${name} was restarted, and ${Math.round(timeoutMs / 1000)} s later debugtap still waits for ${what}`,
    {
      ...(wire === "dap" ? { why: `nothing new listens there; the IDE's port ${ide} will refuse` } : {}),
      fix: `debugtap logs ${name} --no-follow`,
    },
  );
}

async function withLog(run: Run, how: RunConfig, error: DebugtapError, host: HostConfig): Promise<DebugtapError> {
  if (how.kind !== "unit" || !/FAILED|TIMEOUT/.test(error.code)) return error;
  const lines = await lastLines(run, how);
  const why = [error.why, ...lines.map((line) => `| ${line}`)].filter((line) => line !== undefined).join("\n       ");
  const status = `systemctl ${how.user ? "--user " : ""}status ${shellQuote(how.unit)}`;
  return new DebugtapError(error.code, error.message, {
    ...(why === "" ? {} : { why }),
    fix: error.fix ?? lineOn(sshTo(host), status),
  });
}

/** Whether a relay here will have a session of it: it always has one that dials; it reattaches to one that listens. */
function isAttachedBy({ name, wire, reattach }: ServiceConfig, relays: readonly RelayView[]): boolean {
  return relays.some(({ services, sessions }) => {
    if (!services.some((each) => each.name === name && each.state === "listening")) return false;
    return wire !== "dap" || (reattach && sessions.some((each) => each.service === name && each.state !== "closed"));
  });
}

function sessionOf({ name }: ServiceConfig, relays: readonly RelayView[], since: number): SessionView | undefined {
  return relays
    .flatMap(({ sessions }) => sessions)
    .find((each) => each.service === name && each.since >= since && /open|released|held/.test(each.state));
}
