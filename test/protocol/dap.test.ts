import { fc } from "../helpers/property.ts";
import t from "tap";
import { decodeDap, encodeDap, isEvent, isRequest, isResponse } from "../../protocol/dap.ts";
import { childConnectNames, childConnectRewrite } from "../../protocol/dap-endpoint.ts";
import { contentLengthFrame, frameBody } from "../../protocol/frame.ts";
import type { Frame } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { Framer } from "../../protocol/framer.ts";
import { Rewriter } from "../../protocol/rewriter.ts";
import { capture, captures, stream } from "../helpers/captures.ts";

function frameOf(message: unknown): Frame {
  const [frame] = new FrameReader("dap").push(contentLengthFrame(Buffer.from(JSON.stringify(message))));
  if (frame === undefined) throw new Error("one frame was expected");
  return frame;
}

const attach = (body: unknown) => ({ seq: 20, type: "event", event: "debugpyAttach", body });
const start = (configuration: unknown) => ({
  seq: 0,
  type: "request",
  command: "startDebugging",
  arguments: { request: "attach", configuration },
});

t.test("every recorded DAP message decodes, and encodes to itself", async (t) => {
  const kinds = { request: 0, response: 0, event: 0 };
  for (const capture of captures("dap")) {
    for (const side of ["client", "debuggee"] as const) {
      for (const frame of new FrameReader("dap").push(stream(capture, side))) {
        const message = decodeDap(frame);
        if (message === undefined) throw new Error(`${capture.file}: ${Buffer.from(frame.bytes).toString()}`);
        if (isRequest(message)) kinds.request++;
        if (isResponse(message)) kinds.response++;
        if (isEvent(message)) kinds.event++;
        t.ok(Buffer.from(frame.bytes).equals(encodeDap(message)));
      }
    }
  }
  t.ok(Math.min(kinds.request, kinds.response, kinds.event) > 50, JSON.stringify(kinds));
});

t.test("what is not a message decodes to undefined", async (t) => {
  const cases = [
    "",
    "{",
    "null",
    "[]",
    "7",
    "{}",
    '{"seq":"1","type":"event","event":"x"}',
    '{"seq":1,"type":"event"}',
    '{"seq":1,"type":"request","command":1}',
    '{"seq":1,"type":"response","command":"x"}',
    '{"seq":1,"type":"other"}',
    "[".repeat(100_000),
  ];
  for (const text of cases) t.equal(decodeDap(Buffer.from(text)), undefined, text.slice(0, 40));
  t.equal(decodeDap(Uint8Array.of(0xff, 0xfe, 0x7b)), undefined);
  t.same(decodeDap(Buffer.from('{"seq":0,"type":"event","event":"x"}\n')), { seq: 0, type: "event", event: "x" });
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeDap(bytes) === undefined));
});

t.test("a child's address becomes the relay's, all else stays, in its order", async (t) => {
  const rewrite = childConnectRewrite({ from: { port: 5679 }, to: { host: "127.0.0.1", port: 5713 } });
  const text = (message: unknown): string | undefined => {
    const bytes = rewrite(frameOf(message));
    return bytes === undefined
      ? undefined
      : Buffer.from(bytes)
          .toString()
          .replace(/^.*\r\n\r\n/s, "");
  };
  const there = { host: "10.0.0.7", port: 5679 };
  const here = { host: "127.0.0.1", port: 5713 };
  const rewritten: [unknown, unknown][] = [
    [attach({ a: "é", connect: there, z: [1] }), attach({ a: "é", connect: here, z: [1] })],
    [
      start({ name: "child", connect: there, subProcessId: 7 }),
      start({ name: "child", connect: here, subProcessId: 7 }),
    ],
    [start({ ...there, request: "attach" }), start({ ...here, request: "attach" })],
  ];
  for (const [message, expected] of rewritten) t.equal(text(message), JSON.stringify(expected));
  const left = [
    attach({ connect: { host: "10.0.0.7", port: 5680 } }),
    attach({ connect: "10.0.0.7:5679" }),
    attach(undefined),
    attach([]),
    start({}),
    start(null),
    { seq: 1, type: "event", event: "output", body: { output: "debugpyAttach", connect: there } },
    { seq: 1, type: "request", command: "attach", arguments: { connect: there } },
    { seq: 1, type: "response", request_seq: 1, command: "startDebugging", arguments: { configuration: there } },
    "startDebugging",
  ];
  for (const message of left) t.equal(text(message), undefined, JSON.stringify(message));
  const same = childConnectRewrite({ from: { port: 5679 }, to: { host: "127.0.0.1", port: 5679 } });
  t.equal(same(frameOf(attach({ connect: there }))), undefined, "the same port on both sides");
});

t.test("the recorded announcements of children are found and rewritten in their streams", async (t) => {
  const announced: [string, string, number][] = [
    ["dap-debugpy-1.8.21-startdebugging.jsonl", "startDebugging", 15701],
    ["dap-debugpy-subprocess-event.jsonl", "debugpyAttach", 15679],
    ["dap-debugpy-subprocess-startdebugging.jsonl", "debugpyAttach", 15680],
  ];
  for (const [file, name, port] of announced) {
    const input = Buffer.from(stream(capture(file), "debuggee"));
    const frame = new FrameReader("dap").push(input).find((frame) => Buffer.from(frame.bytes).includes(name));
    if (frame === undefined) throw new Error(`${file} announces no child`);
    // Python writes a space after each colon and comma; the recording does not.
    const spaced = Buffer.from(frameBody(frame)).toString().replace(/[:,]/g, "$& ");
    t.ok(spaced.indexOf(name) < 80, `${file}: ${spaced.indexOf(name)}`);

    const replace = childConnectRewrite({ from: { port }, to: { host: "127.0.0.1", port: 7 } });
    const rewriter = new Rewriter({
      framer: new Framer("dap"),
      names: new Set(childConnectNames),
      rewrite: (frame) => {
        const bytes = replace(frame);
        return bytes === undefined ? undefined : [bytes];
      },
    });
    const output = Buffer.concat([...rewriter.push(input), ...rewriter.end()]);
    t.equal(rewriter.rewritten, 1, file);
    const rewritten = new FrameReader("dap").push(output);
    new FrameReader("dap").push(input).forEach((frame, i) => {
      const expected = JSON.stringify(decodeDap(frame));
      const announces = expected.includes(`"${name}"`);
      t.equal(
        JSON.stringify(decodeDap(rewritten[i]?.bytes.subarray(rewritten[i].bodyStart) ?? frame)),
        announces ? expected.replace(String(port), "7") : expected,
      );
    });
  }
});
