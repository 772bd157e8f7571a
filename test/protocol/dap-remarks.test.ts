import t from "tap";
import { SourceRemarks } from "../../protocol/dap-remarks.ts";
import { encodeDap, type DebugProtocol } from "../../protocol/dap.ts";
import { frameBody, frameOf } from "../../protocol/frame.ts";

const request = (seq: number, path: string, lines: readonly number[]): DebugProtocol.Request => ({
  seq,
  type: "request",
  command: "setBreakpoints",
  arguments: { source: { path }, breakpoints: lines.map((line) => ({ line })) },
});
const response = (seq: number, breakpoints: readonly object[]): Uint8Array =>
  encodeDap({
    seq: 0,
    type: "response",
    request_seq: seq,
    command: "setBreakpoints",
    success: true,
    body: { breakpoints },
  });

function remarks() {
  const sent: { client: number; bytes: Uint8Array; message: { event?: string; body: unknown } }[] = [];
  const all = new SourceRemarks((client, bytes) => {
    const message = JSON.parse(
      Buffer.from(frameBody(frameOf("header", bytes))).toString(),
    ) as (typeof sent)[0]["message"];
    sent.push({ client, bytes, message });
  });
  return { all, sent };
}

t.test("what is found later comes by an event to who has breakpoints there, and goes by one", async (t) => {
  const { all, sent } = remarks();
  t.equal(all.request(1, request(1, "/a.py", [3])), "/a.py");
  t.equal(all.request(2, request(1, "/b.py", [])), undefined, "no breakpoint is set");
  const bytes = response(1, [{ id: 7, verified: true, message: "moved" }, { verified: false }]);
  all.pass(1, bytes);
  all.pass(2, response(1, []));
  t.equal(sent[0]?.bytes, bytes, "as it came");
  all.set("/a.py", "differs");
  all.set("/a.py", "differs");
  t.strictSame(
    sent.slice(2).map(({ client, message }) => [client, message.event, message.body]),
    [[1, "breakpoint", { reason: "changed", breakpoint: { id: 7, verified: true, message: "moved; differs" } }]],
  );
  all.pass(
    1,
    encodeDap({
      seq: 5,
      type: "event",
      event: "breakpoint",
      body: { reason: "changed", breakpoint: { id: 7, line: 9 } },
    }),
  );
  t.match(sent.at(-1)?.message.body, { breakpoint: { id: 7, line: 9, message: "differs" } });
  all.set("/a.py", undefined);
  t.match(sent.at(-1)?.message.body, { breakpoint: { id: 7, line: 9, message: "moved" } });
});

t.test("what is known stands in the answer; one found before the answer is not told twice", async (t) => {
  const { all, sent } = remarks();
  all.request(1, request(4, "/a.py", [3]));
  all.set("/a.py", "differs");
  t.equal(sent.length, 0);
  all.pass(1, response(4, [{ id: 1, verified: true }]));
  t.match(sent, [{ message: { body: { breakpoints: [{ id: 1, message: "differs" }] } } }]);
  all.leave(1);
  all.set("/a.py", undefined);
  t.equal(sent.length, 1);
});

t.test("sources of the debuggee, failures and bytes that are no message pass", async (t) => {
  const { all, sent } = remarks();
  const generated = request(1, "/a.py", [1]);
  generated.arguments = { source: { path: "/a.py", sourceReference: 5 }, breakpoints: [{ line: 1 }] };
  t.equal(all.request(1, generated), undefined);
  all.request(1, request(2, "/a.py", [1]));
  const failed = encodeDap({ seq: 0, type: "response", request_seq: 2, command: "setBreakpoints", success: false });
  all.pass(1, failed);
  t.equal(sent[0]?.bytes, failed);
});
