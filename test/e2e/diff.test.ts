// Two real recordings of the same program, with one variable different: `diff` and `check` name that variable, at that hit, and nothing else.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import t, { type Test } from "tap";
import { debuggeeFile } from "../helpers/processes.ts";
import { record, start } from "../helpers/recorder.ts";
import { program } from "../helpers/relay-process.ts";
import { freePort } from "../helpers/sockets.ts";

interface Run {
  readonly stdout: string;
  readonly status: number;
}

function debugtap(...words: string[]): Promise<Run> {
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { env }, (error, stdout) => {
      resolve({ stdout, status: typeof error?.code === "number" ? error.code : 0 });
    });
  });
}

/** Records a run of orders.py of a directory; it sells so many of the third thing. */
async function recorded(t: Test, file: string, third: string): Promise<string> {
  const port = await freePort();
  const dir = join(t.testdirName, `trace-${third}-${port}`);
  const running = start(t, file, `${port}`, third);
  await running.prints("listening");
  const to = ["--attach", `${port}`, "--wire", "dap", "--time", "20s", "-o", dir];
  const recorder = record(t, [...to, "--at", `${file}:/# breakpoint/`, "--hits", "4"]);
  t.equal(await recorder.exit, 0, recorder.stderr());
  return dir;
}

t.test("ids, addresses, times, sets and threads differ in each run; one number is told", async (t) => {
  t.testdir();
  const file = debuggeeFile("orders.py");
  const [a, same, b] = await Promise.all([recorded(t, file, "2"), recorded(t, file, "2"), recorded(t, file, "7")]);
  const equal = await debugtap("diff", a, same);
  t.match(equal, { status: 0, stdout: /\n4 hits equal\n/ });
  const { status, stdout } = await debugtap("diff", a, b);
  t.equal(status, 1);
  const line =
    readFileSync(file, "utf8")
      .split("\n")
      .findIndex((text) => text.includes("# breakpoint")) + 1;
  t.strictSame(stdout.split("\n").slice(2, -1), [
    "",
    "the first difference",
    `hit 3 ↔ hit 3  service  place (orders.py:${line})`,
    "  - order.count = 2",
    "  + order.count = 7",
    "",
    "3 hits equal, 1 changed",
  ]);

  const expect = join(t.testdirName, "expect.yml");
  t.equal((await debugtap("check", a, expect, "--update")).status, 0);
  t.match(readFileSync(expect, "utf8"), /order\.count: 2\n/);
  t.match(await debugtap("check", same, expect), { status: 0, stdout: "3 of 3 expectations hold, 4 hits\n" });
  const failed = await debugtap("check", b, expect);
  t.equal(failed.status, 1);
  t.match(failed.stdout, /^FAIL {2}2 .* hit 3: order\.count expected 2, found 7\n2 of 3 expectations hold, 4 hits\n$/);

  const moved = join(t.testdirName, "v2");
  mkdirSync(moved);
  copyFileSync(file, join(moved, "orders.py"));
  writeFileSync(
    join(moved, "orders.py"),
    readFileSync(file, "utf8").replace("def place(", "# it sells\n\n\ndef place("),
  );
  const later = await recorded(t, join(moved, "orders.py"), "7");
  const across = await debugtap("diff", a, later);
  t.match(
    across.stdout,
    `hit 3 ↔ hit 3  service  place (orders.py:${line + 3})\n  - order.count = 2\n  + order.count = 7\n`,
  );
  t.match(across.stdout, /\n3 hits equal, 1 changed\n/, "in another directory, three lines below");
  t.match(await debugtap("check", later, expect), { status: 1, stdout: /2 of 3 expectations hold/ });
});
