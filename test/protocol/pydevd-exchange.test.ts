import t from "tap";
import { fc } from "../helpers/property.ts";
import type { Answer, ClientId, ExchangeOutput, Stop } from "../../protocol/exchange.ts";
import type { Frame, Side } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { PydevdExchange, type PydevdExchangeOptions } from "../../protocol/pydevd-exchange.ts";
import type { Placed } from "../../protocol/placed.ts";
import { pydevdHead, withSeq } from "../../protocol/pydevd-head.ts";
import { decodePydevd } from "../../protocol/pydevd.ts";
import { captures } from "../helpers/captures.ts";
import { ModelPydevd, thread } from "../helpers/model-pydevd.ts";

/** An exchange, and all that came out of it. */
class Bench {
  readonly toClients = new Map<ClientId, Uint8Array[]>();
  readonly toDebuggee: Uint8Array[] = [];
  readonly stops: Stop[] = [];
  readonly closed: ClientId[] = [];
  readonly exchange: PydevdExchange;
  readonly debuggee: ModelPydevd;
  /** What the debuggee has said and nobody has delivered yet. */
  readonly said: Uint8Array[] = [];

  constructor(options: PydevdExchangeOptions & { model?: boolean } = {}) {
    const output: ExchangeOutput = {
      toClient: (client, bytes) => {
        const all = this.toClients.get(client) ?? [];
        this.toClients.set(client, all);
        all.push(bytes);
      },
      toDebuggee: (bytes) => {
        this.toDebuggee.push(bytes);
        if (options.model === true) for (const frame of frames(bytes)) this.debuggee.receive(frame);
      },
      stopped: (stop) => {
        this.stops.push(stop);
        this.onStop();
      },
      close: (client) => this.closed.push(client),
    };
    this.exchange = new PydevdExchange(output, options);
    this.debuggee = new ModelPydevd((bytes) => this.said.push(bytes));
  }

  /** Called when a stop is told. */
  onStop: () => void = () => undefined;

  /** Client commands, `|` for a tab. */
  send(client: ClientId, ...lines: readonly string[]): void {
    for (const line of lines) for (const frame of frames(bytesOf(line))) this.exchange.fromClient(client, frame);
    this.settle();
  }

  settle(): void {
    for (let bytes = this.said.shift(); bytes !== undefined; bytes = this.said.shift()) {
      for (const frame of frames(bytes)) this.exchange.fromDebuggee(frame);
    }
  }

  hit(reason?: string): void {
    this.debuggee.hit(reason);
    this.settle();
  }

  ask(id: number, text: string): Answer[] {
    const answers: Answer[] = [];
    this.exchange.ask({ wire: "pydevd", id, text: text.replaceAll("|", "\t") }, (answer) => answers.push(answer));
    return answers;
  }

  /** What a client has got since the last call, decoded, `|` for a tab. */
  heard(client: ClientId): string[] {
    const got = Buffer.concat(this.toClients.get(client) ?? []);
    this.toClients.delete(client);
    return frames(got).map((frame) => {
      const { id, seq, text } = decodePydevd(frame, "debuggee") ?? { id: 0, seq: 0, text: "" };
      return `${id}|${seq}|${text.replaceAll("\t", "|")}`;
    });
  }

  /** The same of the debuggee. */
  told(): string[] {
    const got = Buffer.concat(this.toDebuggee.splice(0)).toString();
    return got
      .split("\n")
      .slice(0, -1)
      .map((line) => line.replaceAll("\t", "|"));
  }
}

function bytesOf(line: string): Uint8Array {
  return Buffer.from(`${line.replaceAll("|", "\t")}\n`);
}

function frames(bytes: Uint8Array): Frame[] {
  return new FrameReader("pydevd").push(bytes);
}

const version = "501|1|1.1|UNIX|ID";
const breakAt = (seq: number, id: number, line: number, condition = "None"): string =>
  `111|${seq}|${id}|python-line|/srv/app.py|${line}|None|${condition}|None|None|False|NONE`;

/** A session whose client 1 has let it run. */
function running(options: PydevdExchangeOptions = {}): Bench {
  const bench = new Bench({ ...options, model: true });
  bench.exchange.join(1);
  bench.send(1, version, "101|3|");
  bench.heard(1);
  bench.told();
  return bench;
}

