import { fc } from "../helpers/property.ts";
import t from "tap";
import { DapExchange } from "../../protocol/dap-exchange.ts";
import type { DapExchangeOptions } from "../../protocol/dap-parts.ts";
import { answerTo } from "../../protocol/dap-reply.ts";
import { decodeDap, type DebugProtocol } from "../../protocol/dap.ts";
import type { Answer, Stop } from "../../protocol/exchange.ts";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { elements, member, parseJson } from "../../protocol/json.ts";
import type { Placed } from "../../protocol/placed.ts";
import { capture, captures } from "../helpers/captures.ts";

type Json = Record<string, unknown>;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function frame(bytes: Uint8Array): Frame {
  const [only] = new FrameReader("dap").push(bytes);
  if (only === undefined) throw new Error("no frame");
  return only;
}

const framed = (message: Json): Frame => frame(contentLengthFrame(Buffer.from(JSON.stringify(message))));

/** An exchange and everything that came out of it, in order. */
class Room {
  readonly exchange: DapExchange;
  readonly up: Uint8Array[] = [];
  readonly down: { client: number; bytes: Uint8Array }[] = [];
  readonly stops: Stop[] = [];
  readonly closed: number[] = [];
  /** Called when a stop is told. */
  onStop: () => void = () => undefined;

  constructor(options: Partial<DapExchangeOptions> = {}) {
    this.exchange = new DapExchange(
      {
        toClient: (client, bytes) => this.down.push({ client, bytes }),
        toDebuggee: (bytes) => this.up.push(bytes),
        stopped: (stop) => {
          this.stops.push(stop);
          this.onStop();
        },
        close: (client) => this.closed.push(client),
      },
      { drive: "first", onLeave: "resume", ...options },
    );
  }

  request(client: number, seq: number, command: string, given?: unknown): void {
    this.exchange.fromClient(client, framed({ seq, type: "request", command, arguments: given }));
  }

  say(message: Json): void {
    this.exchange.fromDebuggee(framed(message));
  }

  event(event: string, body?: unknown): void {
    this.say({ seq: 0, type: "event", event, body });
  }

  /** Answers the oldest request of that command which has come up; its message. */
  answer(command: string, body?: unknown, success = true): Json {
    const request = this.takeUp(command);
    this.say({ seq: 0, type: "response", request_seq: request["seq"], command, success, body });
    return request;
  }

  takeUp(command: string): Json {
    const at = this.up.findIndex((bytes) => member(decodeDap(frame(bytes)), "command") === command);
    const [bytes] = at === -1 ? [] : this.up.splice(at, 1);
    if (bytes === undefined) throw new Error(`no ${command} came up, but ${this.sent.join(", ")}`);
    return message(bytes);
  }

  /** Commands and numbers that have come up and were not taken. */
  get sent(): string[] {
    return this.up.map((bytes) => line(bytes));
  }

  /** What a client got since this was last asked. */
  got(client: number): string[] {
    const theirs = this.down.filter((each) => each.client === client);
    for (const each of theirs) this.down.splice(this.down.indexOf(each), 1);
    return theirs.map(({ bytes }) => line(bytes));
  }

  /** The last message that a client got. */
  last(client: number): Json {
    const bytes = this.down.findLast((each) => each.client === client)?.bytes;
    if (bytes === undefined) throw new Error(`client ${client} got nothing`);
    return message(bytes);
  }

  /** The first client opens the session, as with debugpy. */
  open(client = 1, capabilities: Json = {}, given: Json = {}): void {
    this.exchange.join(client);
    this.request(client, 1, "initialize", { clientID: `ide ${client}`, ...given });
    this.answer("initialize", { supportsConfigurationDoneRequest: true, ...capabilities });
    this.request(client, 2, "attach", { justMyCode: true });
    this.event("initialized");
    this.request(client, 3, "configurationDone");
    this.answer("configurationDone");
    this.answer("attach");
    this.got(client);
  }

  /** A further client comes in. */
  enter(client: number): void {
    this.exchange.join(client);
    this.request(client, 1, "initialize", { clientID: `ide ${client}` });
    this.request(client, 2, "attach", {});
    this.request(client, 3, "configurationDone");
    this.got(client);
  }

  stop(threadId = 1, more: Json = {}): void {
    this.event("stopped", { reason: "breakpoint", threadId, allThreadsStopped: true, ...more });
  }
}

function message(bytes: Uint8Array): Json {
  const value = parseJson(bytes.subarray(bytes.indexOf(10, bytes.indexOf(10) + 1) + 1));
  if (typeof value !== "object" || value === null) throw new Error(`no message: ${text(bytes)}`);
  return value as Json;
}

/** `command seq`, `command> request_seq` or `command! request_seq` (failed), `*event`. */
function line(bytes: Uint8Array): string {
  const { type, seq, command, event, request_seq: of, success } = message(bytes);
  if (type === "event") return `*${String(event)}`;
  if (type === "request") return `${String(command)} ${String(seq)}`;
  return `${String(command)}${success === true ? ">" : "!"} ${String(of)}`;
}

function nameOf(bytes: Uint8Array): string {
  const { command, event } = message(bytes);
  return String(command ?? event);
}

for (const recorded of captures("dap")) {
  t.test(`${recorded.file}: one client, byte for byte`, async (t) => {
    for (const session of new Set(recorded.sent.map((sent) => sent.session))) {
      for (const asks of [0, 1]) {
        const room = new Room();
        room.exchange.join(1);
        if (asks === 1) room.exchange.ask({ wire: "dap", command: "threads" }, () => undefined);
        let transparent = 0;
        const sent = recorded.sent.filter((each) => each.session === session);
        for (const { side, bytes } of sent) {
          const name = nameOf(bytes);
          if (room.exchange.transparent) {
            transparent++;
            // What needs not be shown is not: it goes past.
            if (!room.exchange.names[side].has(name)) continue;
          }
          const before = room.up.length + room.down.length;
          if (side === "client") room.exchange.fromClient(1, frame(bytes));
          else room.exchange.fromDebuggee(frame(bytes));
          const out = side === "client" ? room.up.at(-1) : room.down.at(-1)?.bytes;
          if (room.up.length + room.down.length !== before + 1 || out === undefined || text(out) !== text(bytes)) {
            t.fail(`${side}: ${text(bytes)}`);
          }
        }
        t.ok(asks === 1 ? transparent === 0 : transparent > 5, `transparent for ${transparent} of ${sent.length}`);
        t.ok(room.down.every(({ client }) => client === 1));
        t.same(room.closed, []);
      }
    }
  });
}

t.test("numbers: the primary's stay while they are free, all others are from the table", async (t) => {
  const room = new Room();
  room.open();
  room.enter(2);
  room.request(1, 7, "threads");
  room.request(1, 7, "modules");
  room.request(2, 7, "threads");
  t.same(room.sent, ["threads 7", "modules 1000000001", "threads 1000000002"]);
  room.say({ seq: 5, type: "response", request_seq: 1000000002, command: "threads", success: true });
  t.same(room.got(2), ["threads> 7"]);
  t.same(room.got(1), []);
  room.answer("threads");
  room.answer("modules");
  t.same(room.got(1), ["threads> 7", "modules> 7"]);
  room.say({ seq: 5, type: "response", request_seq: 99, command: "threads", success: true });
  t.same([room.got(1), room.got(2)], [["threads> 99"], []], "an unknown answer is the primary's");
});

t.test("cancel names the request as the debuggee knows it", async (t) => {
  const room = new Room();
  room.open();
  room.enter(2);
  room.request(1, 7, "evaluate", {});
  room.request(2, 7, "evaluate", {});
  room.up.length = 0;
  room.request(2, 8, "cancel", { requestId: 7 });
  room.request(1, 8, "cancel", { requestId: 7 });
  room.request(1, 9, "cancel", { requestId: 3 });
  const ids = room.up.map((bytes) => member(message(bytes), "arguments", "requestId"));
  t.same(ids, [1000000001, 7, 3]);
  room.up.length = 0;
  room.got(2);
  room.request(2, 9, "cancel", { requestId: 3 });
  t.same([room.sent, room.got(2)], [[], ["cancel> 9"]], "it would be the primary's number there");
});

