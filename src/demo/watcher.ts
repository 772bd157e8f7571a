// A program beside the demo that ends what the demo has started if the demo dies and cannot do it itself (kill -9, a crash).
//
// Its stdin is a pipe from the demo, and only the demo holds the other end: the pipe's end is the demo's end, however it came.
//
//   +pid 123    to be ended, with everything below it
//   +dir /tmp/x to be removed
//   -pid 123    (-dir …) no more: the demo has seen to it
//
// A demo that ends in order has taken everything off by then, and nothing is done.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { killTree } from "./process-tree.ts";

const pids = new Set<number>();
const dirs = new Set<string>();

function hear(line: string): void {
  const [, sign, kind, what = ""] = /^([+-])(pid|dir) (.+)$/.exec(line) ?? [];
  if (kind === "pid" && Number(what) > 1) {
    if (sign === "+") pids.add(Number(what));
    else pids.delete(Number(what));
  }
  if (kind === "dir") {
    if (sign === "+") dirs.add(what);
    else dirs.delete(what);
  }
}

function clear(): void {
  for (const pid of [...pids].toReversed()) killTree(pid);
  for (const dir of [...dirs].toReversed()) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

// A terminal's signals are for the demo.
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => undefined);
createInterface({ input: process.stdin }).on("line", hear).on("close", clear);
