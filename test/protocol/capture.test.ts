// What is asked at a stop and what is made of the answers: the recorded sessions are the judges of what debuggees say, a model
// of a debuggee of the limits, and noise of the rest.
import assert from "node:assert/strict";
import { fc } from "../helpers/property.ts";
import t, { type Test } from "tap";
import { capture } from "../../protocol/capture.ts";
import { correlate, isCorrelatePath } from "../../protocol/correlate.ts";
import { decodeDap, encodeDap, isEvent, isRequest, isResponse } from "../../protocol/dap.ts";
import type { Answer, Ask, Stop } from "../../protocol/exchange.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import type { Frame } from "../../protocol/frame.ts";
import {
  captureLimits,
  type CaptureLimits,
  type Cut,
  type Snapshot,
  type SnapshotFrame,
  type SnapshotVariable,
} from "../../protocol/hit.ts";
import { member } from "../../protocol/json.ts";
import { attributeQuoting } from "../../protocol/pydevd-quoting.ts";
import { decodePydevd, encodePydevd } from "../../protocol/pydevd.ts";
import { capture as recorded } from "../helpers/captures.ts";

type Seen = Omit<Snapshot, "took">;

interface Captured {
  readonly stop: Stop;
  readonly snapshot: Seen;
  readonly text: string | undefined;
  readonly asked: readonly Ask[];
}

/** Captures a stop to its end; `answer` is the debuggee. */
function captured(stop: Stop, answer: (ask: Ask) => Answer, limits: CaptureLimits = captureLimits): Captured {
  const run = capture(stop, limits);
  const asked: Ask[] = [];
  for (let ask = run.begin(); ask !== undefined; ask = run.take(answer(ask))) {
    asked.push(ask);
    if (asked.length > 10_000) throw new Error("it asks for ever");
  }
  return { stop, snapshot: run.snapshot(), text: run.text, asked };
}

// The recorded sessions: each ask is answered by what the debuggee answered to the same question at that stop.

function* frames(file: string): Generator<{ side: "client" | "debuggee"; frame: Frame }> {
  const { wire, sent } = recorded(file);
  const readers = { client: new FrameReader(wire), debuggee: new FrameReader(wire) };
  for (const { side, bytes } of sent) {
    for (const frame of readers[side].push(bytes)) yield { side, frame };
  }
}

function key(ask: Ask): string {
  if (ask.wire === "pydevd") return `${ask.id} ${ask.text}`;
  const { frameId, variablesReference } = (ask.arguments ?? {}) as Record<string, unknown>;
  return [ask.command, frameId, variablesReference].join(" ");
}

/** Every stop of a recording, captured. */
function replayed(file: string, limits: CaptureLimits = captureLimits): Captured[] {
  const stops: { stop: Stop; answers: Map<string, Answer> }[] = [];
  const open = new Map<number, string>();
  const stopped = (frame: Frame, thread: unknown, reason: unknown): void => {
    const stop = { number: stops.length + 1, thread: thread as string, reason: String(reason), frame };
    stops.push({ stop, answers: new Map() });
  };
  for (const { side, frame } of frames(file)) {
    const message = decodeDap(frame);
    if (message === undefined) {
      const command = decodePydevd(frame, side);
      if (command === undefined) continue;
      if (side === "client") open.set(command.seq, `${command.id} ${command.text}`);
      else if (command.id === 105) {
        const [, thread, reason] = /thread id="([^"]+)" stop_reason="(\d+)"/.exec(command.text) ?? [];
        stopped(frame, thread, reason === "137" || reason === "122" ? "exception" : "breakpoint");
      } else {
        const asked = open.get(command.seq);
        open.delete(command.seq);
        if (asked !== undefined)
          stops.at(-1)?.answers.set(asked, { wire: "pydevd", id: command.id, text: command.text });
      }
    } else if (isRequest(message)) {
      open.set(message.seq, key({ wire: "dap", command: message.command, arguments: message.arguments }));
    } else if (isEvent(message) && message.event === "stopped") {
      stopped(frame, member(message.body, "threadId"), member(message.body, "reason"));
    } else if (isResponse(message)) {
      const { request_seq, success, body } = message;
      stops.at(-1)?.answers.set(open.get(request_seq) ?? "", { wire: "dap", success, body });
    }
  }
  return stops.map(({ stop, answers }) =>
    captured(
      stop,
      (ask) =>
        answers.get(key(ask)) ??
        (ask.wire === "dap" ? { wire: "dap", success: false } : { wire: "pydevd", id: 901, text: "" }),
      limits,
    ),
  );
}

