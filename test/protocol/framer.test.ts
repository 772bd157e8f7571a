import { fc } from "../helpers/property.ts";
import t from "tap";
import { ChunkList } from "../../protocol/chunks.ts";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { Framer, maxBodyLength, maxLineLength } from "../../protocol/framer.ts";
import { captures, stream } from "../helpers/captures.ts";
import { cutAt, feed, feedWithTrailing } from "../helpers/feed.ts";

type FramedWire = "dap" | "pydevd";

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");
const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

// A parser for `feed`: each frame as its kind and body.
function bodies(wire: FramedWire) {
  const reader = new FrameReader(wire);
  return {
    push: (chunk: Uint8Array) => reader.push(chunk).map((frame) => `${frame.kind} ${show(frameBody(frame))}`),
  };
}

t.test("a chunk list keeps bytes in order, as views where it can", async (t) => {
  const list = new ChunkList();
  const first = ascii("hello ");
  list.append(first);
  list.append(ascii(""));
  list.append(ascii("world\n!"));
  t.equal(list.byteLength, 13);
  const view = list.take(4);
  t.equal(show(view), "hell");
  t.equal(view.buffer, first.buffer, "inside one chunk: a view");
  t.equal(show(list.take(4)), "o wo", "across an edge: a copy");
  t.equal(list.indexOf(10), 3);
  list.skip(4);
  t.equal(list.indexOf(10), -1);
  t.equal(show(list.take(99)), "!");
  t.equal(list.take(1).length, 0);
  list.append(ascii("x"));
  list.clear();
  t.equal(list.byteLength, 0);
});

t.test("a chunk list behaves as one array of its bytes, whatever is done to it", async () => {
  const op = fc.oneof(
    fc.record({ op: fc.constant("append" as const), bytes: fc.uint8Array({ max: 3, maxLength: 6 }) }),
    fc.record({ op: fc.constantFrom("take" as const, "skip" as const), n: fc.nat(8) }),
    fc.record({ op: fc.constant("indexOf" as const), byte: fc.nat(3), from: fc.nat(12) }),
  );
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), fc.constantFrom(0, 30), (ops, trickle) => {
      const list = new ChunkList();
      let model: number[] = [];
      // Enough single bytes that small chunks are gathered in blocks from then on.
      for (let i = 0; i < trickle; i++) {
        list.append(Uint8Array.of(i & 3));
        model.push(i & 3);
      }
      for (const step of ops) {
        if (step.op === "append") {
          list.append(step.bytes);
          model.push(...step.bytes);
        } else if (step.op === "indexOf") {
          if (list.indexOf(step.byte, step.from) !== model.indexOf(step.byte, step.from)) return false;
        } else {
          const taken = step.op === "take" ? [...list.take(step.n)] : (list.skip(step.n), model.slice(0, step.n));
          if (String(taken) !== String(model.slice(0, step.n))) return false;
          model = model.slice(step.n);
        }
        if (list.byteLength !== model.length) return false;
      }
      return String([...list.take(model.length)]) === String(model);
    }),
  );
});

t.test("a trickle of single bytes is gathered in blocks, which the views taken before survive", async (t) => {
  const list = new ChunkList();
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251);
  for (let i = 0; i < 5000; i++) list.append(bytes.subarray(i, i + 1));
  const taken = list.take(4500);
  for (let i = 5000; i < bytes.length; i++) list.append(bytes.subarray(i, i + 1));
  t.ok(Buffer.concat([taken, list.take(5500)]).equals(bytes));
});

t.test("Content-Length frames, however written and cut", async (t) => {
  const body = '{"seq":1}';
  const heads = [
    `Content-Length: 9\r\n\r\n`,
    `content-length:9\r\n\r\n`,
    `CONTENT-LENGTH: \t 009 \r\n\r\n`,
    `Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 9\r\n\r\n`,
    `Content-Length: 9\r\nX:\r\nContent: 3\r\nContent-Lengthy: 4\r\nContent-Length: 9\r\n\r\n`,
    `Content-Length: 9\n\n`,
  ];
  for (const wire of ["dap", "pydevd"] as const) {
    for (const head of heads) {
      t.same(
        feedWithTrailing(() => bodies(wire), ascii(head + body), ascii("Content-Le")),
        [`header ${body}`],
        head,
      );
    }
  }
  t.same(
    feed(() => bodies("dap"), ascii("Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\n1")),
    ["header ", "header 1"],
  );
  t.same([...contentLengthFrame(ascii("{}"))], [...ascii("Content-Length: 2\r\n\r\n{}")]);
});

