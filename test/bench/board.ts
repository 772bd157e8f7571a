// The suite `board`: how soon a stop is on the page, what debugtap costs while nothing happens, and what being watched costs the
// messages that pass.
//
// Rules
// - One debugtap with one session on each of two services, recording as by default, and one host behind SSH; its pages are those of
//   a real Chromium and show the board.
// - `stops`: from the request that makes the debuggee say `stopped`, sent through debugtap, to the drawn row that says so. The way
//   there is part of it, and so is the way back from the browser to this process. One follows the other within the 100 ms in which
//   debugtap makes one view of all that changes: the worst moment for a stop.
// - `idle`: CPU of all of debugtap's threads, while one session stands at a stop.
// - `forward`: in each repetition the round trips take turns: without pages, with them, without them again. A turn that is watched is
//   compared with the mean of the two beside it; how far all those without pages are apart is the noise. CPU is that of the thread that forwards.
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../../src/demo/ports.ts";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { openSession, pingPong, untilOpen } from "./client.ts";
import { DapClient } from "./dap-client.ts";
import { machine, type Machine } from "./machine.ts";
import { frames } from "./message.ts";
import type { BenchOptions } from "./options.ts";
import { cpuOfMainThread, cpuOfProcess, Program } from "./program.ts";
import { startRelay, type RunningRelay } from "./relay.ts";
import { quantile } from "./statistics.ts";
import { Watchers } from "./watchers.ts";

export const pages = 5;
export const sizes = { "200 B": 200, "20 KB": 20 * 1024 } as const;
type Size = keyof typeof sizes;

/** Of one turn. */
export interface Turn {
  /** Of a round trip, microseconds. */
  readonly p50: number;
  /** Microseconds a message. */
  readonly cpu: number;
}

export interface WatchedTurns {
  readonly before: Turn;
  readonly watched: Turn;
  readonly after: Turn;
}

export interface BoardResult {
  readonly suite: "board";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  /** Milliseconds, one figure a stop; by number of pages. */
  readonly stops: Readonly<Record<string, readonly number[]>>;
  /** Percent of one core, one figure for each idle time; by number of pages. */
  readonly idle: Readonly<Record<string, readonly number[]>>;
  readonly idleSeconds: number;
  /** One a repetition. */
  readonly forward: Readonly<Partial<Record<Size, readonly WatchedTurns[]>>>;
}

const stopsOfRepetition = 20;
const idleSeconds = 20;
const session = "stops#1";
/** A turn is so many times as long as the bench's others: pages are opened and left around it. */
const turnLength = 4;
const warmUp = 4;

export async function runBoard(options: BenchOptions, say: (text: string) => void): Promise<BoardResult> {
  const began = performance.now();
  const head = {
    suite: "board",
    started: new Date().toISOString(),
    repetitions: options.reps,
    machine: machine(),
  } as const;
  const closers: (() => unknown)[] = [];
  const own = <Thing extends { stop(): Promise<void> }>(thing: Thing): Thing => {
    closers.unshift(() => thing.stop());
    return thing;
  };
  try {
    const sshd = own(await ThrowawaySshd.start());
    const echoes = own(new Program(process.execPath, [scriptOf("echo-peer"), "2", "0"]));
    const adapter = own(new Program(process.execPath, [scriptOf("model-adapter"), "1"]));
    const [echo = 0, beyond = 0] = numbersOf(await echoes.firstLine());
    const [debuggee = 0] = numbersOf(await adapter.firstLine());
    const [forwarded = 0, stopping = 0, idling = 0] = await freePorts(3);
    const services = {
      forwarded: { wire: "dap", listens: echo, ide: forwarded },
      stops: { wire: "dap", listens: debuggee, ide: stopping },
      idle: { host: "vm", wire: "raw", listens: beyond, ide: idling },
    };
    const relay = own(await startRelay({ sshd, record: true, services }));
    const check = (): void => relay.check();
    await untilOpen(() => openSession(forwarded, "dap"), frames.dap(200), check);
    const watchers = await Watchers.start(await relay.board());
    closers.unshift(() => watchers.close());
    const client = await DapClient.open(stopping);
    closers.unshift(() => client.close());

    const wants = (name: string): boolean => options.only.length === 0 || options.only.includes(name);
    const stops: Record<string, number[]> = {};
    for (const count of wants("stops") ? [1, pages] : []) {
      await watchers.watch(count);
      stops[count] = await timeStops(client, watchers, options.reps * stopsOfRepetition);
    }
    if (wants("stops")) say("stops on the page");

    const idle: Record<string, number[]> = wants("idle") ? { 0: [], [pages]: [] } : {};
    await client.ask("stop", {});
    for (let nth = 0; nth < (options.quick ? 1 : 3); nth++) {
      for (const [count, shares] of Object.entries(idle)) {
        await watchers.watch(Number(count));
        shares.push(await idleCpu(relay, idleSeconds));
      }
    }
    if (wants("idle")) say("idle");

    const forward = wants("watched") ? await timeForwarding({ port: forwarded, relay, watchers, options, say }) : {};
    return { ...head, seconds: Math.round((performance.now() - began) / 1000), stops, idle, idleSeconds, forward };
  } finally {
    for (const close of closers) await close();
  }
}