/** Frames as `name path:line`, and the variables of the innermost with the kinds of their values. */
function brief({ snapshot }: Captured): unknown {
  return {
    frames: snapshot.frames.map(({ name, path, line }) => `${name} ${path}:${line}`),
    locals: snapshot.frames[0]?.scopes?.map(
      ({ name, variables }) =>
        `${name}: ${variables.map((each) => `${each.name}=${each.value} (${each.type})`).join(", ")}`,
    ),
  };
}

t.test("recorded debugpy, delve and lldb: stack and locals, no globals and no registers", async (t) => {
  const [first, second, ...more] = replayed("dap-debugpy-two-hits.jsonl");
  if (first === undefined || second === undefined) throw new Error("no stops");
  t.equal(more.length, 0);
  const app = "/srv/demo-svc/dap-clients/target/app.py";
  t.strictSame(brief(first), {
    frames: [`price ${app}:10`, `main ${app}:18`, `<module> ${app}:23`],
    locals: ["Locals: order=<__main__.Order object at 0x7f0bc417f150> (Order), total=7.5 (float), unit=2.5 (float)"],
  });
  const [frame, ...others] = first.snapshot.frames;
  t.strictSame(frame?.scopes?.[0]?.variables[0], {
    name: "order",
    type: "Order",
    value: "<__main__.Order object at 0x7f0bc417f150>",
    failed: true,
  });
  t.strictSame(
    others.map(({ cut, scopes }) => ({ cut, scopes })),
    [
      { cut: { by: "gone" }, scopes: undefined },
      { cut: { by: "gone" }, scopes: undefined },
    ],
    "what was not answered is marked",
  );
  t.strictSame(
    first.asked.map(key),
    ["stackTrace  ", "scopes 2 ", "variables  5", "variables  7", "scopes 3 ", "scopes 4 "],
    "whole stack, then the innermost frame to its depth, then the others",
  );
  t.match(brief(second), { locals: [/total=100\.0/] });

  const [delve] = replayed("dap-delve-two-hits.jsonl", { ...captureLimits, depth: 1 });
  t.match(delve && brief(delve), {
    frames: [/^main\.price .*main\.go:12$/, /main\.main/, /runtime\.main/, /runtime\.goexit/],
    locals: [
      'Locals: o=main.order {sku: "bolt", qty: 3} (main.order), unit=2.5 (float64), ~r0=0 (float64), total=7.5 (float64)',
    ],
  });
  t.equal(delve?.snapshot.frames[0]?.column, undefined, "a column 0 is none");
  t.strictSame(delve?.snapshot.frames[0]?.scopes?.[0]?.variables[0]?.cut, { by: "depth" });
  t.equal(replayed("dap-delve-remote-attach.jsonl").length, 2);

  const [lldb] = replayed("dap-lldb-vscode-two-hits.jsonl");
  t.match(lldb && brief(lldb), { locals: ["Locals: qty=3 (int), unit=2.5 (double), total=7.5 (double)"] });
  t.equal(lldb?.text, "breakpoint 1.1");
  t.equal(lldb?.snapshot.frames.at(-1)?.path, undefined, "a frame whose source has no path");
});

