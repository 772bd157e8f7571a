// The suite `faults`: how soon a broken link is noticed and the same ports work again, beside autossh in the same run; and that
// a link that is only slow is left alone.
//
// Rules
// - Contenders meet each fault at the same moment, each with a VM of its own.
// - `told`: when the local end of a connection through the forward is closed. `back`: when a new connection to the same port is
//   answered. Both from the fault on; after a restart `back` counts from when sshd accepts connections again.
// - Who is not back after 10 s is helped (its frozen sshd is ended, autossh started again), and counted as not back.
import { setTimeout as pause } from "node:timers/promises";
import { startAutossh, startDebugtap, ways, type Contender, type Way } from "./contenders.ts";
import { besideBulk, type BesideBulk } from "./beside-bulk.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { Echo } from "./probe.ts";
import { slowLink, type SlowLink } from "./slow-link.ts";

const limitMs = 10_000;
const readyMs = 60_000;
const outageMs = 500;

/** Milliseconds, one figure for each round; undefined: not within the limit. */
export interface Times {
  readonly told: (number | undefined)[];
  readonly back: (number | undefined)[];
}

export interface FaultsResult {
  readonly suite: "faults";
  readonly started: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly machine: Machine;
  /** By fault, contender and way (`-L`, `-R`; `state`: what debugtap says of its link). */
  readonly times: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Times>>>>>>;
  readonly mixed: readonly BesideBulk[];
  readonly slow: readonly SlowLink[];
}

interface Fault {
  readonly name: string;
  /** Resolves when the VM can be reached again. */
  readonly strike: (contender: Contender) => Promise<void>;
}

const faults: readonly Fault[] = [
  { name: "sshd child killed", strike: async ({ vm }) => vm.signalLogins("SIGKILL") },
  { name: "sshd child frozen", strike: async ({ vm }) => vm.signalLogins("SIGSTOP") },
  {
    name: "sshd restarted",
    strike: async ({ vm }) => {
      await vm.halt();
      await pause(outageMs);
      await vm.resume();
    },
  },
];

export async function runFaults(options: BenchOptions, say: (text: string) => void): Promise<FaultsResult> {
  const began = performance.now();
  const head = {
    suite: "faults",
    started: new Date().toISOString(),
    rounds: options.reps,
    machine: machine(),
  } as const;
  const wants = (name: string): boolean => options.only.length === 0 || options.only.includes(name);
  const times = wants("times") ? await measureTimes(options.reps, say) : {};
  say(wants("mixed") ? "messages beside bulk on a link of 8 Mbit/s" : "no mixed");
  const mixed = wants("mixed") ? await besideBulk(options.quick ? 3000 : 10_000) : [];
  const seconds = options.quick ? 15 : 60;
  say(wants("slow") ? `${seconds} s of bulk on a link of 400 kB/s` : "no slow link");
  const slow = wants("slow") ? await slowLink(seconds * 1000) : [];
  return { ...head, seconds: Math.round((performance.now() - began) / 1000), times, mixed, slow };
}

async function measureTimes(rounds: number, say: (text: string) => void): Promise<FaultsResult["times"]> {
  const echo = await Echo.start();
  const twin = await Echo.start(); // a port may stand behind one service only
  const contenders = [await startDebugtap(echo.port, twin.port)];
  const autossh = await startAutossh(echo.port);
  if (autossh === undefined) say("autossh is missing, so there is nothing beside debugtap: apt-get install autossh");
  else contenders.push(autossh);
  const echoOf = (contender: Contender, way: Way): Echo =>
    contender.name === "debugtap" && way === "-R" ? twin : echo;
  const times: Record<string, Record<string, Record<string, Times>>> = {};
  try {
    for (const fault of faults) {
      const ofFault: Record<string, Record<string, Times>> = {};
      for (const { name } of contenders) ofFault[name] = {};
      times[fault.name] = ofFault;
      for (let round = 1; round <= rounds; round++) {
        await Promise.all(
          contenders.map(async (contender) => {
            const reached = await meet(contender, fault, echoOf);
            for (const [row, { told, back }] of Object.entries(reached)) {
              const kept = ((ofFault[contender.name] ??= {})[row] ??= { told: [], back: [] });
              kept.told.push(told);
              kept.back.push(back);
            }
          }),
        );
        if (round % 5 === 0) say(`${fault.name}: round ${round} of ${rounds}`);
      }
    }
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
    await Promise.all([echo.close(), twin.close()]);
  }
  return times;
}

interface Met {
  readonly told: number | undefined;
  readonly back: number | undefined;
}

/** One fault, from a steady state to the next. */
async function meet(
  contender: Contender,
  fault: Fault,
  echoOf: (contender: Contender, way: Way) => Echo,
): Promise<Record<string, Met>> {
  const { ports } = contender;
  const never = new AbortController().signal;
  await ready(contender, echoOf);
  const open = await Promise.all(ways.map((way) => echoOf(contender, way).ask(ports[way], never)));
  const [beganAt, began] = [Date.now(), performance.now()];
  const told = ways.map((way, i) => {
    const conversation = open[i];
    return closed(way === "-L" ? conversation?.near : conversation?.far, limitMs);
  });
  const striking = fault.strike(contender).then(() => performance.now());
  if (fault.name === "sshd restarted") await striking;
  const back = await Promise.all(ways.map((way) => echoOf(contender, way).answers(ports[way], limitMs)));
  const reachable = await striking;
  const toldAt = await Promise.all(told);
  const since = (from: number, when: number | undefined): number | undefined =>
    when === undefined ? undefined : Math.max(0, when - from);
  const met: Record<string, Met> = {};
  for (const [i, way] of ways.entries()) {
    met[way] = { told: since(began, toldAt[i]), back: since(reachable, back[i]) };
    open[i]?.near.destroy();
  }
  const states = contender.states().filter(([at]) => at >= beganAt);
  const down = states.find(([, state]) => state !== "up");
  const up = states.find(([at, state]) => state === "up" && down !== undefined && at >= down[0]);
  const offset = Math.max(0, reachable - began);
  if (down !== undefined)
    met["state"] = { told: down[0] - beganAt, back: up === undefined ? undefined : up[0] - beganAt - offset };
  if (back.includes(undefined)) await contender.help();
  return met;
}

/** Both ways answer, twice: nothing of an earlier fault is still going on. */
async function ready(contender: Contender, echoOf: (contender: Contender, way: Way) => Echo): Promise<void> {
  for (const way of [...ways, ...ways]) {
    if ((await echoOf(contender, way).answers(contender.ports[way], readyMs)) === undefined)
      throw new Error(`${contender.name} ${way} does not answer`);
  }
}

/** When a socket is closed, by performance.now(). */
async function closed(
  socket: { readonly closed: boolean; once(event: "close", listener: () => void): unknown } | undefined,
  withinMs: number,
): Promise<number | undefined> {
  if (socket === undefined || socket.closed) return performance.now();
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), withinMs);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(performance.now());
    });
  });
}