t.test("what is no DAP message is the primary's", async (t) => {
  const room = new Room();
  room.exchange.join(1);
  room.exchange.join(2);
  const garbage = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '{"seq":1}',
    '{"type":"request","seq":"1","command":"x"}',
    "\u00ff\u0000",
  ];
  for (const each of garbage) {
    const odd = frame(contentLengthFrame(Buffer.from(each, "latin1")));
    room.exchange.fromClient(1, odd);
    t.equal(room.up.pop(), odd.bytes);
    room.exchange.fromDebuggee(odd);
    t.equal(room.down.pop()?.bytes, odd.bytes);
    room.exchange.fromClient(2, odd);
    room.exchange.fromClient(3, odd);
    t.same([room.up, room.down], [[], []]);
  }
});

t.test("asks: answered once, given up, at the end", async (t) => {
  const room = new Room();
  room.open();
  t.ok(room.exchange.transparent);
  const answers: Answer[] = [];
  const ask = (command: string, given?: unknown): (() => void) =>
    room.exchange.ask({ wire: "dap", command, arguments: given }, (answer) => answers.push(answer));
  ask("threads");
  t.notOk(room.exchange.transparent);
  t.same(room.sent, ["threads 1000000001"]);
  room.answer("threads", { threads: [] });
  t.same(answers.splice(0), [{ wire: "dap", success: true, body: { threads: [] } }]);
  t.ok(room.exchange.transparent);
  const giveUp = ask("modules");
  giveUp();
  giveUp();
  t.match(answers.splice(0), [{ wire: "none", why: "given up" }]);
  t.notOk(room.exchange.transparent, "its answer may still come");
  room.answer("modules", {});
  t.same([answers, room.got(1)], [[], []], "and is swallowed");
  t.ok(room.exchange.transparent);
  ask("scopes", {});
  room.exchange.end("it went");
  ask("scopes", {});
  t.same(answers, [
    { wire: "none", why: "it went" },
    { wire: "none", why: "it went" },
  ]);
  room.request(1, 9, "threads");
  t.same(room.got(1), ["threads! 9"]);
  t.match(
    room.exchange.ask({ wire: "pydevd", id: 1, text: "" }, (answer) => answers.push(answer)),
    Function,
  );
  t.equal(answers.length, 3);
});

t.test("held: execution requests wait, and what stands behind them; others go at once", async (t) => {
  const room = new Room({ drive: "any" });
  room.open();
  room.enter(2);
  room.stop();
  room.exchange.hold();
  room.request(1, 10, "continue", { threadId: 1 });
  room.request(1, 11, "threads");
  room.request(2, 12, "threads");
  room.request(2, 13, "evaluate", { context: "hover" });
  room.request(2, 14, "evaluate", { context: "repl" });
  t.same(room.sent, ["threads 1000000001", "evaluate 1000000002"]);
  room.exchange.hold();
  room.exchange.release();
  t.same(room.sent.slice(2), ["continue 10", "threads 11", "evaluate 1000000003"]);
  room.up.length = 0;
  room.exchange.hold();
  room.request(2, 15, "next", {});
  room.request(1, 16, "next", {});
  room.exchange.leave(2);
  room.exchange.release();
  t.same(room.sent, ["next 16"], "who leaves takes along what it had waiting");
});

t.test("what was asked at this stop is answered from here, until a value may change", async (t) => {
  const room = new Room();
  room.open();
  room.stop();
  t.match(room.exchange.stop, { number: 1, thread: 1, reason: "breakpoint" });
  const scopes = { scopes: [{ name: "Locals", variablesReference: 5 }] };
  const capture = (): void => {
    room.exchange.ask(
      { wire: "dap", command: "scopes", arguments: { frameId: 2, a: { b: 1, c: 2 } } },
      () => undefined,
    );
    room.say({
      seq: 77,
      type: "response",
      request_seq: room.takeUp("scopes")["seq"],
      command: "scopes",
      success: true,
      body: scopes,
    });
  };
  capture();
  t.notOk(room.exchange.transparent);
  const again = (seq: number): void => room.request(1, seq, "scopes", { a: { c: 2, b: 1 }, frameId: 2 });
  again(10);
  t.match(room.last(1), { seq: 77, type: "response", request_seq: 10, command: "scopes", success: true, body: scopes });
  t.same(room.sent, []);
  room.request(1, 11, "scopes", { frameId: 3 });
  t.same(room.sent, ["scopes 11"]);
  room.up.length = 0;
  const stackFrames = [{ id: 1 }, { id: 2 }, { id: 3 }];
  room.exchange.ask(
    { wire: "dap", command: "stackTrace", arguments: { threadId: 1, startFrame: 0, levels: 20 } },
    () => undefined,
  );
  room.answer("stackTrace", { stackFrames, totalFrames: 3 });
  let next = 30;
  const stack = (given: Json): unknown => {
    room.got(1);
    room.request(1, next++, "stackTrace", { threadId: 1, ...given });
    return room.sent.length > 0 ? room.up.splice(0).length : room.last(1)["body"];
  };
  t.same(stack({ startFrame: 0, levels: 1 }), { stackFrames: stackFrames.slice(0, 1), totalFrames: 3 });
  t.same(stack({ startFrame: 1, levels: 19 }), { stackFrames: stackFrames.slice(1), totalFrames: 3 });
  t.same(stack({}), { stackFrames, totalFrames: 3 });
  t.equal(stack({ threadId: 2 }), 1);
  t.equal(stack({ format: {} }), 1);
  for (const command of ["setVariable", "evaluate", "setExpression", "somethingUnknown"]) {
    room.up.length = 0;
    room.request(1, 12, command, {});
    again(13);
    t.same(room.sent, [`${command} 12`, "scopes 13"]);
    room.answer(command);
    room.answer("scopes", scopes);
    capture();
  }
  room.event("invalidated", {});
  again(14);
  t.same(room.sent, ["scopes 14"]);
});

t.test("what was asked before a value changed, or answered while one might, is not kept", async (t) => {
  const room = new Room();
  room.open();
  room.stop();
  const ask = (): void => void room.exchange.ask({ wire: "dap", command: "scopes", arguments: {} }, () => undefined);
  const kept = (): boolean => {
    room.request(1, 10, "scopes", {});
    return room.up.splice(0).length === 0;
  };
  ask();
  room.request(1, 9, "setVariable", {});
  room.answer("setVariable");
  room.answer("scopes", {});
  t.notOk(kept());
  room.say({ seq: 0, type: "response", request_seq: 10, command: "scopes", success: true });
  room.request(1, 9, "evaluate", {});
  ask();
  room.answer("scopes", {});
  room.answer("evaluate");
  t.notOk(kept());
});

t.test("a stop that overtakes the answer to what led to it", async (t) => {
  const room = new Room();
  room.open();
  room.stop();
  room.exchange.ask({ wire: "dap", command: "stackTrace", arguments: {} }, () => undefined);
  room.answer("stackTrace", { stackFrames: [{ id: 2 }] });
  room.request(1, 9, "next", { threadId: 1 });
  room.stop();
  room.answer("next");
  t.equal(room.exchange.stop?.number, 2, "it stands");
  room.request(1, 10, "scopes", { frameId: 2 });
  t.match(room.last(1), { success: false, message: "notStopped" });
});

t.test("threads that stop and run one by one", async (t) => {
  const room = new Room();
  room.open();
  const one = { allThreadsStopped: false };
  room.stop(1, one);
  room.stop(2, one);
  room.exchange.ask({ wire: "dap", command: "stackTrace", arguments: { threadId: 1 } }, () => undefined);
  room.answer("stackTrace", { stackFrames: [{ id: 2 }] });
  room.request(1, 9, "next", { threadId: 2 });
  room.answer("next");
  t.equal(room.exchange.stop?.thread, 1);
  room.request(1, 10, "scopes", { frameId: 2 });
  t.same(room.sent, ["scopes 10"], "the other thread stands on");
  room.event("continued", { threadId: 1, allThreadsContinued: false });
  t.equal(room.exchange.stop, undefined);
  room.stop(1, one);
  room.event("thread", { reason: "exited", threadId: 1 });
  t.equal(room.exchange.stop, undefined);
  room.event("stopped", { reason: "pause" });
  t.match(room.exchange.stop, { thread: 0, reason: "pause" });
});