async function timeStops(client: DapClient, watchers: Watchers, count: number): Promise<number[]> {
  const times: number[] = [];
  // The first is for the compilers, that of the page too.
  for (let nth = 0; nth <= count; nth++) {
    const running = await watchers.shows(session, "running");
    if (nth > 0) await client.ask("run", {});
    await running.shown;
    const { shown } = await watchers.shows(session, "1 thread stopped");
    const began = performance.now();
    await Promise.all([client.ask("stop", {}), shown]);
    if (nth > 0) times.push(performance.now() - began);
  }
  await client.ask("run", {});
  return times;
}

async function idleCpu({ pid }: RunningRelay, seconds: number): Promise<number> {
  const before = cpuOfProcess(pid);
  const began = performance.now();
  await pause(seconds * 1000);
  return (cpuOfProcess(pid) - before) / 10 / (performance.now() - began);
}

interface Forwarding {
  readonly port: number;
  readonly relay: RunningRelay;
  readonly watchers: Watchers;
  readonly options: BenchOptions;
  readonly say: (text: string) => void;
}

async function timeForwarding({ port, relay, watchers, options, say }: Forwarding): Promise<BoardResult["forward"]> {
  const socket = await openSession(port, "dap");
  const forward: Record<Size, WatchedTurns[]> = { "200 B": [], "20 KB": [] };
  const turn = async (size: Size, milliseconds: number): Promise<Turn> => {
    const times: number[] = [];
    const cpu = cpuOfMainThread(relay.pid);
    const began = performance.now();
    await pingPong(socket, frames.dap(sizes[size]), (took) => {
      times.push(took);
      return performance.now() - began < milliseconds;
    });
    return { p50: quantile(times, 0.5) * 1000, cpu: (cpuOfMainThread(relay.pid) - cpu) / (2 * times.length) };
  };
  try {
    const milliseconds = options.measure * turnLength;
    // For the compiler, and long for it.
    await watchers.watch(0);
    for (const size of ["200 B", "20 KB"] as const) await turn(size, warmUp * milliseconds);
    for (let repetition = 1; repetition <= options.reps; repetition++) {
      const turns: Record<Size, Turn[]> = { "200 B": [], "20 KB": [] };
      for (const count of [0, pages, 0]) {
        await watchers.watch(count);
        for (const size of ["200 B", "20 KB"] as const) turns[size].push(await turn(size, milliseconds));
      }
      for (const size of ["200 B", "20 KB"] as const) {
        const [before, watched, after] = turns[size];
        if (before !== undefined && watched !== undefined && after !== undefined)
          forward[size].push({ before, watched, after });
      }
      say(`repetition ${repetition} of ${options.reps}`);
    }
    return forward;
  } finally {
    socket.destroy();
  }
}

function scriptOf(name: string): string {
  return new URL(`./${name}.js`, import.meta.url).pathname;
}

function numbersOf(line: string): number[] {
  const ports: unknown = JSON.parse(line);
  if (!Array.isArray(ports)) throw new Error(`no ports: ${line}`);
  return ports.map(Number);
}