t.test("the head of a message is read as decodePydevd reads it, and another seq leaves the rest", async (t) => {
  const lines = ["105\t-7\tx\ty", "102", "102\t1", "\t\t", "-1\t2\t", "1\t2\t", "x\t1\t2", "12345678901\t1\t", ""];
  for (const line of lines) {
    for (const frame of frames(Buffer.from(`${line}\n`))) {
      const message = decodePydevd(frame, "client");
      const head = pydevdHead(frame);
      t.same(head && [head.id, head.seq], message && [message.id, message.seq], line);
      if (head === undefined) continue;
      const [other] = frames(withSeq(frame, head, 1_000_000_001));
      t.match(other && decodePydevd(other, "client"), { id: message?.id, seq: 1_000_000_001, text: message?.text });
    }
  }
  const [frame] = frames(Buffer.from("Content-Length: 9\r\n\r\n113\t5\tä\n"));
  const head = frame && pydevdHead(frame);
  t.equal(frame && head && Buffer.from(withSeq(frame, head, 17)).toString(), "Content-Length: 10\r\n\r\n113\t17\tä\n");
});

t.test("every recorded session passes byte for byte for the first client, looked at or not", async (t) => {
  for (const capture of captures("pydevd")) {
    for (const isWatched of [false, true]) {
      const bench = new Bench();
      bench.exchange.join(1);
      if (isWatched) bench.exchange.hold();
      const readers = { client: new FrameReader("pydevd"), debuggee: new FrameReader("pydevd") };
      const expected: Record<Side, Uint8Array[]> = { client: [], debuggee: [] };
      for (const { side, bytes } of capture.sent) {
        for (const frame of readers[side].push(bytes)) {
          expected[side].push(frame.bytes);
          if (side === "client") bench.exchange.fromClient(1, frame);
          else bench.exchange.fromDebuggee(frame);
          // Held commands go on behind, in order: the stream is the same.
          if (isWatched) bench.exchange.release();
          if (isWatched) bench.exchange.hold();
        }
      }
      t.ok(Buffer.concat(bench.toDebuggee).equals(Buffer.concat(expected.client)), `${capture.file} to the debuggee`);
      const got = Buffer.concat(bench.toClients.get(1) ?? []);
      t.ok(got.equals(Buffer.concat(expected.debuggee)), `${capture.file} to the client`);
    }
  }
});

t.test("transparent for the first client after 101, while nothing is asked, held or kept", async (t) => {
  const bench = new Bench({ model: true });
  const { exchange } = bench;
  t.notOk(exchange.transparent);
  exchange.join(1);
  bench.send(1, version);
  t.notOk(exchange.transparent, "until 101 whole frames only");
  bench.send(1, "101|3|");
  t.ok(exchange.transparent);
  t.ok(exchange.running);
  bench.hit();
  t.match(bench.stops, [{ number: 1, thread, reason: "breakpoint" }]);
  t.equal(exchange.stop, bench.stops[0]);
  const answers = bench.ask(114, `${thread}|1001|FRAME`);
  t.notOk(exchange.transparent);
  bench.settle();
  t.match(answers, [{ wire: "pydevd", id: 114, text: /int: 1/ }]);
  t.notOk(exchange.transparent, "an answer is kept");
  bench.send(1, `106|5|${thread}`);
  t.ok(exchange.transparent);
  t.equal(exchange.stop, undefined);
  exchange.join(2);
  t.notOk(exchange.transparent);
  exchange.leave(2);
  t.ok(exchange.transparent);
  exchange.hold();
  t.notOk(exchange.transparent);
});

t.test("before 101 only 102 is asked; all else waits; ends and give-ups answer once", async (t) => {
  const bench = new Bench({ model: true });
  const { exchange } = bench;
  exchange.join(1);
  const [threads, late] = [bench.ask(102, ""), bench.ask(114, "t|1|FRAME")];
  t.same(bench.told(), [], "not even 102 before 501");
  bench.send(1, version);
  t.match(threads, [{ id: 502 }]);
  t.same(bench.heard(1), ["501|1|@@BUILD_NUMBER@@"]);
  t.same(late, []);
  bench.send(1, "101|3|");
  t.match(late, [{ id: 901, text: "Frame not found" }]);
  const given: Answer[] = [];
  const giveUp = exchange.ask({ wire: "pydevd", id: 148, text: "x" }, (answer) => given.push(answer));
  giveUp();
  giveUp();
  t.match(given, [{ wire: "none" }]);
  const [open] = [bench.ask(148, "x")];
  exchange.end("it went");
  exchange.end("again");
  t.match(open, [{ wire: "none", why: "it went" }]);
  t.match(bench.ask(102, ""), [{ wire: "none", why: "it went" }]);
});

