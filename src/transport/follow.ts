// A command that runs on for as long as somebody reads it, such as `journalctl -f`: here, or on a host.
//
// Rules
// - It ends when we say so, when this process dies, and when its connection is lost: its standard input ends then, and a watcher beside it
//   ends its whole process group. (sshd ends nothing by itself, and a log without news would never notice.)
// - What runs as root by sudo cannot be ended so; it ends by its closed output, as journalctl does.
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { shellQuote } from "../../protocol/shell.ts";
import { ignore } from "./tcp.ts";

export interface Followed {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit code; undefined if it was ended. Rejects with DT_LINK_LOST. */
  readonly ended: Promise<number | undefined>;
  /** Asks it to end. */
  end(): void;
}

/** For the user's shell, whichever it is. The script is POSIX sh; its input is empty. */
export function followCommand(script: string): string {
  // $$ leads a group of its own: sshd and followLocal see to that.
  const watched = `exec 3<&0 </dev/null
{ cat <&3 >/dev/null 2>&1; kill -TERM -$$; } >/dev/null 2>&1 &
exec 3<&-
watcher=$!
( ${script} )
code=$?; kill $watcher; exit $code`;
  const coded = Buffer.from(watched, "utf8").toString("base64");
  return `exec sh -c ${shellQuote(`eval "$(echo ${coded} | base64 -d)"`)}`;
}

export function followLocal(script: string): Followed {
  const child = spawn("sh", ["-c", followCommand(script)], { stdio: ["pipe", "pipe", "pipe"], detached: true });
  child.stdin.on("error", ignore);
  const ended = new Promise<number | undefined>((resolve) => {
    child.on("error", ignore).on("close", (code) => resolve(code === null || code < 0 ? undefined : code));
  });
  return { stdout: child.stdout, stderr: child.stderr, ended, end: () => child.stdin.end() };
}
