import t from "tap";
import { contentLengthFrame } from "../../protocol/frame.ts";
import type { Side } from "../../protocol/frame.ts";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { identityOf, pidOfPydevdThread } from "../../protocol/identity.ts";
import type { Identity } from "../../protocol/identity.ts";
import { capture, captures, stream } from "../helpers/captures.ts";

/** All that one side of a recorded session says, each once, in order. */
function said(file: string, side: Side = "debuggee"): Identity[] {
  const recorded = capture(file);
  const all = new FrameReader(recorded.wire).push(stream(recorded, side));
  const identities = all.flatMap((frame) => identityOf(frame, recorded.wire) ?? []);
  return [...new Map(identities.map((identity) => [JSON.stringify(identity), identity])).values()];
}

function ofLine(text: string): Identity | undefined {
  const [frame] = new FrameReader("pydevd").push(Buffer.from(`${text}\n`));
  return frame === undefined ? undefined : identityOf(frame, "pydevd");
}

function ofDap(message: unknown, wire: "dap" | "pydevd" | "raw" = "dap"): Identity | undefined {
  const [frame] = new FrameReader("dap").push(contentLengthFrame(Buffer.from(JSON.stringify(message))));
  return frame === undefined ? undefined : identityOf(frame, wire);
}

t.test("recorded sessions name their process", async (t) => {
  t.same(said("pydevd-line-2.9.5.bin"), [{ pid: 18773 }, { pid: 18773, name: "/srv/demo-svc/demo/app.py" }]);
  t.same(
    said("pydevd-http_json-3.4.1.bin").map(({ pid }) => pid),
    [20153],
    "pydevd that speaks DAP",
  );
  t.ok(
    said("pydevd-http.bin").some(({ pid }) => pid !== undefined),
    "text in Content-Length frames",
  );
  for (const kind of ["fork", "mp", "subprocess"]) {
    const [parent, child] = [1, 2].map((n) => new Set(said(`pydevd-${kind}-conn${n}.bin`).map(({ pid }) => pid)));
    t.equal(parent?.size, 1, `${kind}: one process a connection`);
    t.equal(child?.size, 1);
    t.notSame(parent, child);
  }
  const unidentified = captures("pydevd").filter(({ file }) => said(file).every(({ pid }) => pid === undefined));
  t.same(
    unidentified.map(({ file }) => file),
    ["pydevd-drop-before-run.bin"],
    "all but the one that was dropped before it could say anything",
  );

  t.same(said("dap-debugpy-two-hits.jsonl"), [{ pid: 13301, name: "/srv/demo-svc/dap-clients/target/app.py" }]);
  const children = capture("dap-debugpy-subprocess-event.jsonl");
  t.ok(children.sent.length > 0);
  t.same(
    said(children.file).map(({ pid }) => pid),
    [13468, 13591],
    "parent and child (one file)",
  );
  t.same(said(children.file, "client"), [{ pid: 13591 }], "the IDE names the child that it attaches to");
});

t.test("only what holds an id is believed", async (t) => {
  t.equal(pidOfPydevdThread("pid_4711_id_140302350377232"), 4711);
  t.equal(pidOfPydevdThread("__frame__:1403|pid_12_id_3"), 12);
  for (const text of [
    "",
    "console_main",
    "-1",
    "pid_x_id_1",
    "pid_0_id_1",
    "x pid_1_id_2",
    "pid_99999999999_id_1",
    "*",
  ])
    t.equal(pidOfPydevdThread(text), undefined, text);

  t.same(ofLine("106\t8\tpid_5_id_2\t-1"), { pid: 5 });
  t.same(ofLine("104\t8\tpid_5_id_2"), { pid: 5 });
  t.equal(ofLine("106\t8\t*"), undefined);
  t.same(ofLine('102\t3\t<xml><thread name="x" id="console_main" /><thread name="M" id="pid_6_id_2" /></xml>'), {
    pid: 6,
  });
  t.equal(ofLine('103\t3\t<xml><thread name="pid_5_id_2" id="1" /></xml>'), undefined);
  t.equal(ofLine('116\t8\t<xml><io s="pid_5_id_2" ctx="1"/></xml>'), undefined, "output");
  t.equal(ofLine("124\t8\tpid_5_id_2"), undefined, "a source");
  t.equal(ofLine('103\t3\t<xml><thread id="pid_5'), undefined);
  t.equal(ofLine("garbage"), undefined);

  const event = { seq: 1, type: "event", event: "process", body: { name: "app", systemProcessId: 5 } };
  t.same(ofDap(event), { pid: 5, name: "app" });
  t.same(ofDap(event, "pydevd"), { pid: 5, name: "app" });
  t.equal(ofDap(event, "raw"), undefined);
  t.equal(ofDap({ ...event, body: undefined }), undefined);
  t.equal(ofDap({ ...event, body: { name: "", systemProcessId: "5" } }), undefined);
  t.equal(ofDap({ ...event, event: "output" }), undefined);
  const info = { seq: 2, type: "response", request_seq: 1, success: true, command: "pydevdSystemInfo" };
  t.same(ofDap({ ...info, body: { process: { pid: 7, ppid: 6, executable: "/usr/bin/python3" } } }), {
    pid: 7,
    ppid: 6,
  });
  t.equal(ofDap({ ...info, body: { process: { pid: -7, ppid: 1.5 } } }), undefined);
  t.equal(ofDap({ ...info, body: [] }), undefined);
  t.same(ofDap({ seq: 1, type: "request", command: "attach", arguments: { subProcessId: 8 } }), { pid: 8 });
  t.equal(ofDap({ seq: 1, type: "request", command: "attach" }), undefined);
});
