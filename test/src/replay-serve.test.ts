// A replay on connections: in order, bounded, each for itself, whatever comes on them.
import { once } from "node:events";
import net from "node:net";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import t, { type Test } from "tap";
import { decodeDap, encodeDap, isEvent, isResponse } from "../../protocol/dap.ts";
import type { DapMessage, DebugProtocol } from "../../protocol/dap.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";
import { DapReplay } from "../../protocol/replay-dap.ts";
import { PydevdReplay } from "../../protocol/replay-pydevd.ts";
import { endWithin } from "../../src/duplex.ts";
import { serveDap, servePydevd, type Served } from "../../src/replay/serve.ts";
import { decoded, filesHere, recordingOf, stopIn } from "../helpers/replayed.ts";
import { connect } from "../helpers/sockets.ts";

const locals = Array.from({ length: 50 }, (_, i) => ({ name: `v${i}`, type: "str", value: "'x'".repeat(50) }));
const recording = recordingOf([{ locals }, { line: 13 }, { session: "volume#1" }, { line: 40 }]);

/** A replay on a port; each connection has its own. */
async function listening(t: Test): Promise<{ port: number; served: Served[] }> {
  const served: Served[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    const connection = { readable: socket, writable: socket, finish: () => void endWithin(socket, 2000) };
    served.push(serveDap(connection, new DapReplay(recording, filesHere())));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return { port: (server.address() as net.AddressInfo).port, served };
}

/** An IDE on a socket: what comes is kept until it is asked for. */
class Ide {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  readonly #got: DapMessage[] = [];
  readonly #reader = new FrameReader("dap");
  #wake = (): void => undefined;
  #seq = 1;

  static async connect(t: Test, port: number): Promise<Ide> {
    const socket = await connect(port);
    t.teardown(() => socket.destroy());
    return new Ide(socket);
  }

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.closed = once(socket, "close");
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.on("data", (chunk: Buffer) => {
      for (const frame of this.#reader.push(chunk)) this.#got.push(decodeDap(frame) as DapMessage);
      this.#wake();
    });
  }

  say(command: string, args: object = {}): number {
    this.socket.write(request(this.#seq, command, args));
    return this.#seq++;
  }

  async next(accepts: (message: DapMessage) => boolean): Promise<any> {
    for (;;) {
      const at = this.#got.findIndex((message) => accepts(message));
      if (at >= 0) return this.#got.splice(at, 1)[0];
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  answer(seq: number): Promise<DebugProtocol.Response> {
    return this.next((message) => isResponse(message) && message.request_seq === seq);
  }

  /** The text of the next stop. */
  async stop(): Promise<string> {
    return (await this.next((message) => isEvent(message) && message.event === "stopped")).body.text;
  }

  async begin(): Promise<string> {
    for (const command of ["initialize", "attach", "configurationDone"]) this.say(command);
    return this.stop();
  }
}

function request(seq: number, command: string, args: object = {}): Uint8Array {
  return encodeDap({ seq, type: "request", command, arguments: args });
}

t.test(
  "each connection has its own replay; who comes back begins anew; what is no DAP ends its own only",
  async (t) => {
    const { port, served } = await listening(t);
    const [one, two] = [await Ide.connect(t, port), await Ide.connect(t, port)];
    t.equal(await one.begin(), "hit 1 of 4 · api");
    t.equal(await two.begin(), "hit 1 of 4 · api");
    one.say("continue");
    t.equal(await one.stop(), "hit 2 of 4 · api");
    two.say("goto", { targetId: 4 });
    t.equal(await two.stop(), "hit 4 of 4 · api");
    one.say("continue");
    t.equal(await one.stop(), "hit 3 of 4 · volume", "the other one moved nothing here");

    for (const garbage of [
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "\0".repeat(10_000),
      "Content-Length: 99999999999\r\n\r\n",
    ]) {
      const stranger = await Ide.connect(t, port);
      stranger.socket.write(garbage);
      await stranger.closed;
      await served.at(-1)?.ended;
    }
    for (const body of [
      "{",
      "[]",
      '{"seq":1,"type":"request"}',
      '{"seq":1,"type":"event","event":"x"}',
      '{"seq":"1","type":"request","command":"threads"}',
    ])
      one.socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
    t.match(await one.answer(one.say("threads")), { success: true }, "a message that is no request is passed over");

    // In the midst of a message.
    two.socket.write("Content-Length: 100\r\n\r\n{");
    two.socket.destroy();
    await served[1]?.ended;
    const again = await Ide.connect(t, port);
    t.equal(await again.begin(), "hit 1 of 4 · api");

    await served[0]?.show(3);
    t.equal(await one.stop(), "hit 4 of 4 · api", "shown by hand");
    const early = await Ide.connect(t, port);
    t.match(await early.answer(early.say("initialize")), { success: true });
    await served.at(-1)?.show(3);
    early.say("attach");
    early.say("configurationDone");
    t.equal(await early.stop(), "hit 1 of 4 · api", "one that had not begun is moved nowhere");

    const last = one.say("disconnect");
    one.say("threads");
    t.match(await one.answer(last), { success: true });
    await one.closed;
    again.socket.end();
    await again.closed;
    early.say("next", { threadId: 1 });
    t.equal(await early.stop(), "hit 2 of 4 · api");
    served.at(-1)?.end();
    await early.next((message) => isEvent(message) && message.event === "terminated");
    await early.closed;
    await Promise.all(served.map(({ ended }) => ended));
  },
);

class Counted extends DapReplay {
  handled = 0;

  override handle(request: DebugProtocol.Request): Promise<readonly DapMessage[]> {
    this.handled++;
    return super.handle(request);
  }
}

t.test("ten thousand requests at once are answered in order, no faster than the answers are taken", async (t) => {
  const [readable, writable] = [new PassThrough(), new PassThrough()];
  const replay = new Counted(recording, filesHere());
  const served = serveDap({ readable, writable, finish: () => void readable.destroy() }, replay);
  const total = 10_000;
  const commands = ["initialize", "attach", "configurationDone"];
  for (let seq = 1; seq <= total; seq++) {
    const asks: readonly [string, object] = [
      ["stackTrace", { threadId: 1 }] as const,
      ["variables", { variablesReference: 2 }] as const,
      ["continue", {}] as const,
      ["scopes", { frameId: 1 }] as const,
      ["restart", {}] as const,
    ][seq % 5] ?? ["threads", {}];
    const [command, args] = commands[seq - 1] === undefined ? asks : [commands[seq - 1] ?? "", {}];
    readable.write(request(seq, command, args));
  }
  while (!readable.isPaused()) await turn();
  for (let i = 0; i < 1000; i++) await turn();
  t.ok(replay.handled < 200, `${replay.handled} were answered while nothing was taken`);
  t.ok(writable.readableLength + writable.writableLength < 200_000, `${writable.writableLength} bytes wait`);

  const reader = new FrameReader("dap");
  const answered: number[] = [];
  let seq = 0;
  let inStep = true;
  writable.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      const message = decodeDap(frame);
      inStep &&= message?.seq === ++seq;
      if (message !== undefined && isResponse(message)) answered.push(message.request_seq);
    }
  });
  readable.end(request(total + 1, "disconnect"));
  await served.ended;
  while (answered.length <= total) await turn();
  t.strictSame(
    answered,
    Array.from({ length: total + 1 }, (_, i) => i + 1),
  );
  t.ok(inStep, "numbered without a gap");
  t.equal(replay.handled, total + 1);
});

t.test("an IDE that takes nothing is let go at the end", async (t) => {
  const [readable, writable] = [new PassThrough(), new PassThrough({ highWaterMark: 100 })];
  const finish = (): void => {
    readable.destroy();
    writable.destroy();
  };
  const served = serveDap({ readable, writable, finish }, new DapReplay(recording, filesHere()));
  for (const [i, command] of ["attach", "configurationDone", "threads", "threads"].entries())
    readable.write(request(i, command));
  while (!writable.writableNeedDrain) await turn();
  served.end();
  await served.ended;
  await served.show(1);
  t.ok(writable.destroyed, "what is shown then goes nowhere");
});

t.test("pydevd: byte by byte, and garbage among it", async (t) => {
  const [readable, writable] = [new PassThrough(), new PassThrough()];
  const lines: Uint8Array[] = [];
  const reader = new FrameReader("pydevd");
  writable.on("data", (chunk: Buffer) => {
    for (const { bytes } of reader.push(chunk)) lines.push(bytes);
  });
  const replay = new PydevdReplay(recording, filesHere());
  const served = servePydevd({ readable, writable, finish: () => void readable.destroy() }, replay);
  const said = [
    encodePydevd(501, 1, "1.1\tUNIX\tID", { side: "client" }),
    Buffer.from("77\tx\ty\n5\n999999999999\t1\t\n"),
    encodePydevd(101, 3, "", { side: "client" }),
    encodePydevd(114, 5, "pid_1_id_1\t1001\tFRAME", { side: "client" }),
    encodePydevd(106, 7, "pid_1_id_1", { side: "client" }),
    Buffer.from("Content-Length: 2\r\n\r\n{}"),
  ];
  for (const byte of Buffer.concat(said)) {
    readable.write(Buffer.of(byte));
    await turn();
  }
  await served.show(2);
  served.end();
  await served.ended;
  await turn();
  const messages = decoded(lines);
  t.strictSame(
    messages.map(({ id }) => id),
    [501, 116, 103, 105, 114, 106, 116, 105, 106, 116, 104, 103, 105, 104],
  );
  t.match(stopIn(messages.slice(-2)), { id: "pid_1_id_2" });
});

t.test("pydevd: what cannot be framed ends the connection", async (t) => {
  for (const garbage of ["what\n", "\0\n", "GET / HTTP/1.1\r\n\r\n"]) {
    const [readable, writable] = [new PassThrough(), new PassThrough()];
    const served = servePydevd(
      { readable, writable, finish: () => undefined },
      new PydevdReplay(recording, filesHere()),
    );
    readable.write(garbage);
    await served.ended;
    t.equal(writable.readableLength, 0, JSON.stringify(garbage));
  }
});
