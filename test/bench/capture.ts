// The suite `capture`: what it costs that stops are captured, and that all messages of a session are looked at.
//
// Rules
// - `cpu`: the relay's process, all its threads, for each stop of a model adapter: with capture on, and off, in turns.
// - `cycle`: from one stop of stock debugpy to the next. Through the relay the client only says `continue`, which waits for the
//   capture; beside it a client without relay asks the very same questions itself. In turns, each on a debugpy of its own.
// - `store`: 200 B and 20 KB asked for and answered: cut through, as the first of two clients, and as one who came later.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../src/demo/ports.ts";
import { capture } from "../../protocol/capture.ts";
import { captureLimits } from "../../protocol/hit.ts";
import { DapClient, type Breakpoint } from "./dap-client.ts";
import { machine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import { cpuOfProcess, Program } from "./program.ts";
import { startRelay } from "./relay.ts";
import { quantile } from "./statistics.ts";

export const storeSizes = { "200B": 200, "20KB": 20_000 } as const;
export type StoreSize = keyof typeof storeSizes;
export const storePaths = ["cut through", "first of two", "came later"] as const;
export type StorePath = (typeof storePaths)[number];

export interface CaptureResult {
  readonly suite: "capture";
  readonly started: string;
  readonly seconds: number;
  readonly repetitions: number;
  readonly machine: Machine;
  /** CPU of the relay for a stop, ms; one figure a repetition. */
  readonly cpu: { readonly on: readonly number[]; readonly off: readonly number[] };
  /** From stop to stop, ms, medians; one figure a repetition. */
  readonly cycle: { readonly relay: readonly number[]; readonly bare: readonly number[] };
  /** Round trips, us, p50; one figure a repetition. */
  readonly store: Readonly<Record<StoreSize, Readonly<Record<StorePath, readonly number[]>>>>;
}

const stopsOfTurn = 25;
const turnsOfRepetition = 4;
const cyclesOfTurn = 3;
const tripsOfTurn = 50;
const loop = fileURLToPath(new URL("../../../test/fixtures/debuggees/loop.py", import.meta.url));

export async function runCapture(options: BenchOptions, say: (text: string) => void): Promise<CaptureResult> {
  const began = performance.now();
  const head = {
    suite: "capture",
    started: new Date().toISOString(),
    repetitions: options.reps,
    machine: machine(),
  } as const;
  const cpu = await measureCpu(options.reps);
  say("CPU of the relay");
  const cycle = await measureCycle(options.reps);
  say("cycles of debugpy");
  const store = await measureStore(options.reps);
  say("store mode");
  return { ...head, seconds: Math.round((performance.now() - began) / 1000), cpu, cycle, store };
}

type Stoppable = { stop(): Promise<void> };

/** Runs with what is stopped at the end. */
async function using<Result>(
  run: (own: <Thing extends Stoppable>(thing: Thing) => Thing) => Promise<Result>,
): Promise<Result> {
  const things: Stoppable[] = [];
  try {
    return await run((thing) => {
      things.push(thing);
      return thing;
    });
  } finally {
    await Promise.all(things.reverse().map((thing) => thing.stop()));
  }
}

async function modelPorts(adapter: Program): Promise<number[]> {
  const ports: unknown = JSON.parse(await adapter.firstLine());
  return Array.isArray(ports) ? ports.map(Number) : [];
}

const adapterScript = fileURLToPath(new URL("./model-adapter.js", import.meta.url));

/** Opens a session once the relay listens. */
async function untilOpen(port: number, breakpoint?: Breakpoint): Promise<DapClient> {
  for (const until = performance.now() + 15_000; ;) {
    try {
      return await DapClient.open(port, breakpoint);
    } catch (error) {
      if (performance.now() > until) throw error;
      await pause(50);
    }
  }
}

async function measureCpu(repetitions: number): Promise<CaptureResult["cpu"]> {
  return using(async (own) => {
    const adapter = own(new Program(process.execPath, [adapterScript, "2"]));
    const ports = await modelPorts(adapter);
    const runs = await Promise.all(
      (["on", "off"] as const).map(async (name, i) => {
        const [ide = 0] = await freePorts(1);
        const services = { model: { wire: "dap", listens: ports[i], ide } };
        const relay = own(await startRelay({ record: { capture: name === "on", time: "20s" }, services }));
        const client = await untilOpen(ide);
        return { name, relay, client, figures: [] as number[] };
      }),
    );
    // The first is for the compiler.
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      const used = { on: 0, off: 0 };
      for (let turn = 0; turn < turnsOfRepetition; turn++) {
        for (const { name, relay, client } of turn % 2 === 0 ? runs : runs.toReversed()) {
          const before = cpuOfProcess(relay.pid);
          for (let stops = 0; stops < stopsOfTurn; stops++) {
            await client.ask("continue", { threadId: 1 });
            await client.stop();
          }
          await captured(client);
          used[name] += cpuOfProcess(relay.pid) - before;
        }
      }
      if (repetition === 0) continue;
      for (const { name, figures } of runs) figures.push(used[name] / 1000 / (stopsOfTurn * turnsOfRepetition));
    }
    for (const { client } of runs) client.close();
    const [on, off] = runs;
    return { on: on?.figures ?? [], off: off?.figures ?? [] };
  });
}