t.test("recorded pydevd: the stack of the 105, locals, children without what every object has", async (t) => {
  const [entry, hit] = replayed("pydevd-line-2.9.5.bin");
  if (entry === undefined || hit === undefined) throw new Error("no stops");
  t.match(entry.snapshot.frames, [{ name: "<module>", path: "/srv/demo-svc/demo/app.py", line: 28 }]);
  const note = 'tab\there & <xml> "quoted" é\nline2 100%';
  const [data, n, noted, srv, total] = hit.snapshot.frames[0]?.scopes?.[0]?.variables ?? [];
  t.strictSame(
    [n, noted, total],
    [
      { name: "n", type: "int", value: "2" },
      { name: "note", type: "str", value: note },
      { name: "total", type: "int", value: "20" },
    ],
  );
  t.strictSame(
    data?.children?.map(({ name, type, value }) => [name, type, value]),
    [
      ["'n'", "int", "2"],
      ["'list'", "list", "[1, 2, [3, 2]]"],
      ["'srv'", "Server", "<__main__.Server object at 0x7f9aaedb1610>"],
    ],
  );
  t.equal(srv?.failed, true, "its children were asked for by another way, so here not answered");
  t.ok(hit.asked.some((ask) => ask.wire === "pydevd" && ask.text.endsWith("\tdata\t'list' (10014336)")));
  t.strictSame(
    correlate(["data['n']", "data.n", "note"], hit.snapshot),
    { "data['n']": "2", "data.n": "2", note },
    "keys with the id that pydevd adds",
  );

  const exceptions = replayed("pydevd-exceptions.bin");
  t.strictSame(
    exceptions.map(({ text }) => text),
    [`KeyError: 'nokey <&> "q"'`, "RuntimeError: boom  end"],
  );

  const [http] = replayed("pydevd-http.bin");
  t.match(http && brief(http), { locals: ["Locals: i=3 (int), val={'i': 3, 'who': 'loop'} (dict), who=loop (str)"] });

  const [, overDap] = replayed("pydevd-http_json-3.4.1.bin");
  const children = overDap?.snapshot.frames[0]?.scopes?.[0]?.variables[0]?.children;
  t.strictSame(
    children?.map(({ name }) => name),
    ["'n'", "'list'", "'srv'"],
    "DAP over pydevd; no folders, no len()",
  );
});

// A model of a debuggee: the same values over both wires.

interface Node {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly children?: readonly Node[];
}

interface Model {
  readonly frames: readonly { readonly name: string; readonly locals: readonly Node[] }[];
}

function frameFrom(bytes: Uint8Array, wire: "dap" | "pydevd"): Frame {
  const [frame] = new FrameReader(wire).push(bytes);
  if (frame === undefined) throw new Error("no frame");
  return frame;
}

function dapStop(body: object = {}, reason = "breakpoint"): Stop {
  const event = { seq: 0, type: "event" as const, event: "stopped", body: { reason, threadId: 7, ...body } };
  return { number: 1, thread: 7, reason, frame: frameFrom(encodeDap(event), "dap") };
}

class DapModel {
  readonly stop = dapStop();
  readonly #model: Model;
  readonly #refs: (readonly Node[])[] = [];

  constructor(model: Model) {
    this.#model = model;
  }

  answer(ask: Ask): Answer {
    if (ask.wire !== "dap") throw new Error("not of this wire");
    const body = this.#body(ask.command, ask.arguments);
    return { wire: "dap", success: body !== undefined, ...(body === undefined ? {} : { body }) };
  }

