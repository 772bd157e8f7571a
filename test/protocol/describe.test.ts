import { fc } from "../helpers/property.ts";
import t from "tap";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Frame, Side, Wire } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import * as protocol from "../../protocol/index.ts";
import { describeFrame, maxSummaryLength } from "../../protocol/describe.ts";
import { capture, captures, stream } from "../helpers/captures.ts";

function line(text: string, side: Side): string {
  const [frame] = new FrameReader("pydevd").push(Buffer.from(`${text}\n`));
  return frame === undefined ? "no frame" : describeFrame(frame, side, "pydevd").summary;
}

function dap(message: unknown): string {
  const [frame] = new FrameReader("dap").push(contentLengthFrame(Buffer.from(JSON.stringify(message))));
  return frame === undefined ? "no frame" : describeFrame(frame, "client", "dap").summary;
}

t.test("pydevd messages in words", async (t) => {
  const suspend =
    '105\t6\t<xml><thread id="pid_1_id_2" stop_reason="111" message="" suspend_type="trace"><frame id="1" name="work" file="/a/app.py" line="12"></frame><frame id="2" name="main" file="/a/app.py" line="30"></frame><frame id="3" name="%26lt%3Bmodule%26gt%3B" file="/a/app.py" line="40"></frame></thread></xml>';
  const cases: [string, Side, string][] = [
    [suspend, "debuggee", "105 THREAD_SUSPEND pid_1_id_2 breakpoint work (app.py:12) +2 frames"],
    ["105\t6\t*", "client", "105 THREAD_SUSPEND *"],
    [
      "111\t3\t7\tpython-line\t/a/app.py\t12\tNone\tn == 2\tNone\tNone\tFalse\tALL",
      "client",
      "111 SET_BREAK app.py:12 if n == 2",
    ],
    [
      "111\t3\tpython-line\tC:\\a\\app.py\t12\tf\tALL\tn@_@NEW_LINE_CHAR@_@m\t'x'",
      "client",
      "111 SET_BREAK app.py:12 if n m log 'x'",
    ],
    [
      "111\t3\t1\tpython-line\t/a.py\t1\tNone\tNone\tNone\t@HIT@ > 2\tFalse\tALL",
      "client",
      "111 SET_BREAK a.py:1 hit @HIT@ > 2",
    ],
    ["111\t3", "client", '6 bytes "111\\t3\\n"'],
    ["111\t3\t", "client", "111 SET_BREAK :"],
    ["112\t3\tpython-line\t/a/app.py\t7", "client", "112 REMOVE_BREAK app.py 7"],
    ["106\t8\tpid_1_id_2\t108", "debuggee", "106 THREAD_RUN pid_1_id_2 step over"],
    ["106\t8\tpid_1_id_2\t-1", "debuggee", "106 THREAD_RUN pid_1_id_2"],
    ["113\t8\tT\tF\tLOCAL\ta@LINE@b\t1", "client", "113 EVALUATE_EXPRESSION T a b"],
    ['116\t8\t<xml><io s="a%2520b%250A" ctx="2"/></xml>', "debuggee", '116 WRITE_TO_CONSOLE stderr "a b\\n"'],
    ["124\t8\t<p>source</p>", "debuggee", "124 LOAD_SOURCE <p>source</p>"],
    ["105\t6\t<xml><thread", "debuggee", "105 THREAD_SUSPEND <xml><thread"],
    ["999\t1\tx", "debuggee", "999 UNKNOWN x"],
  ];
  for (const [text, side, expected] of cases) t.equal(line(text, side), expected);
  const reader = new FrameReader("pydevd");
  const frames = reader.push(stream(capture("pydevd-exceptions.bin"), "debuggee"));
  const raised = frames
    .map((frame) => describeFrame(frame, "debuggee", "pydevd").summary)
    .find((it) => it.includes("138"));
  t.match(
    raised,
    /^138 SEND_CURR_EXCEPTION_TRACE <class 'KeyError'> 'nokey <&> "q"' pid_\d+_id_\d+ exception main \(multi.py:50\) \+1 frame$/,
  );
});

const request = (command: string, args: unknown) => ({ seq: 3, type: "request", command, arguments: args });
const response = (command: string, body: unknown) => ({
  seq: 9,
  type: "response",
  request_seq: 3,
  success: true,
  command,
  body,
});
const event = (event: string, body: unknown) => ({ seq: 0, type: "event", event, body });