t.test("numbers of an earlier stop do not reach the debuggee", async (t) => {
  const room = new Room();
  room.open();
  const seen = (ids: number[]): void => {
    const stackFrames = ids.map((id) => ({ id }));
    room.exchange.ask({ wire: "dap", command: "stackTrace", arguments: { threadId: 1 } }, () => undefined);
    room.answer("stackTrace", { stackFrames });
  };
  room.stop();
  seen([2, 3]);
  room.request(1, 10, "continue", { threadId: 1 });
  room.request(1, 11, "scopes", { frameId: 2 });
  t.same(room.got(1), ["*stopped", "scopes! 11"], "what resumes it is on its way");
  t.same(room.sent, ["continue 10"]);
  room.answer("continue", {});
  t.equal(room.exchange.stop, undefined, "the answer tells that it runs");
  room.request(1, 12, "scopes", { frameId: 3 });
  t.match(room.last(1), { success: false, message: "notStopped", request_seq: 12 });
  room.stop();
  seen([2]);
  room.request(1, 13, "scopes", { frameId: 2 });
  room.request(1, 14, "scopes", { frameId: 3 });
  room.request(1, 15, "scopes", { frameId: 4 });
  t.same(room.sent, ["scopes 13", "scopes 15"], "issued again, and never seen");
  room.answer("scopes");
  room.answer("scopes");
  for (let i = 0; i < 2; i++) {
    room.request(1, 20, "continue", { threadId: 1 });
    room.answer("continue");
    room.stop();
  }
  t.ok(room.exchange.transparent, "nothing was seen of a whole stop: older numbers are forgotten");
});

t.test("a client that comes later is told where the session stands", async (t) => {
  const room = new Room();
  room.open(1, { supportsModulesRequest: true });
  room.event("process", { name: "app.py" });
  room.event("thread", { reason: "started", threadId: 1 });
  room.event("thread", { reason: "started", threadId: 2 });
  room.event("thread", { reason: "exited", threadId: 2 });
  room.event("capabilities", { capabilities: { supportsStepBack: true } });
  room.stop(1, { text: "first" });
  room.exchange.join(2);
  room.request(2, 1, "initialize", {});
  t.match(room.last(2)["body"], {
    supportsConfigurationDoneRequest: true,
    supportsModulesRequest: true,
    supportsStepBack: true,
  });
  room.event("output", { output: "not yet" });
  room.request(2, 2, "launch", {});
  room.request(2, 3, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 1 }] });
  room.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true }] });
  room.request(2, 4, "configurationDone");
  t.equal(room.last(2)["event"], "stopped");
  t.match(room.last(2)["body"], { text: "first" });
  t.same(room.got(2), [
    "initialize> 1",
    "*initialized",
    "setBreakpoints> 3",
    "configurationDone> 4",
    "launch> 2",
    "*process",
    "*thread",
    "*stopped",
  ]);
  t.same(room.sent, [], "none of it went up");
  room.event("output", { output: "now" });
  t.same(room.got(2), ["*output"]);
});

t.test("a client that comes while the first one opens the session waits for that", async (t) => {
  const room = new Room();
  room.exchange.join(1);
  room.exchange.join(2);
  room.request(2, 1, "initialize", {});
  t.same(room.sent, [], "the oldest opens it");
  room.request(1, 1, "initialize", {});
  room.request(2, 2, "attach", {});
  t.same([room.sent, room.got(2)], [["initialize 1"], []]);
  room.answer("initialize", { supportsConfigurationDoneRequest: true });
  t.same(room.got(2), ["initialize> 1"]);
  room.request(1, 2, "attach", {});
  room.event("initialized");
  t.same(room.got(2), ["*initialized"]);
  room.request(2, 3, "configurationDone");
  room.request(1, 3, "configurationDone");
  t.same(room.sent, ["attach 2", "configurationDone 3"]);
  room.answer("configurationDone");
  room.answer("attach");
  room.stop();
  t.same(room.got(2), ["configurationDone> 3", "attach> 2", "*stopped"]);
  t.same(room.got(1), ["initialize> 1", "*initialized", "configurationDone> 3", "attach> 2", "*stopped"]);
});

t.test("the first client leaves half-way: the next one goes on from there", async (t) => {
  for (const said of [0, 1, 2, 3]) {
    const room = new Room();
    room.exchange.join(1);
    room.exchange.join(2);
    if (said > 0) room.request(1, 1, "initialize", {});
    if (said > 0) room.answer("initialize", { supportsConfigurationDoneRequest: true });
    if (said > 1) room.request(1, 2, "attach", {});
    if (said > 1) room.event("initialized");
    if (said > 2) room.request(1, 3, "configurationDone");
    room.request(2, 1, "initialize", {});
    room.request(2, 2, "attach", {});
    room.request(2, 3, "configurationDone");
    room.exchange.leave(1);
    const rest = ["initialize", "attach", "configurationDone"].slice(said);
    if (said < 1) room.answer("initialize", { supportsConfigurationDoneRequest: true });
    if (said < 2) room.event("initialized");
    t.same(
      room.sent.map((each) => each.split(" ")[0]).slice(-rest.length || 9),
      said === 0 ? ["attach", "configurationDone"] : rest,
      `${said} said`,
    );
    room.answer("configurationDone");
    room.answer("attach");
    room.stop();
    t.same(room.got(2), ["initialize> 1", "*initialized", "configurationDone> 3", "attach> 2", "*stopped"]);
    t.notOk(room.exchange.transparent);
  }
});

t.test("an attach that fails is the asker's; the next client may try", async (t) => {
  const room = new Room();
  room.exchange.join(1);
  room.request(1, 1, "initialize", {});
  room.answer("initialize", {});
  room.request(1, 2, "attach", {});
  room.exchange.join(2);
  room.request(2, 1, "initialize", {});
  room.request(2, 2, "attach", {});
  room.answer("attach", undefined, false);
  t.same([room.got(1), room.got(2), room.sent], [["initialize> 1", "attach! 2"], ["initialize> 1"], []]);
  room.request(1, 3, "attach", {});
  room.event("initialized");
  room.answer("attach");
  t.same(room.got(2), ["*initialized", "attach> 2"], "nothing to configure: attached at once");
});

t.test("a client that counts otherwise than the session is refused", async (t) => {
  const room = new Room();
  room.open();
  room.exchange.join(2);
  room.request(2, 1, "initialize", { linesStartAt1: false });
  t.match(room.last(2), { success: false, message: "this session was opened with linesStartAt1: true" });
});

for (const file of ["dap-debugpy-two-hits.jsonl", "dap-delve-remote-attach.jsonl"]) {
  t.test(`${file}: a client that comes at a stop sees what the first one saw of it`, async (t) => {
    const { sent } = capture(file);
    const at = sent.findIndex(({ bytes }) => nameOf(bytes) === "stopped");
    const room = new Room({ onLeave: "keep" });
    room.exchange.join(1);
    const play = (from: number, to: number): void => {
      for (const { side, bytes } of sent.slice(from, to)) {
        if (side === "client") room.exchange.fromClient(1, frame(bytes));
        else room.exchange.fromDebuggee(frame(bytes));
      }
    };
    play(0, at + 1);
    const debugpy = file.includes("debugpy");
    const first = room.got(1).filter((each) => debugpy || !/output|capabilities/.test(each));
    room.exchange.join(2);
    room.request(2, 1, "initialize", { clientID: "late" });
    room.request(2, 2, "attach", {});
    room.request(2, 3, "configurationDone");
    const events = debugpy ? ["*process", "*thread", "*stopped"] : ["*stopped"];
    t.same(room.got(2), ["initialize> 1", "*initialized", "configurationDone> 3", "attach> 2", ...events]);
    t.same(first.slice(-events.length), events);
    // On to the second stop: with delve only the answer to `continue` tells that the program ran.
    const second = sent.findIndex(({ bytes }, i) => i > at && nameOf(bytes) === "stopped");
    play(at + 1, second);
    t.same(
      room.got(2).filter((each) => each === "*continued"),
      ["*continued"],
      "said once",
    );
    t.equal(room.exchange.stop, undefined);
    play(second, second + 1);
    t.same(room.got(2), ["*stopped"]);
    t.equal(room.exchange.stop?.number, 2);
    room.exchange.leave(1);
    t.equal(room.exchange.driver, 2);
    room.up.length = 0;
    room.request(2, 4, "continue", { threadId: 1 });
    room.answer("continue", { allThreadsContinued: true });
    room.event("terminated");
    t.same(room.got(2), ["continue> 4", "*terminated"]);
    room.exchange.join(3);
    room.request(3, 1, "initialize", {});
    room.request(3, 2, "attach", {});
    t.same(room.got(3), ["initialize> 1", "*initialized", "attach> 2", "*terminated"]);
  });
}