  #body(command: string, args: unknown): unknown {
    const { frames } = this.#model;
    if (command === "stackTrace") {
      const stackFrames = frames.map(({ name }, index) => ({
        id: index,
        name,
        line: index + 1,
        source: { path: "/a.py" },
      }));
      return { stackFrames: stackFrames.slice(0, Number(member(args, "levels"))), totalFrames: frames.length };
    }
    if (command === "scopes") {
      const locals = frames[Number(member(args, "frameId"))]?.locals ?? [];
      return { scopes: [{ name: "Locals", variablesReference: this.#refs.push(locals), expensive: false }] };
    }
    const nodes = this.#refs[Number(member(args, "variablesReference")) - 1] ?? [];
    return {
      variables: nodes.map(({ name, type, value, children }) => {
        return { name, type, value, variablesReference: children === undefined ? 0 : this.#refs.push(children) };
      }),
    };
  }
}

class PydevdModel {
  readonly stop: Stop;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
    const quote = (text: string): string => attributeQuoting.plain.encode(text);
    const stack = model.frames
      .map(({ name }, index) => `<frame id="${index}" name="${quote(name)}" file="/a.py" line="${index + 1}"></frame>`)
      .join("");
    const text = `<xml><thread id="pid_1_id_2" stop_reason="111" message="">${stack}</thread></xml>`;
    const bytes = encodePydevd(105, 2, text, { side: "debuggee" });
    this.stop = { number: 1, thread: "pid_1_id_2", reason: "breakpoint", frame: frameFrom(bytes, "pydevd") };
  }

  answer(ask: Ask): Answer {
    if (ask.wire !== "pydevd") throw new Error("not of this wire");
    const [, frame, , ...path] = ask.text.split("\t");
    let nodes = this.#model.frames[Number(frame)]?.locals;
    for (const name of path) nodes = nodes?.find((each) => each.name === name)?.children;
    const quote = (text: string): string => attributeQuoting.value.encode(text);
    const vars = (nodes ?? []).map(
      ({ name, type, value, children }) =>
        `<var name="${quote(name)}" type="${type}" value="${quote(`${type}: ${value}`)}"` +
        `${children === undefined ? "" : ' isContainer="True"'} />\n`,
    );
    return { wire: "pydevd", id: ask.id, text: `<xml>${vars.join("")}</xml>` };
  }
}

const { nodes } = fc.letrec<{ nodes: Node[]; node: Node }>((tie) => ({
  nodes: fc.uniqueArray(tie("node"), { selector: ({ name }) => name, maxLength: 6 }),
  node: fc.record(
    {
      name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((name) => /^[^\t\n_(]+$/.test(name)),
      type: fc.constantFrom("int", "dict", "Order"),
      value: fc.string({ unit: "grapheme", maxLength: 60 }),
      children: tie("nodes"),
    },
    { requiredKeys: ["name", "type", "value"] },
  ),
}));

const models: fc.Arbitrary<Model> = fc.record({
  frames: fc.array(fc.record({ name: fc.constantFrom("main", "<lambda>", "é&"), locals: nodes }), { maxLength: 4 }),
});

const limits: fc.Arbitrary<CaptureLimits> = fc.record({
  frames: fc.integer({ min: 1, max: 5 }),
  locals: fc.integer({ min: 0, max: 5 }),
  depth: fc.integer({ min: 1, max: 4 }),
  items: fc.integer({ min: 1, max: 8 }),
  string: fc.integer({ min: 2, max: 80 }),
  bytes: fc.integer({ min: 200, max: 4000 }),
  time: fc.constant(500),
});

/** Why the snapshot lacks something that the model has without saying so, or has too much. */
function faults(model: Model, snapshot: Seen, within: CaptureLimits): string[] {
  const found: string[] = [];
  const check = (
    at: { readonly cut?: Cut },
    path: string,
    real: readonly Node[] | undefined,
    seen: readonly SnapshotVariable[] | undefined,
    level: number,
  ): void => {
    if (seen === undefined) {
      if (real !== undefined && at.cut === undefined) found.push(`${path} lacks its children and does not say so`);
      return;
    }
    if (real === undefined) return void found.push(`${path} has children`);
    if (level > within.depth) found.push(`${path} is too deep`);
    if (seen.length > within.items) found.push(`${path} has too many children`);
    if (seen.length < real.length && at.cut === undefined) found.push(`${path} lacks children and does not say so`);
    for (const [index, variable] of seen.entries()) {
      const node = real[index];
      const here = `${path}.${variable.name}`;
      if (variable.value.length > within.string) found.push(`${here} is too long`);
      if (variable.value !== node?.value && variable.cut === undefined) found.push(`${here} is another value`);
      if (!variable.value.endsWith("…") && variable.value !== node?.value) found.push(`${here} is cut unseen`);
      check(variable, here, node?.children, variable.children, level + 1);
    }
  };
  const all = model.frames.length;
  if (snapshot.frames.length > within.frames) found.push("too many frames");
  if (snapshot.frames.length < all && snapshot.cut === undefined) found.push("lacks frames and does not say so");
  for (const [index, frame] of snapshot.frames.entries()) {
    if (index >= within.locals && frame.scopes !== undefined) found.push("too many frames with locals");
    if (index >= within.locals) continue;
    const at: Pick<SnapshotFrame, "cut"> = frame.scopes?.[0] ?? frame;
    check(at, frame.name, model.frames[index]?.locals, frame.scopes?.[0]?.variables, 1);
  }
  const bytes = Buffer.byteLength(JSON.stringify({ ...snapshot, took: 500 }));
  if (bytes > within.bytes) found.push(`${bytes} bytes of ${within.bytes}`);
  return found;
}

t.test("whatever the debuggee has: within all limits, each cut marked, the same over both wires", async (t) => {
  fc.assert(
    fc.property(models, limits, (model, within) => {
      const [dap, pydevd] = [new DapModel(model), new PydevdModel(model)].map((debuggee) =>
        captured(debuggee.stop, (ask) => debuggee.answer(ask), within),
      );
      assert.deepEqual(dap && faults(model, dap.snapshot, within), []);
      assert.deepEqual(pydevd?.snapshot, dap?.snapshot);
    }),
    { numRuns: 150 },
  );
  t.pass();
});

t.test("a capture that is stopped at any time marks what it lacks", async (t) => {
  fc.assert(
    fc.property(models, limits, fc.nat(12), fc.constantFrom("time", "gone", "none"), (model, within, after, by) => {
      const debuggee = new DapModel(model);
      const run = capture(debuggee.stop, within);
      let ask = run.begin();
      for (let n = 0; n < after && ask !== undefined; n++) ask = run.take(debuggee.answer(ask));
      if (by === "none" && ask !== undefined) ask = run.take({ wire: "none", why: "gone" });
      const snapshot = run.snapshot(by === "time" ? "time" : "gone");
      assert.deepEqual(faults(model, snapshot, within), []);
      assert.equal(run.take({ wire: "none", why: "late" }), undefined, "an answer that comes late is not wanted");
      assert.deepEqual(run.snapshot(), snapshot);
      if (after === 0) assert.deepEqual(snapshot.cut, { by: by === "time" ? "time" : "gone" });
    }),
    { numRuns: 150 },
  );
  t.pass();
});

t.test("no answer makes it throw or ask for ever", async (t) => {
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, -1, 1e300, "", "\ud800", [], {}),
    fc.string({ unit: "binary" }),
  );
  const members = {
    stackFrames: fc.array(fc.record({ id: odd, name: odd, line: odd, column: odd, source: odd }, { requiredKeys: [] })),
    totalFrames: odd,
    scopes: fc.array(
      fc.record({ name: odd, variablesReference: fc.nat(3), namedVariables: odd }, { requiredKeys: [] }),
    ),
    variables: fc.array(
      fc.record(
        {
          name: odd,
          value: odd,
          type: odd,
          variablesReference: fc.nat(3),
          indexedVariables: odd,
          presentationHint: odd,
        },
        { requiredKeys: [] },
      ),
    ),
  };
  const body = fc.oneof(odd, fc.record(members, { requiredKeys: [] }), fc.record(members));
  const xml = fc.oneof(
    fc.string(),
    fc.constantFrom("<xml>", "<xml><var/></xml>", '<xml><var name="a" isContainer="True"/></xml>', "<xml>&#0;</xml>"),
  );
  const answer: fc.Arbitrary<Answer> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ wire: fc.constant("dap" as const), success: fc.boolean(), body }) },
    fc.record({ wire: fc.constant("pydevd" as const), id: fc.constantFrom(110, 114, 155, 901), text: xml }),
  );
  const small = { ...captureLimits, frames: 3, locals: 2, items: 4, bytes: 20_000 };
  const stops = fc.oneof(
    odd.map((value) => ({ ...dapStop({ text: value, description: value }), reason: "exception" })),
    fc.constant({ ...new PydevdModel({ frames: [{ name: "f", locals: [] }] }).stop, reason: "exception" }),
    fc
      .oneof(xml, fc.string())
      .map((text) => ({ ...dapStop(), frame: frameFrom(encodePydevd(105, 2, text, { side: "debuggee" }), "pydevd") })),
  );
  fc.assert(
    fc.property(stops, fc.array(answer, { minLength: 1, maxLength: 12 }), (stop, answers) => {
      let n = 0;
      const { snapshot, asked } = captured(
        stop,
        () => answers[n++ % answers.length] ?? { wire: "none", why: "" },
        small,
      );
      assert.ok(Buffer.byteLength(JSON.stringify(snapshot)) <= small.bytes);
      assert.ok(asked.length < 200);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

/** A capture of one frame with these variables, each of them the whole of what the debuggee says. */
function ofVariables(
  variables: readonly unknown[],
  limits: CaptureLimits = captureLimits,
  more: object = {},
): Captured {
  return captured(
    dapStop(),
    (ask) => {
      if (ask.wire !== "dap") throw new Error("not of this wire");
      const bodies: Record<string, unknown> = {
        stackTrace: { stackFrames: [{ id: 1, name: "f" }], totalFrames: 1 },
        scopes: { scopes: [{ name: "Locals", variablesReference: 1, ...more }] },
      };
      const isScope = member(ask.arguments, "variablesReference") === 1;
      const body = bodies[ask.command] ?? (isScope ? { variables } : undefined);
      return { wire: "dap", success: body !== undefined, body };
    },
    limits,
  );
}

function variablesOf({ snapshot }: Captured): readonly SnapshotVariable[] {
  return snapshot.frames[0]?.scopes?.[0]?.variables ?? [];
}

t.test("values of every kind", async (t) => {
  const long = "x".repeat(50 * 1024 * 1024);
  const split = `${"x".repeat(1022)}\u{1f600}y`;
  const seen = ofVariables([
    { name: "big", value: long, variablesReference: 0 },
    { name: "plain", value: "y".repeat(2000), type: "str" },
    { name: "lone", value: "\ud800", type: "str" },
    { name: "split", value: split },
    { name: "raises", value: "Unable to get repr for <class 'X'>", type: "X" },
    { name: "os", value: "<module>", type: "module", variablesReference: 4 },
    { name: "property", value: "", presentationHint: { lazy: true }, variablesReference: 4 },
    { name: "special variables", value: "", type: "", variablesReference: 5 },
    { name: "__name__", value: "'m'", type: "str" },
    { name: "_private", value: "1", type: "int" },
    { name: "opaque", value: "{}", type: "dict", variablesReference: 6 },
    { value: 3 },
    "nonsense",
  ]);
  t.strictSame(variablesOf(seen), [
    { name: "big", value: `${"x".repeat(1023)}…`, cut: { by: "string" } },
    { name: "plain", type: "str", value: `${"y".repeat(1023)}…`, cut: { by: "string", of: 2000 } },
    { name: "lone", type: "str", value: "\ud800" },
    { name: "split", value: `${"x".repeat(1022)}…`, cut: { by: "string", of: 1025 } },
    { name: "raises", type: "X", value: "Unable to get repr for <class 'X'>", failed: true },
    { name: "os", type: "module", value: "<module>", cut: { by: "depth" } },
    { name: "property", value: "", cut: { by: "depth" } },
    { name: "_private", type: "int", value: "1" },
    { name: "opaque", type: "dict", value: "{}", failed: true },
    { name: "", value: "" },
  ]);
});

t.test("pages are asked for where the adapter counts", async (t) => {
  const few = { ...captureLimits, items: 2 };
  const two = [
    { name: "[0]", value: "a" },
    { name: "[1]", value: "b" },
  ];
  const indexed = ofVariables(two, few, { indexedVariables: 1000 });
  t.strictSame(indexed.asked.at(-1), {
    wire: "dap",
    command: "variables",
    arguments: { variablesReference: 1, filter: "indexed", start: 0, count: 2 },
  });
  t.strictSame(indexed.snapshot.frames[0]?.scopes?.[0]?.cut, { by: "items", of: 1000 });
  const uncounted = ofVariables([...two, { name: "[2]", value: "c" }], few);
  t.strictSame(uncounted.asked.at(-1), { wire: "dap", command: "variables", arguments: { variablesReference: 1 } });
  t.strictSame(uncounted.snapshot.frames[0]?.scopes?.[0]?.cut, { by: "items", of: 3 });
  t.strictSame(
    ofVariables([...two, { name: "len()", value: "99", type: "int" }]).snapshot.frames[0]?.scopes?.[0]?.cut,
    { by: "items", of: 99 },
    "pydevd's pseudo-child counts",
  );
});

t.test("an exception is told with its description, whoever tells it", async (t) => {
  const refuse = (): Answer => ({ wire: "dap", success: false });
  const stop = dapStop({ text: "ZeroDivisionError", description: "division by zero" }, "exception");
  const { text, asked, snapshot } = captured(stop, refuse);
  t.equal(text, "ZeroDivisionError: division by zero");
  t.strictSame(snapshot, { frames: [], cut: { by: "gone" } });
  t.strictSame(
    asked.map((ask) => ask.wire === "dap" && ask.command),
    ["stackTrace", "exceptionInfo", ...Array.from({ length: 4 }, () => "stackTrace")],
    "a stack that is refused is asked for again, delve is not quite there when it says so",
  );
  let refusals = 2;
  const late = captured(stop, (ask) => {
    if (ask.wire !== "dap" || ask.command !== "stackTrace" || refusals-- > 0) return { wire: "dap", success: false };
    return { wire: "dap", success: true, body: { stackFrames: [{ id: 1, name: "f", line: 3 }] } };
  });
  t.match(late.snapshot.frames, [{ name: "f", line: 3 }]);
  const body = { exceptionId: "KeyError", description: "'x'" };
  t.equal(captured(dapStop({}, "exception"), () => ({ wire: "dap", success: true, body })).text, "KeyError: 'x'");
});

t.test("correlate", async (t) => {
  const leaf = (name: string, value: string): SnapshotVariable => ({ name, value });
  const frame = (...variables: SnapshotVariable[]): SnapshotFrame => ({
    name: "f",
    scopes: [{ name: "Locals", variables }],
  });
  const frames = [
    frame(leaf("n", "1"), { ...leaf("broken", "Unable to get repr"), failed: true }, leaf("context", "<Context>")),
    frame(
      { ...leaf("context", "<Context>"), children: [leaf("request_id", "'req-1'"), leaf("user", '"it\'s"')] },
      {
        ...leaf("self", "<S>"),
        children: [{ ...leaf("headers", "{}"), children: [leaf("'X-Request-Id'", "b'r\\n2'")] }],
      },
      {
        ...leaf("items", "[…]"),
        children: [
          { ...leaf("00", "<I>"), children: [leaf("id", "7")] },
          leaf("[1]", "two"),
          leaf("'id'", "key"),
          leaf("id", "attribute"),
        ],
      },
      leaf("n", "2"),
      leaf("__proto__", "3"),
    ),
    { name: "no scopes" },
  ];
  const cases: [string, string | undefined][] = [
    ["n", "1"],
    ["broken", undefined],
    ["context", "<Context>"],
    ["context.request_id", "req-1"],
    ["context['request_id']", "req-1"],
    ["context.user", "it's"],
    ['self.headers["X-Request-Id"]', "r\n2"],
    ["self . headers [ 'X-Request-Id' ]", "r\n2"],
    ["items[0].id", "7"],
    ["items[1]", "two"],
    ["items[2]", undefined],
    ["items.id", "attribute"],
    ["items['id']", "key"],
    ["context.nobody", undefined],
    ["nobody.id", undefined],
    ["__proto__", "3"],
  ];
  t.same(
    Object.entries(
      correlate(
        cases.map(([expression]) => expression),
        { frames },
      ),
    ),
    cases.filter(([, value]) => value !== undefined),
  );
  const wrong = ["", "1", "a.", "a[", "a[b]", "a['b'", "f()", "a + b", "a..b", "a[-1]", "[0]", "a b"];
  for (const expression of wrong) t.notOk(isCorrelatePath(expression), expression);
  t.same(correlate(wrong, { frames }), {});
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      correlate([text, `n.${text}`, `items[${text}]`], { frames });
    }),
  );
});