t.test("a stale answer reaches nobody; replies of any id to an ask are swallowed", async (t) => {
  const bench = running();
  const told = bench.ask(115, `${thread}|1|FRAME|x|1`);
  t.match(bench.told(), [/^115\|1000000001\|/]);
  bench.settle();
  t.match(told, [{ id: 113 }]);
  t.same(bench.heard(1), []);
  bench.exchange.ask({ wire: "pydevd", id: 102, text: "" }, () => undefined)();
  bench.settle();
  t.same(bench.heard(1), []);
});

t.test("hold: what lets run waits, with what stands behind it for that thread", async (t) => {
  const bench = running();
  bench.hit();
  bench.exchange.hold();
  bench.send(1, `114|5|${thread}|1001|FRAME`, `108|7|${thread}`, `114|9|${thread}|1001|FRAME`, "114|11|other|1|FRAME");
  bench.send(1, breakAt(13, 1, 30), "129|15|");
  t.match(bench.told(), [/^114\|5\|/, /^114\|11\|/, /^111\|13\|/]);
  bench.exchange.release();
  t.match(bench.told(), [/^108\|7\|/, /^114\|9\|/, /^129\|15\|/]);
  bench.settle();
  bench.exchange.hold();
  bench.send(1, "106|17|*", "113|19|other|1|FRAME|x|1");
  t.same(bench.told(), [], "* is every thread");
  bench.exchange.leave(1);
  bench.exchange.release();
  t.match(
    bench.told(),
    [/^112\|1000000001/, /^106\|1000000003\|pid/],
    "its commands went with it, and its stop is resumed behind the capture",
  );
});

t.test("answers of asks serve the clients until something may change", async (t) => {
  const bench = running();
  bench.hit();
  bench.ask(114, `${thread}|1001|FRAME`);
  bench.ask(110, `${thread}|1001|FRAME|x`);
  bench.settle();
  bench.told();
  bench.send(1, `114|5|${thread}|1001|FRAME`, `110|7|${thread}|1001|FRAME|x`);
  t.same(bench.told(), []);
  t.match(bench.heard(1).slice(1), [/^114\|5\|.*int: 1/, /^110\|7\|/]);
  bench.send(1, `117|9|${thread}|1001|FRAME|x|2`, `114|11|${thread}|1001|FRAME`);
  t.match(bench.told(), [/^117/, /^114\|11/]);
  bench.ask(114, `${thread}|1|FRAME`);
  bench.settle();
  bench.send(1, `114|13|${thread}|1|FRAME`);
  t.match(bench.told().at(-1), /^114\|13/, "an error is not kept");
});

t.test("own: 501 and 101, settrace's stop is resumed; a client that comes later is handed the session", async (t) => {
  const bench = new Bench({ model: true });
  const { exchange } = bench;
  exchange.own();
  t.same(bench.told(), ["501|1000000001|1.1|UNIX|ID", "101|1000000003|"]);
  bench.settle();
  bench.hit();
  t.same(bench.told(), [`106|1000000005|${thread}`]);
  t.same(bench.stops, []);
  bench.settle();
  t.equal(exchange.stop, undefined);

  exchange.join(1);
  bench.send(1, "501|1|0.1|UNIX", "111|3|python-line|/srv/app.py|20|None|NONE|None|None");
  t.same(bench.heard(1), ["501|1|@@BUILD_NUMBER@@"]);
  t.match(
    bench.told(),
    [/^501\|1000000007\|1.1\|UNIX\|LINE$/, /^111\|3\|python-line/],
    "the grammar of its 111 is told",
  );
  bench.hit();
  t.same(bench.heard(1), [], "no stop before its 101");
  t.equal(bench.stops.length, 1);
  bench.send(1, "101|5|");
  t.same(bench.told(), []);
  t.match(bench.heard(1), [/^103\|\d*[02468]\|<xml><thread name="MainThread" id="pid_7_id_1" \/><\/xml>/, /^105\|/]);
  t.ok(exchange.transparent);

  exchange.leave(1);
  t.match(bench.told(), [/^112\|\d+\|python-line\|\/srv\/app.py\|20$/, /^106\|\d+\|pid_7_id_1$/]);
  bench.settle();
  t.equal(bench.debuggee.breakpoints.size, 0);
  t.notOk(bench.debuggee.stopped);

  exchange.join(2);
  bench.send(2, version, breakAt(3, 1, 12), "122|5|ValueError|1|1|0", "101|7|");
  t.match(bench.heard(2), ["501|1|@@BUILD_NUMBER@@", /^103\|/]);
  t.match([...bench.debuggee.breakpoints.values()], [{ line: "12" }]);
  bench.hit();
  bench.send(2, `114|9|${thread}|1003|FRAME`);
  t.match(bench.heard(2), [/^105/, /^114\|9\|/]);
  bench.exchange.leave(2);
  bench.settle();
  t.equal(bench.debuggee.breakpoints.size + bench.debuggee.exceptions.size, 0);
});