t.test("one client drives; others are refused, clearly", async (t) => {
  const driven: unknown[] = [];
  const room = new Room({ drive: "ask", session: "svc#1", driven: (client) => driven.push(client) });
  room.open();
  room.enter(2);
  room.request(2, 10, "continue", { threadId: 1 });
  t.match(room.last(2), {
    success: false,
    message: /^ide 1 drives this session; this client observes it\..*: debugtap drive svc#1 --client 2$/,
  });
  t.same(room.exchange.views, [
    { id: 1, name: "ide 1", drives: true },
    { id: 2, name: "ide 2", drives: false },
  ]);
  room.request(2, 11, "setVariable", {});
  room.request(2, 12, "evaluate", {});
  room.request(2, 13, "disconnect", { terminateDebuggee: true });
  t.same(room.sent, ["evaluate 1000000001"]);
  t.same(room.closed, [2], "it only leaves");
  room.enter(3);
  t.equal(room.exchange.driver, 1);
  t.ok(room.exchange.drive(3));
  t.notOk(room.exchange.drive(9));
  t.equal(room.exchange.driver, 3);
  t.same(driven, [{ id: 3, name: "ide 3", drives: true }]);
  t.match(room.last(1), { event: "output", body: { output: "debugtap: ide 3 drives this session now\n" } });
  t.match(room.last(3), { event: "output", body: { output: "debugtap: this IDE drives this session now\n" } });
  room.request(3, 10, "pause", {});
  room.request(1, 10, "pause", {});
  t.same(room.got(1).slice(-1), ["pause! 10"]);
  room.exchange.leave(3);
  t.equal(room.exchange.driver, 1);
  t.notOk(new Room().exchange.drive(1));
});

t.test("two words in the debug console take the drive over, where the configuration lets them", async (t) => {
  const room = new Room({ drive: "ask" });
  room.open();
  room.enter(2);
  room.up.length = 0;
  const words = { expression: " debugtap drive ", context: "repl" };
  room.request(2, 10, "evaluate", words);
  t.same(room.got(2), ["*output", "evaluate> 10"]);
  t.same(room.got(1), ["*output"]);
  t.equal(room.exchange.driver, 2);
  room.request(2, 11, "evaluate", words);
  t.match(room.last(2), { success: true, body: { result: "this IDE drives already" } });
  t.same(room.sent, [], "the debuggee never hears of it");
  room.request(1, 12, "evaluate", { ...words, context: "watch" });
  t.same(room.sent, ["evaluate 12"]);

  const first = new Room();
  first.open();
  first.enter(2);
  first.request(2, 10, "evaluate", words);
  t.match(first.last(2), { success: false, message: /may say `clients: \{ drive: ask \}`/ });
  t.equal(first.exchange.driver, 1);
});

t.test("a client leaves: the last one's breakpoints go and the program runs on", async (t) => {
  for (const polite of [true, false]) {
    const room = new Room();
    room.open();
    room.request(1, 4, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 1 }] });
    room.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true }] });
    room.request(1, 5, "setExceptionBreakpoints", { filters: ["raised"] });
    room.answer("setExceptionBreakpoints");
    room.request(1, 6, "setInstructionBreakpoints", { breakpoints: [{}] });
    room.answer("setInstructionBreakpoints");
    room.stop();
    room.exchange.hold();
    room.got(1);
    if (polite) room.request(1, 7, "disconnect", {});
    else room.exchange.leave(1);
    t.same([room.sent, room.closed], [[], []], "not before the capture is done");
    room.exchange.release();
    t.same([room.got(1), room.closed], polite ? [["disconnect> 7"], [1]] : [[], []]);
    t.match(room.takeUp("setBreakpoints")["arguments"], { source: { path: "/a.py" }, breakpoints: [] });
    t.match(room.takeUp("setExceptionBreakpoints")["arguments"], { filters: [] });
    t.match(room.takeUp("setInstructionBreakpoints")["arguments"], { breakpoints: [] });
    t.match(room.answer("continue")["arguments"], { threadId: 1 });
    t.equal(room.exchange.stop, undefined);
    room.onStop = () => room.exchange.hold();
    room.stop();
    t.same(room.sent, [], "what was on its way: captured, and resumed too");
    room.onStop = () => undefined;
    room.exchange.release();
    room.answer("continue");
    room.enter(2);
    room.stop();
    t.same(room.got(2), ["*stopped"]);
    room.exchange.leave(2);
    t.same(
      room.sent.map((each) => each.split(" ")[0]),
      ["continue"],
    );
  }
});

t.test("a stop is let go once: what the leaver has sent for it counts, unless it fails", async (t) => {
  for (const command of ["continue", "next"]) {
    const room = new Room();
    room.open();
    room.stop();
    room.request(1, 4, command, { threadId: 1 });
    room.exchange.leave(1);
    t.same(
      room.sent,
      [`${command} 4`],
      "debugpy would answer a second one only after the next stop, and hear nothing until then",
    );
    room.answer(command, {}, false);
    t.match(room.answer("continue")["arguments"], { threadId: 1 }, "it failed: the thread still stands");
    t.same(room.sent, []);
    t.equal(room.exchange.stop, undefined);
  }
  const room = new Room();
  room.open();
  room.stop(1, { allThreadsStopped: false });
  room.stop(2, { allThreadsStopped: false });
  room.request(1, 4, "continue", { threadId: 1, singleThread: true });
  room.exchange.leave(1);
  room.takeUp("continue");
  t.match(room.takeUp("continue")["arguments"], { threadId: 2 }, "the other thread's stop is another");
});