async function measureCycle(repetitions: number): Promise<CaptureResult["cycle"]> {
  return using(async (own) => {
    const [listens = 0, bare = 0, ide = 0] = await freePorts(3);
    const line =
      readFileSync(loop, "utf8")
        .split("\n")
        .findIndex((text) => text.includes("# breakpoint")) + 1;
    for (const port of [listens, bare]) {
      const debuggee = own(
        new Program("/usr/bin/python3", ["-Xfrozen_modules=off", loop, `${port}`], {
          PYDEVD_DISABLE_FILE_VALIDATION: "1",
        }),
      );
      await debuggee.firstLine();
    }
    const services = { loop: { wire: "dap", listens, ide } };
    own(await startRelay({ record: { time: "20s" }, services }));
    const breakpoint = { path: loop, line };
    const [through, direct] = [await untilOpen(ide, breakpoint), await untilOpen(bare, breakpoint)];
    const limits = { ...captureLimits, time: 20_000 };
    // Both begin and end at a stop.
    const relay = async (): Promise<void> => {
      await through.ask("continue", { threadId });
      await through.stop();
    };
    let stop = await direct.stop();
    const { thread: threadId } = await through.stop();
    const alone = async (): Promise<void> => {
      const asking = capture(stop, limits);
      for (let ask = asking.begin(); ask?.wire === "dap";)
        ask = asking.take(await direct.ask(ask.command, ask.arguments));
      await direct.ask("continue", { threadId: stop.thread });
      stop = await direct.stop();
    };
    const figures = { relay: [] as number[], bare: [] as number[] };
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const times = { relay: [] as number[], bare: [] as number[] };
      for (const [name, cycle] of [
        ["relay", relay],
        ["bare", alone],
      ] as const) {
        // What stands was captured while it was the other's turn.
        await cycle();
        for (let n = 0; n < cyclesOfTurn; n++) times[name].push(await timed(cycle));
        if (name === "relay") await captured(through);
      }
      figures.relay.push(quantile(times.relay, 0.5));
      figures.bare.push(quantile(times.bare, 0.5));
    }
    for (const client of [through, direct]) client.close();
    return figures;
  });
}

async function measureStore(repetitions: number): Promise<CaptureResult["store"]> {
  return using(async (own) => {
    const adapter = own(new Program(process.execPath, [adapterScript, "3"]));
    const ports = await modelPorts(adapter);
    const ides = await freePorts(3);
    const services = Object.fromEntries(
      ports.map((listens, i) => [`model-${i}`, { wire: "dap", listens, ide: ides[i] }]),
    );
    own(await startRelay({ record: {}, services }));
    const [cut = 0, two = 0, later = 0] = ides;
    const clients: DapClient[] = [];
    const open = async (port: number): Promise<DapClient> => {
      const client = await untilOpen(port);
      clients.push(client);
      return client;
    };
    const cutThrough = await open(cut);
    const first = await open(two);
    await open(two);
    // The relay has only seen it leave when it has its answer.
    const gone = await open(later);
    await gone.ask("disconnect", {});
    const byPath: Readonly<Record<StorePath, DapClient>> = {
      "cut through": cutThrough,
      "first of two": first,
      "came later": await open(later),
    };
    const empty = (): Record<StorePath, number[]> => ({ "cut through": [], "first of two": [], "came later": [] });
    const figures = { "200B": empty(), "20KB": empty() };
    for (let repetition = 0; repetition <= repetitions; repetition++) {
      for (const [name, size] of Object.entries(storeSizes) as [StoreSize, number][]) {
        const times = empty();
        for (let turn = 0; turn < turnsOfRepetition; turn++) {
          for (const path of turn % 2 === 0 ? storePaths : storePaths.toReversed()) {
            for (let trip = 0; trip < tripsOfTurn; trip++)
              times[path].push(1000 * (await timed(() => byPath[path].ask("echo", { size }))));
          }
        }
        // The first is for the compiler.
        if (repetition > 0) for (const path of storePaths) figures[name][path].push(quantile(times[path], 0.5));
      }
    }
    for (const client of clients) client.close();
    return figures;
  });
}

/** Waits for the capture of the stop that stands: this request is held until then, and does nothing. */
async function captured(client: DapClient): Promise<void> {
  await client.ask("setExpression", { expression: "", value: "" });
}

/** Milliseconds. */
async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}