t.test("a client leaves: what it set stays where somebody wants it, until the next one has set its own", async (t) => {
  for (const options of [{ onLeave: "keep" }, { onLeave: "resume", recorded: true }] as const) {
    const bench = new Bench({ model: true, ...options });
    const { exchange, debuggee } = bench;
    exchange.join(1);
    bench.send(1, version, breakAt(3, 1, 12), breakAt(5, 2, 20), "122|7|ValueError|1|1|0", "101|9|");
    bench.hit();
    t.equal(bench.stops.length, 1);
    exchange.hold();
    bench.told();
    exchange.leave(1);
    bench.settle();
    t.ok(debuggee.stopped, "not before the capture is done");
    exchange.release();
    bench.settle();
    t.equal(debuggee.stopped, options.onLeave === "keep", "the stop that stands");
    t.equal(debuggee.breakpoints.size, 2);
    t.equal(debuggee.exceptions.size, 1);
    if (options.onLeave === "resume") {
      bench.onStop = () => exchange.hold();
      bench.hit();
      t.equal(bench.stops.length, 2, "captured without a client");
      bench.settle();
      t.ok(debuggee.stopped);
      exchange.release();
      bench.settle();
      t.notOk(debuggee.stopped);
      bench.onStop = () => undefined;
    }
    exchange.join(2);
    bench.send(2, version, breakAt(3, 1, 20), "101|5|");
    bench.settle();
    t.match([...debuggee.breakpoints.values()], [{ line: "20" }]);
    t.equal(debuggee.exceptions.size, 0);
    exchange.leave(2);
    bench.settle();
    t.equal(debuggee.breakpoints.size, 1);
  }
  const end = new Bench({ model: true, onLeave: "end", recorded: true });
  end.exchange.join(1);
  end.send(1, version, breakAt(3, 1, 12), "101|5|");
  end.exchange.leave(1);
  t.equal(end.debuggee.breakpoints.size, 0);
});

t.test("a debuggee that wants a token first is not taken for running", async (t) => {
  const bench = new Bench();
  bench.exchange.own();
  t.ok(bench.exchange.running);
  for (const seq of [1_000_000_001, 1_000_000_003]) {
    for (const frame of frames(bytesOf(`901|${seq}|Client not authenticated.`))) bench.exchange.fromDebuggee(frame);
  }
  t.notOk(bench.exchange.running);
  bench.told();
  bench.exchange.join(1);
  bench.send(1, version, "205|3|secret", "101|5|");
  t.same(bench.told(), [version, "205|3|secret", "101|5|"]);
});

t.test(
  "a client that leaves before 101: the next one begins anew, and gets no answer that is not its own",
  async (t) => {
    const bench = new Bench({ model: true });
    bench.exchange.join(1);
    for (const frame of frames(bytesOf(version))) bench.exchange.fromClient(1, frame);
    bench.send(1, breakAt(3, 1, 12));
    bench.exchange.leave(1);
    t.equal(bench.debuggee.breakpoints.size, 0);
    t.notOk(bench.exchange.running);
    bench.told();
    bench.exchange.join(2);
    bench.send(2, version, "101|3|");
    t.match(bench.told(), [/^501\|10000000\d+\|1.1\|UNIX\|ID/, /^101\|/]);
    t.match(bench.heard(2), ["501|1|@@BUILD_NUMBER@@", /^103/]);
    t.ok(bench.debuggee.running);
  },
);

