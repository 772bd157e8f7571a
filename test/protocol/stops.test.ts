import t from "tap";
import { executions } from "../../protocol/dap-commands.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { Framer } from "../../protocol/framer.ts";
import { Rewriter } from "../../protocol/rewriter.ts";
import { stopNames, Stops } from "../../protocol/stops.ts";
import { captures, stream } from "../helpers/captures.ts";

const dap = (message: unknown): string => {
  const body = JSON.stringify(message);
  return `Content-Length: ${body.length}\r\n\r\n${body}`;
};

/** How many threads are stopped after each message. */
function follow(wire: "dap" | "pydevd", text: string): number[] {
  const stops = new Stops();
  return new FrameReader(wire).push(new TextEncoder().encode(text)).map((frame, i) => {
    stops.see(frame, i);
    return stops.threads.size;
  });
}

t.test("pydevd: 105 stops a thread, 106 and 104 end it", async (t) => {
  const suspend = (thread: string): string => `105\t6\t<xml><thread id="${thread}" stop_reason="111"></thread></xml>\n`;
  const text = `${suspend("a")}${suspend("b")}106\t8\ta\t-1\n106\t10\tc\t-1\n104\t12\tb\n103\t14\t<xml/>\n`;
  t.same(follow("pydevd", text), [1, 2, 1, 1, 0, 0]);
});

t.test("dap: with `continued` events, and without", async (t) => {
  const stopped = dap({ seq: 1, type: "event", event: "stopped", body: { reason: "breakpoint", threadId: 1 } });
  const resumed = dap({ seq: 2, type: "response", request_seq: 3, success: true, command: "continue", body: {} });
  const failed = dap({ seq: 2, type: "response", request_seq: 3, success: false, command: "next" });
  const event = dap({ seq: 4, type: "event", event: "continued", body: { threadId: 1, allThreadsContinued: false } });
  t.same(follow("dap", stopped + failed + resumed + stopped + event + event), [1, 1, 0, 1, 0, 0]);
});

t.test("dap: whatever lets a thread run has it running, by its response alone", async (t) => {
  const stopped = dap({ seq: 1, type: "event", event: "stopped", body: { reason: "breakpoint", threadId: 1 } });
  for (const command of executions) {
    t.ok(stopNames("dap").includes(command));
    const response = dap({ seq: 2, type: "response", request_seq: 3, success: true, command });
    t.same(follow("dap", stopped + response), [1, 0], command);
  }
});

t.test("every recorded stop is seen, through the window of a rewriter as in the relay", async (t) => {
  let seen = 0;
  for (const capture of captures()) {
    const wire = capture.wire;
    const stops = new Stops();
    let most = 0;
    const rewriter = new Rewriter({
      framer: new Framer(wire),
      names: new Set(stopNames(wire)),
      rewrite: (frame) => {
        stops.see(frame, 0);
        most = Math.max(most, stops.threads.size);
        return undefined;
      },
    });
    const bytes = stream(capture, "debuggee");
    const text = new TextDecoder().decode(bytes);
    rewriter.push(bytes);
    const isDap = wire === "dap" || capture.file.includes("http_json");
    const expected = isDap ? /"event": ?"stopped"/.test(text) : /105\t\d+\t<xml>/.test(text);
    t.equal(most > 0, expected, capture.file);
    if (most > 0) seen++;
  }
  t.ok(seen > 10, `${seen} captures with stops`);
});