t.test("a lost connection: clients stay, and all is set again at the next one", async (t) => {
  const ended: string[] = [];
  const room = new Room({ onEnded: (why) => ended.push(why) });
  room.open();
  room.enter(2);
  const source = { path: "/a.py" };
  for (const [client, line] of [
    [1, 1],
    [2, 2],
  ] as const) {
    room.request(client, 4, "setBreakpoints", { source, breakpoints: [{ line }] });
    const lines = room.takeUp("setBreakpoints");
    const breakpoints = line === 1 ? [{ id: 0, verified: true }] : [1, 2].map((id) => ({ id, verified: true }));
    room.say({
      seq: 0,
      type: "response",
      request_seq: lines["seq"],
      command: "setBreakpoints",
      success: true,
      body: { breakpoints },
    });
  }
  room.request(1, 5, "setExceptionBreakpoints", { filters: ["raised"] });
  room.answer("setExceptionBreakpoints");
  room.request(1, 6, "setDataBreakpoints", { breakpoints: [{ dataId: "x" }] });
  room.answer("setDataBreakpoints");
  room.event("thread", { reason: "started", threadId: 1 });
  room.stop();
  room.request(1, 7, "stackTrace", { threadId: 1 });
  room.request(1, 8, "setFunctionBreakpoints", { breakpoints: [{ name: "f" }] });
  const asked: Answer[] = [];
  room.exchange.ask({ wire: "dap", command: "scopes", arguments: { frameId: 3 } }, (answer) => asked.push(answer));
  room.got(1);
  room.got(2);
  t.equal(room.exchange.transparent, false);

  room.event("terminated");
  t.same([ended.length, room.got(1)], [1, []], "its end is the caller's to know");
  t.equal(room.exchange.returnable, true);
  room.up.length = 0;
  room.exchange.lost("the tunnel broke");
  t.match(asked, [{ wire: "none", why: "the tunnel broke" }]);
  t.equal(room.exchange.stop, undefined);
  t.same(room.got(2), ["*continued", "*thread"]);
  t.match(room.down.at(-1) === undefined ? undefined : room.last(1), { body: { breakpoints: [{ verified: false }] } });
  t.same(room.got(1), ["*continued", "*thread", "stackTrace! 7", "setFunctionBreakpoints> 8"]);
  room.request(1, 9, "continue", { threadId: 1 });
  t.match(room.last(1), { success: false, message: /the tunnel broke; debugtap attaches again/ });
  room.request(1, 10, "threads");
  t.match(room.last(1), { success: true, body: { threads: [] } });
  room.request(2, 10, "setBreakpoints", { source, breakpoints: [{ line: 7 }] });
  const kept = elements(room.last(2)["body"], "breakpoints")[0];
  t.match(kept, { verified: false, line: 7 });
  room.got(1);
  room.got(2);
  t.same(room.sent, [], "nobody is there");

  const outcome: (string | undefined)[] = [];
  room.exchange.reattach((failed) => outcome.push(failed));
  room.answer("initialize", { supportsConfigurationDoneRequest: true });
  room.say({
    seq: 0,
    type: "response",
    request_seq: room.takeUp("attach")["seq"],
    command: "attach",
    success: false,
    message: "busy",
  });
  t.match(outcome, [/attach failed: busy/]);
  room.exchange.lost("busy");
  t.same([room.got(1), room.got(2)], [[], []], "a failed attempt is not told again");

  room.exchange.reattach((failed) => outcome.push(failed));
  room.answer("initialize", { supportsConfigurationDoneRequest: true });
  room.event("initialized");
  const set = room.takeUp("setBreakpoints");
  t.match(set["arguments"], { source, breakpoints: [{ line: 1 }, { line: 7 }] });
  const breakpoints = [
    { id: 10, verified: true },
    { id: 11, verified: true, line: 8 },
  ];
  room.say({
    seq: 0,
    type: "response",
    request_seq: set["seq"],
    command: "setBreakpoints",
    success: true,
    body: { breakpoints },
  });
  t.match(room.last(2), {
    event: "breakpoint",
    body: { reason: "changed", breakpoint: { id: member(kept, "id"), line: 8 } },
  });
  t.match(room.answer("setExceptionBreakpoints")["arguments"], { filters: ["raised"] });
  t.match(room.answer("setFunctionBreakpoints", { breakpoints: [{ id: 12, verified: true }] })["arguments"], {
    breakpoints: [{ name: "f" }],
  });
  t.match(room.answer("setDataBreakpoints")["arguments"], { breakpoints: [{ dataId: "x" }] });
  room.answer("configurationDone");
  t.equal(outcome.length, 1);
  room.answer("attach");
  t.same([outcome[1], outcome.length, room.sent], [undefined, 2, []]);
  room.got(1);
  room.got(2);
  room.stop(4, { hitBreakpointIds: [11] });
  t.match(room.last(2), { body: { hitBreakpointIds: [member(kept, "id")] } });

  room.request(1, 20, "disconnect", { terminateDebuggee: true });
  t.equal(room.exchange.returnable, false, "its end was asked for");
});

t.test("two clients continue at once: the debuggee is told once", async (t) => {
  const room = new Room({ drive: "any" });
  room.open();
  room.enter(2);
  room.request(1, 4, "continue", { threadId: 1 });
  room.answer("continue");
  room.stop();
  room.got(2);
  room.request(1, 5, "continue", { threadId: 1 });
  room.request(2, 4, "continue", { threadId: 1 });
  t.same([room.sent, room.got(2)], [["continue 5"], ["continue> 4"]], "while it is on its way");
  room.answer("continue");
  room.request(2, 5, "continue", { threadId: 1 });
  t.same([room.sent, room.got(2)], [[], ["*continued", "continue> 5"]], "and behind it");
  room.stop();
  room.request(2, 6, "continue", { threadId: 1 });
  t.equal(room.sent.length, 1);
});

t.test("a client leaves: kept, ended, launched", async (t) => {
  const keep = new Room({ onLeave: "keep" });
  keep.open();
  keep.request(1, 4, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 1 }] });
  keep.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true }] });
  keep.stop();
  keep.exchange.leave(1);
  t.same(keep.sent, []);
  keep.exchange.join(2);
  keep.request(2, 1, "initialize", {});
  keep.request(2, 2, "attach", {});
  keep.request(2, 4, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 2 }] });
  t.match(keep.takeUp("setBreakpoints")["arguments"], { breakpoints: [{ line: 2 }] }, "nobody's are replaced");
  keep.request(2, 5, "configurationDone");
  t.same(keep.sent, []);

  const end = new Room({ onLeave: "end" });
  end.open();
  end.enter(2);
  end.exchange.leave(2);
  t.same(end.sent, []);
  end.exchange.leave(1);
  t.same(end.sent, ["disconnect 1000000001"]);

  const launched = new Room();
  launched.exchange.join(1);
  launched.request(1, 1, "initialize", {});
  launched.answer("initialize", {});
  launched.request(1, 2, "launch", {});
  launched.answer("launch");
  launched.request(1, 3, "disconnect", {});
  t.same(launched.sent, ["disconnect 3"], "what it launched ends with it");
  launched.answer("disconnect");
  launched.exchange.leave(1);
  t.same(launched.sent, []);

  const killed = new Room();
  killed.open();
  killed.enter(2);
  killed.request(1, 4, "disconnect", { terminateDebuggee: true });
  t.same(killed.sent, ["disconnect 4"]);
});

t.test(
  "a client leaves a session that is recorded: its breakpoints stay, and the program runs on from them",
  async (t) => {
    const room = new Room({ recorded: true });
    room.open();
    for (const [seq, path] of ["/a.py", "/b.py"].entries()) {
      room.request(1, 4 + seq, "setBreakpoints", { source: { path }, breakpoints: [{ line: 1 }] });
      room.answer("setBreakpoints", { breakpoints: [{ id: 1 + seq, verified: true }] });
    }
    room.stop();
    room.exchange.leave(1);
    t.same(room.sent, ["continue 1000000001"]);
    room.answer("continue");
    room.onStop = () => room.exchange.hold();
    room.stop();
    t.equal(room.stops.length, 2);
    t.same(room.sent, [], "not before it is captured");
    room.exchange.release();
    room.answer("continue");
    t.equal(room.exchange.stop, undefined);
    room.onStop = () => undefined;
    room.exchange.join(2);
    room.request(2, 1, "initialize", {});
    room.request(2, 2, "attach", {});
    room.request(2, 3, "setBreakpoints", { source: { path: "/b.py" }, breakpoints: [{ line: 1 }] });
    room.answer("setBreakpoints", { breakpoints: [{ id: 3, verified: true }] });
    room.request(2, 4, "configurationDone");
    t.match(
      room.takeUp("setBreakpoints")["arguments"],
      { source: { path: "/a.py" }, breakpoints: [] },
      "not set again",
    );
    t.same(room.sent, []);
    room.exchange.leave(2);
    t.same(room.sent, []);
  },
);

t.test("reverse requests: to one client that can serve, answered once", async (t) => {
  const room = new Room();
  room.open(1, {}, { supportsStartDebuggingRequest: true });
  room.exchange.join(2);
  const able = { supportsStartDebuggingRequest: true, supportsRunInTerminalRequest: true };
  room.request(2, 1, "initialize", { ...able });
  room.request(2, 2, "attach", {});
  room.request(2, 3, "configurationDone");
  room.got(2);
  const reverse = (seq: number, command: string): void => room.say({ seq, type: "request", command, arguments: {} });
  const reply = (client: number, of: number, command: string, success = true): void => {
    room.exchange.fromClient(client, framed({ seq: 90, type: "response", request_seq: of, command, success }));
  };
  reverse(30, "runInTerminal");
  reverse(0, "runInTerminal");
  t.same([room.got(1), room.got(2)], [[], ["runInTerminal 30", "runInTerminal 1000000001"]]);
  reply(2, 1000000001, "runInTerminal");
  reply(2, 1000000001, "runInTerminal");
  reply(2, 30, "runInTerminal");
  t.same(room.sent.splice(0), ["runInTerminal> 0", "runInTerminal> 30"]);
  room.up.length = 0;

  reverse(31, "startDebugging");
  t.same([room.got(1), room.got(2)], [["startDebugging 31"], ["startDebugging 31"]], "each has its own child session");
  reply(1, 31, "startDebugging", false);
  t.same(room.sent, []);
  reply(2, 31, "startDebugging");
  t.same(room.sent, ["startDebugging> 31"]);
  room.up.length = 0;
  reverse(32, "runInTerminal");
  room.exchange.leave(2);
  reverse(33, "runInTerminal");
  t.same(room.sent, ["runInTerminal! 32", "runInTerminal! 33"], "nobody is left who can");
  room.up.length = 0;
  room.got(1);
  reverse(34, "somethingElse");
  t.same(room.got(1), ["somethingElse 34"]);
  room.say({ seq: 35, type: "request", command: "cancel", arguments: { requestId: 34 } });
  t.same(room.got(1), ["cancel 35"]);
  room.exchange.end("it went");
  reverse(36, "startDebugging");
});