t.test(
  "two clients: one drives, both hear; breakpoints at one line are one, and each takes only its own away",
  async (t) => {
    const bench = running();
    const { exchange, debuggee } = bench;
    exchange.join(2);
    bench.send(2, "501|1|0.1|UNIX", "101|3|");
    t.match(bench.heard(2), ["501|1|@@BUILD_NUMBER@@", /^103/]);
    bench.send(1, breakAt(5, 1, 12, "x == 1"), breakAt(7, 2, 40));
    bench.send(2, "111|5|python-line|/srv/app.py|12|None|NONE|y == 2|None");
    const lines = (): string[] =>
      [...debuggee.breakpoints.values()].map(({ line, condition }) => `${line} ${condition}`);
    t.same(lines(), ["40 None", "12 (x == 1) or (y == 2)"]);
    bench.send(1, "112|9|python-line|/srv/app.py|1");
    t.same(lines(), ["40 None", "12 y == 2"]);
    bench.send(1, breakAt(11, 1, 12));
    t.same(lines(), ["40 None", "12 None"]);
    bench.send(2, "112|7|python-line|/srv/app.py|12");
    t.same(lines(), ["40 None", "12 None"]);
    bench.send(1, breakAt(13, 1, 13));
    t.same(lines().sort(), ["13 None", "40 None"]);
    bench.send(1, "122|15|ValueError|1|1|0");
    bench.send(2, "122|9|ValueError|0|1|0", "123|11|ValueError");
    t.ok(debuggee.exceptions.has("ValueError"), "the other one still wants it");
    bench.heard(1);

    bench.hit();
    t.match([bench.heard(1), bench.heard(2)], [[/^105/], [/^105/]]);
    bench.send(2, `106|13|${thread}`);
    t.match(bench.heard(2), [/^901\|13\|debugtap: client 1 drives/]);
    t.ok(debuggee.stopped);
    bench.send(2, `114|15|${thread}|1001|FRAME`);
    t.match([bench.heard(1), bench.heard(2)], [[], [/^114\|15\|/]]);
    t.equal(exchange.driver, 1);
    exchange.leave(1);
    t.ok(debuggee.stopped, "there is one who looks at it");
    t.equal(exchange.driver, 2);
    bench.send(2, `106|17|${thread}`);
    t.match(bench.heard(2), [/^106/]);
    t.equal(debuggee.breakpoints.size, 0);
  },
);

t.test("framings: a client that did not ask for http gets lines, and the other way round", async (t) => {
  const bench = running();
  bench.send(1, "503|5|http");
  bench.exchange.join(2);
  bench.send(2, version, "101|3|");
  const got = Buffer.concat(bench.toClients.get(2) ?? []).toString();
  t.match(got, /^501\t1\t%40%40BUILD_NUMBER%40%40\n103\t/);
  bench.hit();
  t.match(Buffer.concat(bench.toClients.get(1) ?? []).toString(), /Content-Length: \d+\r\n\r\n105/);
  t.match(Buffer.concat(bench.toClients.get(2) ?? []).toString(), /\n105\t/);
  bench.exchange.leave(1);
  bench.send(2, "503|5|http", `114|7|${thread}|1001|FRAME`);
  t.match(bench.heard(2).slice(-2), ["503|5|", /^114\|7\|/]);
  bench.send(2, "503|9|http_json");
  t.match(bench.heard(2), [/^901\|9\|/]);
});

t.test("DAP over pydevd: transparent, no asks, one client; a stop without a client is resumed", async (t) => {
  const bench = new Bench();
  const json = (value: unknown): Frame => {
    const body = JSON.stringify(value);
    const [frame] = frames(Buffer.from(`Content-Length: ${body.length}\r\n\r\n${body}`));
    if (frame === undefined) throw new Error("no frame");
    return frame;
  };
  const initialize = json({ seq: 1, type: "request", command: "initialize" });
  bench.exchange.join(1);
  bench.exchange.fromClient(1, initialize);
  t.same(bench.toDebuggee, [initialize.bytes]);
  t.notOk(bench.exchange.transparent || bench.exchange.running);
  bench.exchange.fromClient(1, json({ seq: 2, type: "request", command: "configurationDone" }));
  t.ok(bench.exchange.transparent && bench.exchange.running);
  t.match(bench.ask(102, ""), [{ wire: "none" }]);
  bench.exchange.join(2);
  t.same(bench.closed, [2]);
  const stopped = json({ seq: 4, type: "event", event: "stopped", body: { threadId: 1 } });
  bench.exchange.fromDebuggee(stopped);
  t.same(bench.toClients.get(1), [stopped.bytes]);
  bench.exchange.leave(1);
  bench.toDebuggee.length = 0;
  bench.exchange.fromDebuggee(stopped);
  t.match(bench.told(), [/^106\|\d+\|\*$/]);
});

t.test("99, PyCharm's port dance, is left alone", async (t) => {
  const bench = new Bench();
  bench.exchange.join(1);
  bench.send(1, "99|-1|40000");
  t.same(bench.told(), ["99|-1|40000"]);
  t.ok(bench.exchange.transparent && bench.exchange.dispatched && bench.exchange.running);
  bench.exchange.leave(1);
  t.same(bench.told(), []);
});