t.test("pydevd lines and Content-Length frames on one stream", async (t) => {
  const cases: [string, string[]][] = [
    ["501\t1\t1.1\tUNIX\tID\n", ["line 501\t1\t1.1\tUNIX\tID"]],
    ["101\t7\t\n", ["line 101\t7\t"]],
    ["102\n", ["line 102"]],
    ["-7\t-7\tx\n", ["line -7\t-7\tx"]],
    ["101\t7\t\r\n\r\n\n", ["line 101\t7\t\r", "line \r", "line "]],
    [
      "99\t-1\t5001\nContent-Length: 6\r\n\r\n503\t1\t102\t3\t\n",
      ["line 99\t-1\t5001", "header 503\t1\t", "line 102\t3\t"],
    ],
    ["116\t2\tä\u0000Content-Length: 5\r\n", ["line 116\t2\tä\u0000Content-Length: 5\r"]],
  ];
  for (const [text, frames] of cases) {
    for (const trailing of ["50", "-", "Content-Length: 20\r\n\r\n{", "111\t3\tpython-line"]) {
      t.same(
        feedWithTrailing(() => bodies("pydevd"), ascii(text), ascii(trailing)),
        frames,
        text,
      );
    }
  }
});

t.test("what cannot be a frame ends in opaque mode, once, with its place", async (t) => {
  const cases: [FramedWire, string, RegExp][] = [
    ["dap", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /byte 3 of the stream is not dap/],
    ["dap", "101\t7\t\n", /byte 3 /],
    ["dap", "\r\n", /byte 0 /],
    ["dap", "Content-Type: x\r\n\r\n", /byte 17 /],
    ["dap", "Content-Length: x\r\n\r\n", /byte 16 /],
    ["dap", "Content-Length: -1\r\n\r\n", /byte 16 /],
    ["dap", "Content-Length: 1e3\r\n\r\n", /byte 17 /],
    ["dap", "Content-Length: 2 3\r\n\r\n", /byte 18 /],
    ["dap", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", /byte 37 /],
    ["dap", "Content-Length: 2\r\n\r{}", /byte 20 /],
    ["dap", "Content-Length: 2\r\n\r\n{}{}", /byte 23 /],
    ["dap", "Content-Length: 2\r\nX: \0\r\n\r\n", /byte 22 /],
    ["dap", `X: ${"x".repeat(5000)}`, /byte 4096 /],
    ["dap", "SSH-2.0-OpenSSH_9.2\r\n", /byte 5 /],
    ["pydevd", "GET / HTTP/1.1\r\n", /byte 3 of the stream is not pydevd/],
    ["pydevd", "\0\0\0\0", /byte 0 /],
    ["pydevd", "101\t7\t\n10x\t", /byte 9 /],
    ["pydevd", "1-1\t", /byte 1 /],
    ["pydevd", "\x16\x03\x01", /byte 0 /],
  ];
  for (const [wire, text, what] of cases) {
    for (const size of [1, 7, text.length]) {
      const reader = new FrameReader(wire);
      let frames = 0;
      for (let at = 0; at < text.length; at += size) frames += reader.push(ascii(text.slice(at, at + size))).length;
      t.equal(reader.failure?.code, "DT_FRAME_GARBAGE", text.slice(0, 40));
      t.match(reader.failure?.message, what, text.slice(0, 40));
      const failure = reader.failure;
      t.same(reader.push(ascii("Content-Length: 1\r\n\r\n1")), [], "nothing is framed after a failure");
      t.equal(reader.failure, failure);
      t.equal(reader.end(), failure);
      const kept = show(reader.rest());
      t.ok((text + "Content-Length: 1\r\n\r\n1").endsWith(kept), "what is not framed is kept");
      t.ok(frames > 0 || kept.length === text.length + 22);
    }
  }
});

t.test("what is too large is not followed", async (t) => {
  for (const length of ["2147483648", "268435457", "9".repeat(400)]) {
    const framer = new Framer("dap");
    framer.follow(ascii(`Content-Length: ${length}\r\n\r\n{}`));
    t.equal(framer.failure?.code, "DT_FRAME_TOO_LARGE", length.slice(0, 20));
  }
  const largest = new Framer("dap");
  const chunk = new Uint8Array(1024 * 1024);
  largest.follow(ascii(`Content-Length: ${maxBodyLength}\r\n\r\n`));
  for (let sent = 0; sent < maxBodyLength; sent += chunk.length) largest.follow(chunk);
  t.same([largest.frames, largest.atBoundary, largest.failure], [1, true, undefined]);

  const line = new Framer("pydevd");
  line.follow(ascii("124\t1\t"));
  for (let sent = 0; sent < maxLineLength; sent += chunk.length) line.follow(chunk);
  t.equal(line.failure?.code, "DT_FRAME_TOO_LARGE");
});

t.test("a million tiny frames, and binary zeros", async (t) => {
  const lines = new Framer("pydevd");
  lines.follow(ascii("1\n".repeat(1_000_000)));
  t.equal(lines.frames, 1_000_000);
  const headers = new Framer("dap");
  headers.follow(ascii("Content-Length:0\r\n\r\n".repeat(100_000)));
  t.equal(headers.frames, 100_000);
  const zeros = new Framer("dap");
  zeros.follow(new Uint8Array(1_000_000));
  t.same([zeros.frames, zeros.failure?.code], [0, "DT_FRAME_GARBAGE"]);
});

t.test("an end inside a frame is told, one between frames is not", async (t) => {
  for (const wire of ["dap", "pydevd"] as const) {
    const reader = new FrameReader(wire);
    t.equal(reader.end(), undefined);
    reader.push(ascii("Content-Length: 2\r\n\r\n{}"));
    t.equal(reader.end(), undefined);
    reader.push(ascii("Conte"));
    t.equal(reader.end()?.code, "DT_FRAME_TRUNCATED");
    reader.push(ascii("nt-Length: 9\r\n\r\n{}"));
    t.equal(reader.end()?.code, "DT_FRAME_TRUNCATED");
    t.equal(show(reader.rest()), "Content-Length: 9\r\n\r\n{}");
  }
});

// Valid streams: their frames' bytes, to be joined.
const body = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(ascii("Content-Length: 3\r\n\r\n{}")));
const headerFrame = fc
  .tuple(
    body,
    fc.constantFrom("Content-Length: N\r\n\r\n", "X-A: b\r\ncontent-length:N\r\n\r\n", "Content-Length: N\n\n"),
  )
  .map(([body, head]) => Buffer.concat([ascii(head.replace("N", String(body.length))), body]));