t.test("breakpoints of two clients in one file", async (t) => {
  const room = new Room();
  room.open();
  room.enter(2);
  const set = (client: number, seq: number, ...lines: (number | Json)[]): void => {
    const breakpoints = lines.map((line) => (typeof line === "number" ? { line } : line));
    room.request(client, seq, "setBreakpoints", { source: { path: "/a.py" }, breakpoints });
  };
  const lists = (request: Json): unknown => member(request, "arguments", "breakpoints");
  set(1, 10, 5, { line: 7, condition: "a" });
  room.answer("setBreakpoints", {
    breakpoints: [
      { id: 0, verified: true, line: 5 },
      { id: 1, verified: true, line: 7 },
    ],
  });
  room.got(1);
  set(2, 10, { line: 7, condition: "b" }, 9);
  t.same(lists(room.takeUp("setBreakpoints")), [{ line: 5 }, { line: 7, condition: "a" }, { line: 9 }]);
  const second = [
    { id: 2, verified: true, line: 5 },
    { id: 3, verified: false, line: 7 },
    { id: 4, verified: true, line: 9 },
  ];
  room.say({
    seq: 0,
    type: "response",
    request_seq: 1000000001,
    command: "setBreakpoints",
    success: true,
    body: { breakpoints: second },
  });
  t.match(room.last(2)["body"], {
    breakpoints: [
      { id: 3, verified: false, message: "another client set this breakpoint first: its condition holds" },
      { id: 4, verified: true },
    ],
  });
  t.match(room.last(1)["body"], { reason: "changed", breakpoint: { id: 1, verified: false } }, "told, by its own id");
  t.same([room.got(1), room.got(2)], [["*breakpoint"], ["setBreakpoints> 10"]]);
  room.event("breakpoint", { reason: "changed", breakpoint: { id: 3, verified: true, line: 7 } });
  t.match(room.last(1)["body"], { breakpoint: { id: 1, verified: true } });
  t.match(room.last(2)["body"], { breakpoint: { id: 3, verified: true } });
  room.got(1);
  room.got(2);
  room.event("breakpoint", { reason: "changed", breakpoint: { id: 4, verified: true } });
  room.event("breakpoint", { reason: "new", breakpoint: { id: 99, verified: true } });
  t.same([room.got(1), room.got(2)], [["*breakpoint"], ["*breakpoint", "*breakpoint"]]);
  room.stop(1, { hitBreakpointIds: [3, 2, 99] });
  t.match(room.last(1)["body"], { hitBreakpointIds: [1, 0, 99] });
  t.match(room.last(2)["body"], { hitBreakpointIds: [3, 99] });
  room.exchange.leave(2);
  t.same(lists(room.answer("setBreakpoints", { breakpoints: second.slice(0, 2) })), [
    { line: 5 },
    { line: 7, condition: "a" },
  ]);
  t.notOk(room.exchange.transparent, "the ids still differ");
  set(1, 11, 5);
  room.answer("setBreakpoints", { breakpoints: [{ id: 9, verified: true, line: 5 }] });
  t.match(room.last(1)["body"], { breakpoints: [{ id: 9 }] });
  room.request(1, 12, "continue", { threadId: 1 });
  room.answer("continue");
  t.ok(room.exchange.transparent);
});

t.test("function and exception breakpoints of two clients", async (t) => {
  const room = new Room();
  room.open();
  room.enter(2);
  room.request(1, 10, "setExceptionBreakpoints", {
    filters: ["raised"],
    filterOptions: [{ filterId: "x", condition: "c" }],
  });
  t.same(room.answer("setExceptionBreakpoints")["arguments"], {
    filters: ["raised"],
    filterOptions: [{ filterId: "x", condition: "c" }],
  });
  room.request(2, 10, "setExceptionBreakpoints", { filters: ["uncaught", "raised"] });
  const up = room.answer("setExceptionBreakpoints", { breakpoints: [{ id: 1 }, { id: 2 }, { id: 3 }] });
  t.same(up["arguments"], { filters: ["raised", "uncaught"], filterOptions: [{ filterId: "x", condition: "c" }] });
  t.match(room.last(2)["body"], { breakpoints: [{ id: 2 }, { id: 1 }] });
  room.request(1, 11, "setFunctionBreakpoints", { breakpoints: [{ name: "f" }] });
  room.answer("setFunctionBreakpoints", { breakpoints: [{ id: 5, verified: true }] });
  room.request(2, 11, "setFunctionBreakpoints", { breakpoints: [{ name: "g" }, { name: "f" }] });
  t.same(room.takeUp("setFunctionBreakpoints")["arguments"], { breakpoints: [{ name: "f" }, { name: "g" }] });
  room.up.length = 0;
  room.exchange.ask(
    { wire: "dap", command: "setBreakpoints", arguments: { source: { path: "/r.py" }, breakpoints: [{ line: 1 }] } },
    () => undefined,
  );
  room.takeUp("setBreakpoints");
  room.exchange.leave(2);
  t.same(room.takeUp("setExceptionBreakpoints")["arguments"], {
    filters: ["raised"],
    filterOptions: [{ filterId: "x", condition: "c" }],
  });
  t.same(room.takeUp("setFunctionBreakpoints")["arguments"], { breakpoints: [{ name: "f" }] });
  room.exchange.leave(1);
  t.same(room.takeUp("setExceptionBreakpoints")["arguments"], { filters: [] });
  t.same(room.takeUp("setFunctionBreakpoints")["arguments"], { breakpoints: [] });
  t.same(room.sent, [], "the relay's own stay");
});

t.test("a set that fails leaves what stood before", async (t) => {
  const room = new Room();
  room.open();
  room.enter(2);
  const set = (client: number, line: number): void =>
    room.request(client, 10, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line }] });
  set(1, 1);
  room.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true }] });
  set(1, 2);
  room.answer("setBreakpoints", undefined, false);
  set(2, 3);
  t.match(room.takeUp("setBreakpoints")["arguments"], { breakpoints: [{ line: 1 }, { line: 3 }] });
});

const owners = fc.constantFrom<1 | 2>(1, 2);
const places = fc.array(fc.record({ line: fc.integer({ min: 1, max: 4 }) }), { maxLength: 4 });

t.test("any breakpoints of two clients: upstream is their union, each gets its own list back", async () => {
  const set = fc.record({ client: owners, file: fc.constantFrom("/a", "/b"), breakpoints: places });
  fc.assert(
    fc.property(fc.array(set, { maxLength: 12 }), fc.boolean(), (sets, leaves) => {
      const room = new Room();
      room.open();
      room.enter(2);
      const wanted = new Map<string, { line: number }[]>();
      const upstream = new Map<string, { line: number }[]>();
      let id = 0;
      const serve = (): void => {
        const request = room.takeUp("setBreakpoints");
        const list = member(request, "arguments", "breakpoints") as { line: number }[];
        upstream.set(String(member(request, "arguments", "source", "path")), list);
        const breakpoints = list.map(({ line }) => ({ id: id++, line, verified: true }));
        room.say({
          seq: 0,
          type: "response",
          request_seq: request["seq"],
          command: "setBreakpoints",
          success: true,
          body: { breakpoints },
        });
      };
      for (const [i, { client, file, breakpoints }] of sets.entries()) {
        wanted.set(`${client}${file}`, breakpoints);
        room.request(client, 10 + i, "setBreakpoints", { source: { path: file }, breakpoints });
        serve();
        const back = member(room.last(client), "body", "breakpoints") as { line: number }[];
        if (back.map(({ line }) => line).join() !== breakpoints.map(({ line }) => line).join()) return false;
      }
      if (leaves) {
        room.exchange.leave(2);
        while (room.up.length > 0) serve();
      }
      return [...upstream].every(([file, list]) => {
        const all = [...(wanted.get(`1${file}`) ?? []), ...(leaves ? [] : (wanted.get(`2${file}`) ?? []))];
        const lines = (of: { line: number }[]): string =>
          [...new Set(of.map(({ line }) => line))].sort((a, b) => a - b).join();
        return lines(list) === lines(all);
      });
    }),
    { numRuns: 300 },
  );
});