t.test(
  "any interleaving of asks and two clients' commands: every answer to its asker once, client 1 as without",
  async () => {
    const step = fc.oneof(
      fc.record({ who: fc.constantFrom(1, 2, 0), id: fc.constantFrom(102, 110, 113, 114, 117, 129) }),
      fc.record({ deliver: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = running({ drive: "any" });
        bench.exchange.join(2);
        bench.send(2, version, "101|3|");
        bench.hit();
        for (const client of [1, 2]) bench.heard(client);
        const alone = running({ drive: "any" });
        alone.hit();
        alone.heard(1);
        const expected = new Map<ClientId, string[]>([
          [1, []],
          [2, []],
        ]);
        const answers: Answer[][] = [];
        let seq = 101;
        for (const each of steps) {
          if ("deliver" in each) {
            for (let i = 0; i < each.deliver; i++) {
              for (const frame of frames(bench.said.shift() ?? new Uint8Array())) bench.exchange.fromDebuggee(frame);
            }
            continue;
          }
          const text = each.id === 102 || each.id === 129 ? "" : `${thread}|1001|FRAME|x|1`;
          if (each.who === 0) answers.push(bench.ask(each.id, text));
          else {
            // Both clients number alike.
            for (const frame of frames(bytesOf(`${each.id}|${seq}|${text}`)))
              bench.exchange.fromClient(each.who, frame);
            if (each.who === 1) alone.send(1, `${each.id}|${seq}|${text}`);
            expected.get(each.who)?.push(String(seq));
            seq += each.who === 2 ? 2 : 0;
            if (each.who === 1) seq += 2;
          }
        }
        bench.settle();
        if (answers.some((answer) => answer.length !== 1)) return false;
        const heard = bench.heard(1);
        // An answer that is kept overtakes those that are still under way: the order may differ, nothing else.
        if (JSON.stringify(heard.toSorted()) !== JSON.stringify(alone.heard(1).toSorted())) return false;
        const seqs = bench.heard(2).map((line) => line.split("|")[1] ?? "");
        return JSON.stringify(seqs.sort()) === JSON.stringify((expected.get(2) ?? []).sort());
      }),
      { numRuns: 300 },
    );
  },
);

t.test(
  "any breakpoints of two clients: the debuggee has one for each line that is wanted, and none when both have left",
  async () => {
    const command = fc.record({
      who: fc.constantFrom(1, 2),
      isSet: fc.boolean(),
      id: fc.integer({ min: 1, max: 3 }),
      line: fc.integer({ min: 10, max: 12 }),
      condition: fc.constantFrom("None", "a", "b"),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.boolean(), (commands, leaves) => {
        const bench = running();
        bench.exchange.join(2);
        bench.send(2, version, "101|3|");
        const wanted = new Map<string, number>();
        for (const { who, isSet, id, line, condition } of commands) {
          bench.send(who, isSet ? breakAt(5, id, line, condition) : `112|5|python-line|/srv/app.py|${id}`);
          if (isSet) wanted.set(`${who} ${id}`, line);
          else wanted.delete(`${who} ${id}`);
        }
        const lines = (): string =>
          [...new Set([...bench.debuggee.breakpoints.values()].map(({ line }) => line))].sort().join();
        const linesOf = (...clients: number[]): string =>
          [...new Set([...wanted].filter(([key]) => clients.includes(Number(key[0]))).map(([, line]) => `${line}`))]
            .sort()
            .join();
        if (lines() !== linesOf(1, 2)) return false;
        const [first, second] = leaves ? [1, 2] : [2, 1];
        bench.exchange.leave(first);
        if (lines() !== linesOf(second)) return false;
        bench.exchange.leave(second);
        return lines() === "";
      }),
      { numRuns: 300 },
    );
  },
);

t.test("whatever the first client sets while it is alone goes on as it came, looked at or not", async () => {
  const command = fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 10, max: 12 }))
      .map(([id, line]) => breakAt(5, id, line)),
    fc.integer({ min: 1, max: 3 }).map((id) => `112|5|python-line|/srv/app.py|${id}`),
    fc.constantFrom("122|5|ValueError|1|1|0", "123|5|ValueError", "131|5|true;true;false;false;false;KeyError"),
    fc.constantFrom("111|5|1|python-line", "112|5|", "111|5|x|python-line|f|y|None|None|None"),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const bench = running();
      bench.exchange.hold();
      bench.send(1, ...commands);
      return JSON.stringify(bench.told()) === JSON.stringify(commands);
    }),
  );
});

