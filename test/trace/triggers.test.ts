import { join } from "node:path";
import t from "tap";
import { openTrace, TraceWriter } from "../../src/trace/index.ts";
import type { Trigger } from "../../protocol/trigger.ts";

const begun: Trigger = { id: 1, argv: ["curl", "-sS", "http://127.0.0.1:8776/"], at: 1_000 };
const long = "x".repeat(20_000);

t.test("a trigger is told when it begins and when it has ended, live and sealed", async (t) => {
  const dir = join(t.testdir(), "trace");
  const writer = await TraceWriter.open({ dir, facts: { version: "0.0.0" } });
  writer.trigger(begun);
  await writer.flush();
  const live = await openTrace(dir);
  t.strictSame(await live.triggers(), [begun]);
  t.strictSame(live.sessions(), [], "it is no session's");
  live.close();
  const ended = { ...begun, ended: 2_000, exit: 7, stdout: long, stderr: "no" };
  writer.trigger(ended);
  writer.trigger({ ...begun, id: 2, at: 3_000 });
  await writer.close();
  const sealed = await openTrace(dir);
  t.strictSame(
    await sealed.triggers(),
    [ended, { ...begun, id: 2, at: 3_000 }],
    "texts are whole, the later record holds",
  );
  t.strictSame(sealed.problems, []);
  sealed.close();
});