t.test("DAP messages in words", async (t) => {
  const cases: [unknown, string][] = [
    [
      request("setBreakpoints", {
        source: { path: "/a/app.py" },
        breakpoints: [{ line: 12 }, { line: 30, condition: "x" }],
      }),
      "request 3 setBreakpoints app.py [12, 30 if x]",
    ],
    [request("setBreakpoints", 7), "request 3 setBreakpoints []"],
    [request("evaluate", { expression: "a +\nb", frameId: 2 }), "request 3 evaluate a + b frame 2"],
    [request("next", { threadId: 1 }), "request 3 next thread 1"],
    [event("stopped", { reason: "breakpoint", threadId: 1 }), "event stopped breakpoint thread 1"],
    [event("stopped", null), "event stopped"],
    [response("stackTrace", { stackFrames: [1, 2, 3, 4] }), "response 3 stackTrace 4 frames"],
    [
      response("stackTrace", { stackFrames: [{ name: "f", line: 3, source: { path: "/a/b.py" } }] }),
      "response 3 stackTrace 1 frame f (b.py:3)",
    ],
    [
      response("setBreakpoints", { breakpoints: [{ verified: true }, {}] }),
      "response 3 setBreakpoints 1 of 2 verified",
    ],
    [
      { ...response("launch", undefined), success: false, message: "no such program" },
      "response 3 launch failed: no such program",
    ],
    [event("exited", { exitCode: 3 }), "event exited code 3"],
  ];
  for (const [message, expected] of cases) t.equal(dap(message), expected);
});

t.test("every recorded message has words and a detail", async (t) => {
  for (const { file, wire, sent } of captures()) {
    for (const side of ["client", "debuggee"] as const) {
      const reader = new FrameReader(wire);
      for (const frame of sent.filter((sent) => sent.side === side).flatMap((sent) => reader.push(sent.bytes))) {
        const { summary, detail } = describeFrame(frame, side, wire);
        t.ok(detail !== undefined || summary === '4 bytes "102\\n"', `${file}: ${summary}`);
      }
    }
  }
});

const whole = (bytes: Uint8Array, kind: Frame["kind"] = "line"): Frame => ({
  kind,
  bytes,
  bodyStart: 0,
  bodyEnd: bytes.length,
});

t.test("anything at all has a bounded line", async (t) => {
  t.equal(describeFrame(whole(Uint8Array.of(0, 255)), "client", "raw").summary, "2 bytes 00 ff");
  t.equal(describeFrame(whole(new Uint8Array(0)), "client", "dap").summary, '0 bytes ""');
  const long = describeFrame(whole(Buffer.from(`502\t1\t${"é\u{1F40D}".repeat(500)}`)), "client", "pydevd").summary;
  t.equal(long.length <= maxSummaryLength, true);
  t.match(long, /…$/);
  // Messages of the right commands with anything in place of their parts.
  const commands = fc.constantFrom(
    "setBreakpoints",
    "stackTrace",
    "variables",
    "stopped",
    "output",
    "debugpyAttach",
    "module",
  );
  const anyMessage = fc
    .tuple(fc.constantFrom("request", "response", "event"), commands, fc.jsonValue())
    .map(([type, name, body]) =>
      Buffer.from(JSON.stringify({ seq: 1, request_seq: 1, type, command: name, event: name, body, arguments: body })),
    );
  const anyLine = fc
    .tuple(fc.constantFrom(105, 106, 110, 111, 112, 113, 116, 138, 901), fc.string())
    .map(([id, text]) => Buffer.from(`${id}\t1\t${text}`));
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array(), anyMessage, anyLine),
      fc.constantFrom("header" as const, "line" as const),
      fc.constantFrom<Wire>("dap", "pydevd", "raw"),
      fc.constantFrom<Side>("client", "debuggee"),
      (bytes, kind, wire, side) => {
        const { summary } = describeFrame(whole(bytes, kind), side, wire);
        return summary.length > 0 && summary.length <= maxSummaryLength && !/[\n\r\t\0]/.test(summary);
      },
    ),
    { numRuns: 1000 },
  );
  t.ok(Object.keys(protocol).includes("describeFrame"), "the public names can be loaded");
});