t.test("a hold ends where too much waits, and with the session", async (t) => {
  const bench = running();
  bench.hit();
  bench.exchange.hold();
  for (let i = 0; i < 1001; i++) bench.send(1, `107|${i}|${thread}`);
  t.equal(bench.told().length, 1001);
  bench.exchange.hold();
  bench.send(1, `107|5|${thread}`);
  bench.exchange.end("it went");
  bench.exchange.release();
  t.same(bench.told(), []);
});

t.test("PyCharm's pydevd: 159 answers a 149 under its number, 160 is a question", async (t) => {
  const bench = new Bench();
  const say = (line: string): void => {
    for (const frame of frames(bytesOf(line))) bench.exchange.fromDebuggee(frame);
  };
  bench.exchange.join(1);
  bench.send(1, "501|1|0.1|UNIX");
  say("501|1|PY-241.1");
  bench.send(1, "101|3|");
  bench.exchange.join(2);
  bench.send(2, "501|1|0.1|UNIX", "101|3|");
  t.match(bench.heard(2), ["501|1|PY-241.1"]);
  bench.told();
  say("149|8|<process/>");
  t.same(bench.heard(2), ["149|8|<process/>"]);
  bench.send(2, "159|8|", "160|5|t|f|1|2");
  t.match(bench.told(), ["159|8|", /^160\|1000000001\|/]);
  say("160|1000000001|<xml/>");
  t.same(bench.heard(2), ["160|5|<xml/>"]);
});

t.test("a client that comes at an exception is told of it as those before: the 138, then the 105", async (t) => {
  const bench = running();
  bench.debuggee.event(138, `1001\tValueError\tbad\t<xml><thread id="${thread}"><frame id="1001"/></thread></xml>`);
  bench.hit("137");
  t.match(bench.stops, [{ reason: "exception" }]);
  const before = bench.heard(1);
  bench.exchange.join(2);
  bench.send(2, version, "101|3|");
  t.same(bench.heard(2).slice(2), before);
  bench.send(1, `106|5|${thread}`);
  bench.hit();
  bench.exchange.join(3);
  bench.send(3, version, "101|3|");
  t.match(bench.heard(3), [/^501/, /^103/, /^105/]);
});

t.test("drive: any may, or the one that is named", async (t) => {
  for (const drive of ["any", "ask"] as const) {
    const bench = running({ drive });
    bench.exchange.join(2);
    bench.send(2, version, "101|3|");
    bench.heard(2);
    bench.hit();
    if (drive === "ask") bench.exchange.drive(2);
    t.equal(bench.exchange.driver, drive === "ask" ? 2 : undefined);
    bench.send(2, `106|5|${thread}`);
    t.match(bench.heard(2), [/^105/, /^106/]);
    bench.send(1, "105|5|*");
    t.equal(bench.heard(1).at(-1)?.startsWith("901|5|"), drive === "ask");
  }
});

t.test("garbage of either side never throws", async () => {
  const ids = fc.constantFrom(
    "101",
    "102",
    "103",
    "105",
    "106",
    "111",
    "112",
    "122",
    "123",
    "131",
    "501",
    "503",
    "901",
    "7",
  );
  const line = fc
    .tuple(ids, fc.oneof(fc.integer(), fc.constantFrom(1, 1_000_000_001, 1_000_000_003)), fc.string({ unit: "binary" }))
    .map(([id, seq, text]) => `${id}\t${seq}\t${text.replaceAll("\n", "")}\n`);
  const bytes = fc.oneof(
    line,
    fc.string({ unit: "binary" }).map((text) => `${text.replaceAll("\n", "")}\n`),
  );
  const step = fc.tuple(
    fc.constantFrom("client", "other", "debuggee", "join", "leave", "own", "ask", "hold", "release"),
    bytes,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const { exchange } = new Bench();
      exchange.join(1);
      for (const [what, text] of steps) {
        const frame: Frame = {
          kind: "line",
          bytes: Buffer.from(text),
          bodyStart: 0,
          bodyEnd: Buffer.byteLength(text) - 1,
        };
        if (what === "client") exchange.fromClient(1, frame);
        if (what === "other") exchange.fromClient(2, frame);
        if (what === "debuggee") exchange.fromDebuggee(frame);
        if (what === "join") exchange.join(2);
        if (what === "leave") exchange.leave(text.length % 2 === 0 ? 1 : 2);
        if (what === "own") exchange.own();
        if (what === "ask") exchange.ask({ wire: "pydevd", id: 114, text }, () => undefined);
        if (what === "hold") exchange.hold();
        if (what === "release") exchange.release();
      }
    }),
    { numRuns: 1000 },
  );
});

