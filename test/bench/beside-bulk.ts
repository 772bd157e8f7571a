// Debugging beside bulk: messages of 200 B go to and fro on a link of 8 Mbit/s while something else fills it, downwards.
//
// debugtap has a connection for commands and files beside the one for debugging; what two sessions share is one connection, as
// with ssh -L.
import net from "node:net";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { superviseHost } from "../../src/transport/supervisor.ts";
import { FaultyVm } from "../helpers/faulty-vm.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { connect, pingPong, untilOpen } from "./client.ts";
import { Echo } from "./probe.ts";
import { Program } from "./program.ts";
import { quantile } from "./statistics.ts";

const rate = 1_000_000;
const message = Buffer.alloc(200, "b");
const block = Buffer.alloc(64 * 1024, "a");
/** The bulk is under way when so much of it has come. */
const underWay = 500_000;

export interface BesideBulk {
  readonly name: string;
  /** Round trips, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
  /** kB a second of everything that came. */
  readonly throughput: number;
}

/** Round trips for so long, each way of doing it. */
export async function besideBulk(milliseconds: number): Promise<BesideBulk[]> {
  const vm = await FaultyVm.start();
  const echo = await Echo.start();
  const source = await startSource();
  try {
    const place: Place = { vm, echo: echo.port, source: source.port, milliseconds };
    return [await ownLane(place), await sameLane(place), await plainSsh(place)];
  } finally {
    source.close();
    await echo.close();
    await vm.stop();
  }
}

interface Place {
  readonly vm: FaultyVm;
  readonly echo: number;
  readonly source: number;
  readonly milliseconds: number;
}

async function ownLane(place: Place): Promise<BesideBulk> {
  return await withLink(place, async (link) => {
    const stream = await link.dial({ host: "127.0.0.1", port: place.echo })(never);
    const over = new AbortController();
    const bulk = async (): Promise<void> => {
      while (!over.signal.aborted) await link.exec("head -c 1000000 /dev/zero");
    };
    const running = bulk();
    const measured = await measure("debugtap, bulk by commands", stream, place);
    over.abort();
    await running;
    return measured;
  });
}

async function sameLane(place: Place): Promise<BesideBulk> {
  return await withLink(place, async (link) => {
    const stream = await link.dial({ host: "127.0.0.1", port: place.echo })(never);
    const bulk = await link.dial({ host: "127.0.0.1", port: place.source })(never);
    bulk.on("error", () => undefined).resume();
    const measured = await measure("debugtap, bulk as a session", stream, place);
    bulk.destroy();
    return measured;
  });
}

async function plainSsh(place: Place): Promise<BesideBulk> {
  const [port = 0, bulkPort = 0] = await freePorts(2);
  const forwards = [
    ["-L", `${port}:127.0.0.1:${place.echo}`],
    ["-L", `${bulkPort}:127.0.0.1:${place.source}`],
  ].flat();
  const ssh = new Program("ssh", ["-N", "-F", place.vm.sshConfig, ...forwards, "vm"]);
  try {
    await untilOpen(
      () => connect(port),
      message,
      () => ssh.check(),
    );
    const stream = await connect(port);
    const bulk = await connect(bulkPort);
    bulk.on("error", () => undefined).resume();
    const measured = await measure("ssh -L, bulk as a session", stream, place);
    bulk.destroy();
    stream.destroy();
    return measured;
  } finally {
    await ssh.stop();
  }
}

const never = new AbortController().signal;
type Link = ReturnType<typeof superviseHost>;

async function withLink<Result>({ vm }: Place, use: (link: Link) => Promise<Result>): Promise<Result> {
  const stateDir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const target = { name: "vm", destination: "vm", configFile: vm.sshConfig };
  const link = superviseHost(target, { onState: () => undefined, busy: () => true, stateDir });
  try {
    return await use(link);
  } finally {
    await link.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function measure(name: string, stream: Duplex, { vm, milliseconds }: Place): Promise<BesideBulk> {
  const { shim } = vm;
  stream.on("error", () => undefined);
  const start = shim.delivered("back");
  shim.rate = rate;
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (shim.delivered("back") - start < underWay) return;
      clearInterval(look);
      resolve();
    }, 10);
  });
  const [began, before] = [performance.now(), shim.delivered("back")];
  const trips: number[] = [];
  await pingPong(stream, message, (trip) => {
    trips.push(trip);
    return performance.now() - began < milliseconds;
  });
  const seconds = (performance.now() - began) / 1000;
  const throughput = (shim.delivered("back") - before) / 1000 / seconds;
  shim.rate = 0;
  return { name, p50: quantile(trips, 0.5), p99: quantile(trips, 0.99), count: trips.length, throughput };
}

/** Speaks without end to whoever comes. */
async function startSource(): Promise<{ readonly port: number; close(): void }> {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const go = (): void => {
      while (socket.writable && socket.write(block));
    };
    socket.on("error", () => undefined).on("drain", go);
    go();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as net.AddressInfo).port, close: () => server.close() };
}