const lineFrame = fc
  .tuple(fc.integer({ min: -99, max: 999 }), fc.uint8Array({ maxLength: 30 }))
  .map(([id, text]) => Buffer.concat([ascii(`${id}\t`), text.map((byte) => (byte === 10 ? 37 : byte)), ascii("\n")]));
const validStream = fc.oneof(
  fc.record({ wire: fc.constant("dap" as const), frames: fc.array(headerFrame, { maxLength: 8 }) }),
  fc.record({
    wire: fc.constant("pydevd" as const),
    frames: fc.array(fc.oneof(headerFrame, lineFrame), { maxLength: 8 }),
  }),
);
const cuts = fc.array(fc.nat(), { maxLength: 12 });

t.test("any split of any valid stream gives the same frames", async () => {
  fc.assert(
    fc.property(validStream, cuts, ({ wire, frames }, cuts) => {
      const reader = new FrameReader(wire);
      const framer = new Framer(wire);
      const found: Frame[] = [];
      for (const chunk of cutAt(Buffer.concat(frames), cuts)) {
        found.push(...reader.push(chunk));
        framer.follow(chunk);
      }
      return (
        found.length === frames.length &&
        found.every((frame, i) => Buffer.compare(frame.bytes, frames[i] ?? frame.bytes) === 0) &&
        framer.frames === frames.length &&
        framer.atBoundary &&
        reader.end() === undefined
      );
    }),
    { numRuns: 500 },
  );
});

t.test("any garbage, cut anyhow, never throws and loses no byte", async () => {
  const mutated = fc
    .tuple(validStream, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }))
    .map(([{ wire, frames }, changes]) => {
      const bytes = Buffer.concat([...frames, ascii("Content-Length: 5\r\n")]);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return { wire, bytes: new Uint8Array(bytes) };
    });
  const random = fc.record({
    wire: fc.constantFrom("dap" as const, "pydevd" as const),
    bytes: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 80 }).map(ascii)),
  });
  fc.assert(
    fc.property(fc.oneof(mutated, random), cuts, ({ wire, bytes }, cuts) => {
      const reader = new FrameReader(wire);
      const whole = new FrameReader(wire);
      const frames = cutAt(bytes, cuts).flatMap((chunk) => reader.push(chunk));
      const wholeFrames = whole.push(bytes);
      const back = Buffer.concat([...frames.map((frame) => frame.bytes), reader.rest()]);
      return (
        back.equals(bytes) &&
        frames.length === wholeFrames.length &&
        reader.failure?.message === whole.failure?.message &&
        reader.end()?.code === whole.end()?.code
      );
    }),
    { numRuns: 1000 },
  );
});

t.test("every recorded session frames to its end, as recorded and byte by byte", async (t) => {
  for (const capture of captures()) {
    for (const side of ["client", "debuggee"] as const) {
      const bytes = stream(capture, side);
      const recorded = new FrameReader(capture.wire);
      const frames = capture.sent.filter((sent) => sent.side === side).flatMap((sent) => recorded.push(sent.bytes));
      t.equal(recorded.end(), undefined, `${capture.file} ${side}`);
      t.ok(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes));
      const framer = new Framer(capture.wire);
      for (let i = 0; i < bytes.length; i++) framer.follow(bytes.subarray(i, i + 1));
      t.same([framer.frames, framer.atBoundary, framer.failure], [frames.length, true, undefined]);
    }
  }
});