t.test("any interleaving: every answer to its asker, exactly once", async () => {
  // A model of an adapter: whatever comes up is answered at some time, in any order, with the arguments as its body.
  // One answer is the relay's own: to a `continue` at a stop that another `continue` is about to end.
  const act = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("request" as const),
        who: owners,
        command: fc.constantFrom("threads", "evaluate", "continue", "variables", "custom"),
        n: fc.nat(3),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const), at: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const), n: fc.nat(3) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom(
          "hold" as const,
          "release" as const,
          "stop" as const,
          "giveUp" as const,
          "leave" as const,
          "flip" as const,
        ),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const room = new Room({ drive: "any" });
      room.open();
      room.enter(2);
      let next = 10;
      let marks = 0;
      let left = false;
      /** By client and seq: the mark that its answer must bear. */
      const waits = new Map<string, string>();
      const continues = new Set<string>();
      let stops = 0;
      const asked: { mark: string; answers: Answer[]; giveUp: () => void; given: boolean }[] = [];
      const answer = (at: number): void => {
        const [bytes] = room.up.splice(at % room.up.length, 1);
        if (bytes === undefined) return;
        const { seq, command, arguments: body } = message(bytes);
        room.say({ seq: 0, type: "response", request_seq: seq, command, success: true, body });
      };
      for (const act of acts) {
        if (act.do === "request" && !(left && act.who === 2)) {
          const mark = act.command === "variables" ? `shared ${act.n}` : `mark ${marks++}`;
          // Both clients use the same numbers.
          const seq = act.n === 3 ? next : next++;
          if (waits.has(`${act.who} ${seq}`)) continue;
          waits.set(`${act.who} ${seq}`, mark);
          if (act.command === "continue") continues.add(`${act.who} ${seq}`);
          room.request(act.who, seq, act.command, { mark });
        } else if (act.do === "answer" && room.up.length > 0) answer(act.at);
        else if (act.do === "ask") {
          const mark = `shared ${act.n}`;
          const answers: Answer[] = [];
          const giveUp = room.exchange.ask({ wire: "dap", command: "variables", arguments: { mark } }, (each) =>
            answers.push(each),
          );
          asked.push({ mark, answers, giveUp, given: false });
        } else if (act.do === "hold") room.exchange.hold();
        else if (act.do === "release") room.exchange.release();
        else if (act.do === "stop") {
          stops++;
          room.stop();
        } else if (act.do === "giveUp") {
          const last = asked.findLast(({ answers }) => answers.length === 0);
          if (last !== undefined) last.given = true;
          last?.giveUp();
        } else if (act.do === "leave" && !left) {
          left = true;
          room.exchange.leave(2);
          for (const key of waits.keys()) if (key.startsWith("2")) waits.delete(key);
          room.got(2);
        }
      }
      room.exchange.release();
      while (room.up.length > 0) answer(0);
      const got = room.down.map(({ client, bytes }) => Object.assign(message(bytes), { client }));
      for (const response of got.filter(({ type }) => type === "response")) {
        const key = `${String(response["client"])} ${String(response["request_seq"])}`;
        if (left && response["client"] === 2) return false;
        const runsAlready = stops > 0 && continues.has(key) && member(response, "body", "allThreadsContinued") === true;
        if (!runsAlready && waits.get(key) !== member(response, "body", "mark")) return false;
        if (!waits.has(key)) return false;
        waits.delete(key);
      }
      if (waits.size > 0) return false;
      return asked.every(({ mark, answers: [first, ...more], given }) => {
        if (first === undefined || more.length > 0) return false;
        return first.wire === "none" ? given : member(first, "body", "mark") === mark;
      });
    }),
    { numRuns: 500 },
  );
});

t.test("whatever comes, from whomever, throws nothing", async () => {
  const json = fc.oneof(
    fc.json(),
    fc.json().map((body) => `{"seq":1,"type":"event","event":"stopped","body":${body}}`),
  );
  const names =
    "initialize attach launch configurationDone disconnect cancel setBreakpoints setFunctionBreakpoints stackTrace scopes " +
    "setExceptionBreakpoints variables continue runInTerminal startDebugging stopped continued thread process breakpoint " +
    "capabilities terminated";
  const name = fc.constantFrom(...names.split(" "));
  const odd = fc.oneof(
    fc.constantFrom<unknown>({}, [], null, -1, 0, 1, 1000000001, "x", { breakpoints: [null, 1, {}] }, { filters: 5 }),
    fc.record({ source: fc.jsonValue(), breakpoints: fc.array(fc.jsonValue()), lines: fc.jsonValue() }),
    fc.record({
      threadId: fc.nat(2),
      requestId: fc.nat(3),
      frameId: fc.nat(3),
      breakpoint: fc.record({ id: fc.nat(3) }),
    }),
    fc.record({ breakpoints: fc.array(fc.oneof(fc.jsonValue(), fc.record({ id: fc.nat(3) }))) }),
    fc.jsonValue(),
  );
  const message = fc.record({
    type: fc.constantFrom("request", "response", "event"),
    seq: fc.nat(5),
    name,
    body: odd,
    success: fc.boolean(),
    of: fc.nat(5),
  });
  const made = message.map(({ type, seq, name, body, success, of }) =>
    JSON.stringify({ type, seq, command: name, event: name, body, arguments: body, success, request_seq: of }),
  );
  const step = fc.record({ from: fc.constantFrom(0, 0, 1, 2, 3), body: fc.oneof(json, made, made), move: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom("keep", "resume", "end"), (steps, onLeave) => {
      const room = new Room({ onLeave, drive: "ask" });
      for (const { from, body, move } of steps) {
        if (move < 4) room.exchange.join(move);
        if (move === 4) room.exchange.hold();
        if (move === 5) room.exchange.release();
        if (move > 5 && move < 8) room.exchange.leave(move - 5);
        if (move === 8) room.exchange.ask({ wire: "dap", command: "scopes" }, () => undefined);
        const bytes = contentLengthFrame(Buffer.from(body));
        if (from === 0) room.exchange.fromDebuggee(frame(bytes));
        else room.exchange.fromClient(from, frame(bytes));
      }
      room.exchange.end("the end");
    }),
    { numRuns: 1000 },
  );
});

t.test("an answer under another number: its other bytes are those of the debuggee", async (t) => {
  const answered = (text: string): string => {
    const given = frame(contentLengthFrame(Buffer.from(text)));
    const response = decodeDap(given) as DebugProtocol.Response;
    return Buffer.from(frameBody(frame(answerTo(given, response, 123456)))).toString();
  };
  for (const [before, behind] of [
    ['{"seq":3,"type":"response","request_seq":', ',"success":true,"command":"x","body":{"request_seq":12,"é":"ü"}}'],
    ['{ "body" : {"request_seq": 12}, "type":"response" ,"request_seq" : ', ' , "seq":3,"success":true,"command":"x"}'],
    ['{"seq":3,"type":"response","success":true,"command":"x\\"request_seq\\":1","request_seq":', "}"],
  ] as const)
    t.equal(answered(`${before}12${behind}`), `${before}123456${behind}`);
  // Where the number is not found in front, the message is written anew.
  const spaces = " ".repeat(200);
  for (const text of [
    `{"body":"${spaces}${spaces}","seq":3,"type":"response","request_seq":12,"success":true,"command":"x"}`,
    `{"seq":3,"type":"response",${spaces}"request_seq":12${spaces},"success":true,"command":"x"}`,
    `{"seq":3,"type":"response","request_seq":12,"success":true,"command":"x","request_seq":13}`,
  ])
    t.same(JSON.parse(answered(text)), { ...(JSON.parse(text) as Json), request_seq: 123456 });
});