t.test(
  "resume: the relay lets run what stands, once, after captures; the clients hear it from the debuggee",
  async (t) => {
    const bench = running();
    t.strictSame(bench.exchange.resume(), [], "nothing stands");
    bench.hit();
    bench.heard(1);
    bench.told();
    t.strictSame(bench.exchange.resume("pid_7_id_2"), [], "another thread");
    bench.exchange.hold();
    t.strictSame(bench.exchange.resume(thread), [thread]);
    t.strictSame(bench.told(), [], "a capture goes on");
    bench.exchange.release();
    t.match(bench.told(), [/^106\|\d+\|pid_7_id_1$/]);
    t.notOk(bench.debuggee.stopped);
    bench.settle();
    t.match(bench.heard(1), [/^106\|\d+\|pid_7_id_1\|-1$/]);
    t.ok(bench.exchange.transparent, "and costs nothing more");
    bench.hit();
    t.ok(bench.debuggee.stopped, "the next stop stands again");
    t.strictSame(bench.exchange.resume(), [thread]);
    t.strictSame(bench.exchange.resume(), [thread]);
    t.equal(bench.told().filter((line) => line.startsWith("106|")).length, 1, "once");
    bench.exchange.end("gone");
    t.strictSame(bench.exchange.resume(), []);
  },
);

const ours = (line: number, condition?: string): Placed => ({
  spec: 0,
  path: "/srv/app.py",
  line,
  ...(condition === undefined ? {} : { condition }),
});

t.test("the relay's own breakpoints: before it runs, beside a client's, and gone alone", (t) => {
  const bench = new Bench({ model: true });
  const lines = (): string[] =>
    [...bench.debuggee.breakpoints.values()].map(({ line, condition }) => `${line} ${condition}`).sort();
  bench.exchange.setOwn([ours(12, "x > 1")]);
  bench.exchange.join(1);
  bench.send(1, version, breakAt(3, 1, 14));
  t.same(lines(), ["14 None"]);
  t.match(bench.exchange.stateOf(ours(12, "x > 1")), { state: "pending" });
  bench.send(1, "101|5|");
  t.same(lines(), ["12 x > 1", "14 None"]);
  t.same(
    bench.told().map((line) => line.split("|", 1)[0]),
    ["501", "111", "111", "101"],
    "before it runs",
  );
  t.same(bench.exchange.stateOf(ours(12, "x > 1")), { state: "bound" });
  t.notMatch(bench.heard(1).join("\n"), /12/, "the client hears nothing of it");
  bench.send(1, breakAt(7, 2, 12, "y"));
  t.same(lines(), ["12 (x > 1) or (y)", "14 None"]);
  bench.send(1, "112|9|python-line|/srv/app.py|2");
  t.same(lines(), ["12 x > 1", "14 None"], "a client takes away its own");
  bench.exchange.setOwn([ours(12), ours(20)]);
  t.same(lines(), ["12 None", "14 None", "20 None"]);
  bench.told();
  bench.exchange.setOwn([ours(12), ours(20)]);
  t.same(bench.told(), [], "what is as it was is not said again");
  bench.exchange.setOwn([]);
  t.same(lines(), ["14 None"]);
  t.end();
});

t.test("the relay's own breakpoints hold nobody", (t) => {
  const alone = new Bench({ model: true });
  alone.exchange.setOwn([ours(12)]);
  alone.exchange.own();
  alone.settle();
  t.same([...alone.debuggee.breakpoints.values()], [{ line: "12", condition: "None" }]);
  alone.onStop = () => alone.exchange.hold();
  alone.hit();
  t.equal(alone.stops.length, 1, "it is captured with nobody there");
  t.ok(alone.debuggee.stopped);
  alone.exchange.release();
  t.notOk(alone.debuggee.stopped, "and runs on");

  const bench = running();
  bench.exchange.setOwn([ours(12)]);
  bench.send(1, breakAt(5, 1, 14));
  bench.exchange.leave(1);
  t.same(
    [...bench.debuggee.breakpoints.values()],
    [{ line: "12", condition: "None" }],
    "they stay when a client leaves",
  );
  bench.hit();
  t.notOk(bench.debuggee.stopped);
  t.equal(bench.stops.length, 1);
  t.end();
});