t.test("expressions that were not captured are evaluated, frame by frame, and only when that is wanted", async (t) => {
  const node = (name: string, value: string, children?: Node[]): Node => ({
    name,
    type: "Order",
    value,
    ...(children === undefined ? {} : { children }),
  });
  const model: Model = {
    frames: [
      { name: "inner", locals: [node("n", "3")] },
      { name: "outer", locals: [node("order", "<Order>", [node("id", "7")])] },
      { name: "main", locals: [node("deep", "late")] },
    ],
  };
  const expressions = ["n", "order.id", "len(order)", "deep", "nobody()", "two\nlines"];
  /** What the debuggee says, by frame and expression. */
  const said: Readonly<Record<string, string>> = { "1 len(order)": "'two'", "0 deep": "12", "2 deep": "13" };
  for (const wire of ["dap", "pydevd"] as const) {
    for (const wanted of [true, false]) {
      const debuggee = wire === "dap" ? new DapModel(model) : new PydevdModel(model);
      const tried: string[] = [];
      const answer = (ask: Ask): Answer => {
        const isDap = ask.wire === "dap";
        if (isDap ? ask.command !== "evaluate" : ask.id !== 113) return debuggee.answer(ask);
        const [, frame, scope, expression, trim] = isDap
          ? ["", member(ask.arguments, "frameId"), "FRAME", member(ask.arguments, "expression"), "1"]
          : ask.text.split("\t");
        t.same([scope, trim], ["FRAME", "1"]);
        if (isDap) t.equal(member(ask.arguments, "context"), "watch");
        const key = `${String(frame)} ${String(expression)}`;
        tried.push(key);
        const value = said[key];
        if (isDap)
          return value === undefined
            ? { wire: "dap", success: false, message: `no ${key}` }
            : { wire: "dap", success: true, body: { result: value, variablesReference: 0 } };
        const quote = (text: string): string => attributeQuoting.value.encode(text);
        const variable =
          value === undefined
            ? `type="NameError" value="${quote(`NameError: no ${key}`)}" isErrorOnEval="True"`
            : `type="str" value="${quote(`str: ${value}`)}"`;
        return { wire: "pydevd", id: 113, text: `<xml><var name="e" ${variable} /></xml>` };
      };
      const limits = { ...captureLimits, locals: 3 };
      const run = capture(debuggee.stop, limits, wanted ? expressions : []);
      for (let ask = run.begin(); ask !== undefined; ask = run.take(answer(ask)));
      const { values, failures } = run.evaluation;
      if (!wanted) {
        t.same([tried, [...values], [...failures]], [[], [], []]);
        continue;
      }
      const lines = wire === "dap" ? ["0 two\nlines", "1 two\nlines", "2 two\nlines"] : [];
      t.same(
        [...tried].sort(),
        [
          "0 order.id",
          "0 len(order)",
          "0 deep",
          "0 nobody()",
          "1 len(order)",
          "1 nobody()",
          "2 nobody()",
          ...lines,
        ].sort(),
        "none that is there by then",
      );
      t.same(Object.fromEntries(values), { deep: "12", "len(order)": "two" });
      t.match(failures.get("nobody()"), /no 0 nobody\(\)$/, "what the innermost frame said");
      t.equal(failures.has("two\nlines"), true);
      t.equal(failures.has("len(order)"), false);
      t.same(run.snapshot(), captured(debuggee.stop, (ask) => debuggee.answer(ask), limits).snapshot, "no part of it");
      const full = capture(debuggee.stop, { ...limits, bytes: 480 }, ["nobody()"]);
      tried.length = 0;
      for (let ask = full.begin(); ask !== undefined; ask = full.take(answer(ask)));
      t.ok(tried.length > 0, "also where no value has room");
      t.match(JSON.stringify(full.snapshot()), /"by":"bytes"/);
    }
  }
});

t.test("what a capture costs the relay", async (t: Test) => {
  const locals = Array.from({ length: 10 }, (_, n) => ({
    name: `local${n}`,
    type: "dict",
    value: "{…}".repeat(20),
    children: Array.from({ length: 5 }, (_, m) => ({ name: `'key${m}'`, type: "str", value: `'value ${m}'` })),
  }));
  const model = { frames: ["inner", "middle", "outer"].map((name) => ({ name, locals })) };
  const run = (): void => void captured(...dapRun(model));
  for (let n = 0; n < 20; n++) run();
  const before = process.cpuUsage();
  for (let n = 0; n < 50; n++) run();
  const { user, system } = process.cpuUsage(before);
  const each = (user + system) / 1000 / 50;
  t.comment(`${each.toFixed(2)} ms of CPU for 3 frames with 10 containers each`);
  t.ok(each < 5, "less than 5 ms of CPU");
});

function dapRun(model: Model): [Stop, (ask: Ask) => Answer] {
  const debuggee = new DapModel(model);
  return [debuggee.stop, (ask) => debuggee.answer(ask)];
}