t.test("resume: the relay lets run what stands, once, after captures; every client hears that it runs", async (t) => {
  const room = new Room();
  room.open(1);
  t.strictSame(room.exchange.resume(), [], "nothing stands");
  room.stop(1);
  room.got(1);
  t.ok(room.exchange.transparent);
  t.strictSame(room.exchange.resume("2"), [], "another thread");
  t.strictSame(room.exchange.resume("1"), ["1"]);
  t.strictSame(room.exchange.resume(), ["1"], "it is on its way");
  const up = room.takeUp("continue");
  t.match(up, { arguments: { threadId: 1 } });
  t.strictSame(room.sent, [], "once");
  t.strictSame(room.got(1), []);
  room.say({ seq: 9, type: "response", request_seq: up["seq"], command: "continue", success: true, body: {} });
  t.strictSame(room.got(1), ["*continued"], "the client did not ask, so it is told");
  room.event("continued", { threadId: 1, allThreadsContinued: true });
  t.strictSame(room.got(1), [], "once");
  t.ok(room.exchange.transparent, "and costs nothing more");

  room.enter(2);
  room.stop(7, { allThreadsStopped: false });
  room.stop(8, { allThreadsStopped: false });
  room.exchange.hold();
  t.strictSame(room.exchange.resume(), ["7", "8"]);
  t.strictSame(room.sent, [], "a capture goes on");
  room.got(1);
  room.got(2);
  room.exchange.release();
  t.match(room.answer("continue", { allThreadsContinued: false }), { arguments: { threadId: 7 } });
  t.match(room.answer("continue", { allThreadsContinued: false }), { arguments: { threadId: 8 } });
  t.strictSame(room.got(1), ["*continued", "*continued"]);
  t.strictSame(room.got(2), ["*continued", "*continued"]);
  t.equal(room.exchange.stop, undefined);
  room.stop(1);
  room.request(1, 50, "continue", { threadId: 1 });
  room.exchange.resume();
  t.equal(room.sent.length, 1, "the client's own is on its way");
  room.exchange.end("gone");
  t.strictSame(room.exchange.resume(), []);
});

const ours = (line: number, condition?: string, path = "/a.py"): Placed => ({
  spec: 0,
  path,
  line,
  ...(condition === undefined ? {} : { condition }),
});

t.test("the relay's own breakpoints: before a client's, beside them, and gone alone", (t) => {
  const room = new Room();
  const lists = (): readonly unknown[] => {
    const request = room.takeUp("setBreakpoints");
    return elements(request["arguments"], "breakpoints");
  };
  const answer = (verified = true, more: Json = {}): void => {
    const request = message(room.up.find((bytes) => nameOf(bytes) === "setBreakpoints") ?? new Uint8Array());
    const breakpoints = elements(request["arguments"], "breakpoints").map((each, i) => {
      return { id: 10 + i, verified, line: member(each, "line"), ...more };
    });
    room.answer("setBreakpoints", { breakpoints });
  };
  room.exchange.setOwn([ours(3, "x > 1")]);
  t.match(room.exchange.stateOf(ours(3)), { state: "pending", why: /attached/ });
  room.exchange.join(1);
  room.request(1, 1, "initialize", {});
  room.answer("initialize", { supportsConfigurationDoneRequest: true });
  room.request(1, 2, "attach", {});
  t.notMatch(room.sent.join(), /setBreakpoints/, "not before it can be configured");
  room.event("initialized");
  t.notOk(room.exchange.ownSettled);
  t.equal(room.exchange.stateOf(ours(3)), undefined, "it was asked");
  answer(true, { line: 4 });
  t.ok(room.exchange.ownSettled);
  t.same(room.exchange.stateOf(ours(3)), { state: "bound", line: 4 }, "moved by the debuggee");
  room.request(1, 3, "configurationDone");
  room.answer("configurationDone");
  room.answer("attach");
  t.notMatch(room.got(1).join(), /setBreakpoints|breakpoint/, "the client hears nothing of it");

  room.request(1, 4, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 8 }] });
  answer();
  t.same(room.last(1)["body"], { breakpoints: [{ id: 11, verified: true, line: 8 }] }, "a client is told of its own");
  room.stop(1, { hitBreakpointIds: [10] });
  t.same(member(room.last(1)["body"], "hitBreakpointIds"), []);
  room.exchange.resume();
  room.answer("continue", { allThreadsContinued: true });

  room.exchange.setOwn([ours(3, "x > 1")]);
  t.notMatch(room.sent.join(), /setBreakpoints/, "what is as it was is not said again");
  room.exchange.setOwn([ours(3), ours(5, undefined, "/b.py")]);
  t.same(lists(), [{ line: 3 }, { line: 8 }]);
  room.say({ seq: 0, type: "response", request_seq: 0, command: "none", success: true });
  room.answer("setBreakpoints", { message: "no" }, false);
  t.match(room.exchange.stateOf(ours(5, undefined, "/b.py")), { state: "failed" });
  room.request(1, 5, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [] });
  t.same(lists(), [{ line: 3 }], "a client's empty list is its own");
  room.request(1, 6, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 8 }] });
  t.same(lists(), [{ line: 3 }, { line: 8 }]);
  room.exchange.setOwn([]);
  t.same(lists(), [{ line: 8 }], "and so is the relay's");
  t.end();
});

for (const recorded of [true, false])
  for (const onLeave of ["resume", "keep"] as const)
    t.test(`the relay's own breakpoints hold nobody: ${onLeave}, ${recorded ? "" : "not "}recorded`, (t) => {
      const room = new Room({ onLeave, recorded });
      room.open();
      room.exchange.setOwn([ours(3)]);
      room.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true, line: 3 }] });
      room.exchange.leave(1);
      t.same(room.sent, [], "they stay when a client leaves");
      room.stop();
      t.equal(room.stops.length, 1);
      t.equal(room.sent.join().includes("continue"), onLeave === "resume", "`keep` keeps every stop, theirs too");
      t.same(room.exchange.stateOf(ours(3)), { state: "bound" });
      t.end();
    });

t.test(
  "the relay's own breakpoints: what a client has left behind stays, and all are set again with a new connection",
  (t) => {
    const room = new Room({ recorded: true, onEnded: () => undefined });
    room.open();
    room.request(1, 5, "setBreakpoints", { source: { path: "/a.py" }, breakpoints: [{ line: 8 }] });
    room.answer("setBreakpoints", { breakpoints: [{ id: 1, verified: true, line: 8 }] });
    room.exchange.leave(1);
    room.exchange.setOwn([ours(3)]);
    t.same(elements(room.answer("setBreakpoints", { breakpoints: [] })["arguments"], "breakpoints"), [
      { line: 8 },
      { line: 3 },
    ]);
    t.ok(room.exchange.returnable);
    room.exchange.lost("it went");
    t.match(room.exchange.stateOf(ours(3)), { state: "pending", why: /lost/ });
    room.exchange.setOwn([ours(3), ours(9, undefined, "/c.py")]);
    t.same(room.sent, []);
    room.exchange.reattach(() => undefined);
    room.answer("initialize", { supportsConfigurationDoneRequest: true });
    room.event("initialized");
    const said = [room.takeUp("setBreakpoints"), room.takeUp("setBreakpoints")].map((each) =>
      elements(each["arguments"], "breakpoints"),
    );
    t.same(said, [[{ line: 8 }, { line: 3 }], [{ line: 9 }]]);
    room.exchange.lost("it went again");
    room.exchange.setOwn([]);
    room.exchange.reattach(() => undefined);
    room.answer("initialize", { supportsConfigurationDoneRequest: true });
    room.event("initialized");
    t.same(
      elements(room.takeUp("setBreakpoints")["arguments"], "breakpoints"),
      [{ line: 8 }],
      "gone while it was away",
    );
    t.notMatch(room.sent.join(), /setBreakpoints/);
    t.end();
  },
);
