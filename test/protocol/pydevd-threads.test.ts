import t from "tap";
import { FrameReader } from "../../protocol/frame-reader.ts";
import { threadXml } from "../../protocol/replay-pydevd-xml.ts";
import { PydevdThreads } from "../../protocol/pydevd-threads.ts";
import { encodePydevd } from "../../protocol/pydevd.ts";

/** Tells the threads of a message of the debuggee; the stop that it is. */
function see(threads: PydevdThreads, id: number, text: string) {
  const [frame] = new FrameReader("pydevd").push(encodePydevd(id, 2, text, { side: "debuggee", framing: "line" }));
  return frame && threads.see(id, frame);
}

t.test("a thread that stops has the name that it was announced with, whatever stands in it", (t) => {
  for (const name of ["MainThread", "Thread-1 (run)", 'a <b> & "c" %41', "Fäden\t→"]) {
    const threads = new PydevdThreads();
    see(threads, 103, threadXml("pid_7_id_1", name));
    const stop = see(threads, 105, '<xml><thread id="pid_7_id_1" stop_reason="111"><frame id="1"/></thread></xml>');
    t.match(stop, { thread: "pid_7_id_1", threadName: name, reason: "breakpoint" }, name);
  }
  t.end();
});

t.test("one that was not announced, or whose name is its id, has none", (t) => {
  const threads = new PydevdThreads();
  see(threads, 103, threadXml("pid_7_id_2", "pid_7_id_2"));
  for (const id of ["pid_7_id_1", "pid_7_id_2"]) {
    const stop = see(threads, 105, `<xml><thread id="${id}" stop_reason="108"></thread></xml>`);
    t.strictSame([stop?.thread, stop?.threadName, stop?.reason], [id, undefined, "step"]);
  }
  t.end();
});
