// What is done on every path, and what is measured of it.
import type { Socket } from "node:net";
import { closeSession, connect, openSession, pingPong, send } from "./client.ts";
import { frames } from "./message.ts";
import type { Path } from "./paths.ts";
import { quantile } from "./statistics.ts";

/** By name of the metric; see `metrics`. */
export type Figures = Readonly<Record<string, number>>;

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** Of these the first is the one to compare by. */
  readonly metrics: readonly MetricName[];
  /** How often in one repetition each path has its turn. */
  readonly turns: number;
  /** Whether a target is about its medians. */
  readonly isJudged?: true;
  readonly start: (path: Path) => Promise<Work>;
}

/** A workload under way on one path. */
export interface Work {
  /** Works for about `milliseconds`; returns what CPU is counted by: the messages that crossed, or MB. */
  turn(milliseconds: number): Promise<number>;
  /** Ends it: what all turns gave. */
  finish(): Promise<Figures>;
}

export const metrics = {
  p50: "p50 us",
  p99: "p99 us",
  rate: "round trips/s",
  throughput: "MB/s",
  stalls: "stalls > 36 ms",
  cpu: "CPU us/message",
  cpuBulk: "CPU us/MB",
} as const;
export type MetricName = keyof typeof metrics;

const stallMs = 36;
const small = 200;
const large = 20 * 1024;
/** Of the messages of the workloads that the recorder's cost is told for. */
export const recordedSizes = { "200B": small, "20KB": large } as const;
const channels = 64;
const warmUps = 20;
/** Bulk of this many bytes is some 1 ms of work. */
const bulkPerMs = 100_000;

const pingPongMetrics = ["p50", "p99", "rate", "stalls", "cpu"] as const;
const channelMetrics = ["rate", "p50", "p99", "cpu"] as const;
const bulkMetrics = ["throughput", "cpuBulk"] as const;

export const workloads: readonly Workload[] = [
  {
    name: "200B",
    title: "200 B ping-pong, messages followed",
    metrics: pingPongMetrics,
    turns: 20,
    isJudged: true,
    start: roundTrips(small, 1, "framed"),
  },
  {
    name: "20KB",
    title: "20 KB ping-pong, messages followed",
    metrics: pingPongMetrics,
    turns: 20,
    isJudged: true,
    start: roundTrips(large, 1, "framed"),
  },
  {
    name: "200B-raw",
    title: "200 B ping-pong, raw bytes",
    metrics: pingPongMetrics,
    turns: 10,
    start: roundTrips(small, 1, "raw"),
  },
  {
    name: "20KB-raw",
    title: "20 KB ping-pong, raw bytes",
    metrics: pingPongMetrics,
    turns: 10,
    start: roundTrips(large, 1, "raw"),
  },
  {
    name: "64x200B",
    title: "64 channels, 200 B each",
    metrics: channelMetrics,
    turns: 3,
    start: roundTrips(small, channels, "framed"),
  },
  {
    name: "64x20KB",
    title: "64 channels, 20 KB each",
    metrics: channelMetrics,
    turns: 3,
    start: roundTrips(large, channels, "framed"),
  },
  { name: "down", title: "bulk down", metrics: bulkMetrics, turns: 2, start: bulk("G") },
  { name: "up", title: "bulk up", metrics: bulkMetrics, turns: 2, start: bulk("S") },
  { name: "connect", title: "connect and first byte back", metrics: ["p50", "p99", "cpu"], turns: 5, start: connects },
];

function roundTrips(size: number, connections: number, kind: "framed" | "raw"): Workload["start"] {
  return async (path) => {
    const message = frames[kind === "raw" ? "raw" : path.wire](size);
    const open = (): Promise<Socket> => (kind === "raw" ? connect(path.raw) : openSession(path.framed, path.wire));
    // The first alone: who comes while no session stands may open the one that another began, and a client's events pass from the opener only.
    const first = await open();
    const sockets = [first, ...(await Promise.all(Array.from({ length: connections - 1 }, open)))];
    const close = async (socket: Socket): Promise<void> => {
      if (kind === "raw") socket.destroy();
      else await closeSession(socket, path.wire);
    };
    const warmUp = async (socket: Socket): Promise<void> => {
      let left = Math.ceil(warmUps / connections);
      await pingPong(socket, message, () => --left > 0);
    };
    await Promise.all(sockets.map(warmUp));
    const times: number[] = [];
    let total = 0;
    return {
      async turn(milliseconds) {
        const before = times.length;
        const began = performance.now();
        const more = (took: number): boolean => {
          times.push(took);
          return performance.now() - began < milliseconds;
        };
        await Promise.all(sockets.map((socket) => pingPong(socket, message, more)));
        total += performance.now() - began;
        return 2 * (times.length - before); // a round trip is two messages
      },
      async finish() {
        await Promise.all(sockets.map(close));
        const stalls = times.filter((took) => took > stallMs).length;
        const figures = { ...latency(times), rate: (times.length / total) * 1000 };
        return connections === 1 ? { ...figures, stalls } : figures;
      },
    };
  };
}

function bulk(mode: "G" | "S"): Workload["start"] {
  return (path) => {
    let megabytes = 0;
    let total = 0;
    return Promise.resolve({
      async turn(milliseconds) {
        const count = Math.round(milliseconds * bulkPerMs);
        const socket = await connect(path.raw);
        const began = performance.now();
        await transfer(socket, mode, count);
        total += performance.now() - began;
        socket.destroy();
        megabytes += count / 1e6;
        return count / 1e6;
      },
      finish: () => Promise.resolve({ throughput: (megabytes / total) * 1000 }),
    });
  };
}

/** Gets (`G`) or sends (`S`) so many bytes. */
async function transfer(socket: Socket, mode: "G" | "S", count: number): Promise<void> {
  const head = Buffer.alloc(5, mode);
  head.writeUInt32BE(count, 1);
  await new Promise<void>((resolve, reject) => {
    let missing = mode === "G" ? count : 1;
    socket.on("error", reject).on("close", () => reject(new Error("the path closed the connection")));
    socket.on("data", (chunk: Buffer) => {
      missing -= chunk.length;
      if (missing <= 0) resolve();
    });
    socket.write(head);
    if (mode === "S") send(socket, count);
  });
}

function connects(path: Path): Promise<Work> {
  const message = frames.raw(small);
  const times: number[] = [];
  return Promise.resolve({
    async turn(milliseconds) {
      const before = times.length;
      for (const began = performance.now(); performance.now() - began < milliseconds;) {
        const start = performance.now();
        const socket = await connect(path.raw);
        await pingPong(socket, message, () => false);
        times.push(performance.now() - start);
        socket.destroy();
      }
      return times.length - before;
    },
    finish: () => Promise.resolve(latency(times)),
  });
}

function latency(milliseconds: readonly number[]): { p50: number; p99: number } {
  return { p50: quantile(milliseconds, 0.5) * 1000, p99: quantile(milliseconds, 0.99) * 1000 };
}
