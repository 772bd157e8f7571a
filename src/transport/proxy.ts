// An SSH connection through something else: ProxyJump is `ssh -W` to the hop, ProxyCommand is the user's own command.
//
// Rules
// - The hop is ssh's business: its keys, its known_hosts, second factors and hops before it all work as in a terminal.
// - A child's stdin and stdout make one Duplex. Its end is ours; what it said on stderr is why.
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { Duplex } from "node:stream";
import type { Readable, Writable } from "node:stream";
import { DebugtapError } from "../../protocol/errors.ts";
import { hostPort, ignore } from "./tcp.ts";
import type { SshTarget } from "./ssh-config.ts";

const stderrLimit = 4096;
const lastWordsMs = 200;

/** The stream to `target` through its proxy, or undefined when it has none. */
export function openProxy(target: SshTarget, interactive: boolean): ProxyStream | undefined {
  if (target.proxyJump !== undefined) {
    if (target.ssh === undefined) {
      throw new DebugtapError("DT_SSH_CONFIG", `${target.destination} is reached through ${target.proxyJump}`, {
        why: "the way through another host needs the ssh program, and no ssh was found",
        fix: "apt-get install openssh-client",
      });
    }
    return new ProxyStream(target.ssh, jumpArguments(target, target.proxyJump, interactive), interactive);
  }
  if (target.proxyCommand === undefined) return undefined;
  return new ProxyStream("/bin/sh", ["-c", `exec ${target.proxyCommand}`], interactive);
}

/** As ssh does it: the last hop is dialled through the ones before it. */
function jumpArguments(target: SshTarget, proxyJump: string, interactive: boolean): string[] {
  const hops = proxyJump.split(",");
  const last = (hops.pop() ?? "").replace(/^ssh:\/\//, "");
  const [, user, host = last, port] = /^(?:(.+)@)?(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(last) ?? [];
  return [
    ...(target.configFile === undefined ? [] : ["-F", target.configFile]),
    ...(interactive ? [] : ["-o", "BatchMode=yes"]),
    ...(hops.length === 0 ? [] : ["-J", hops.join(",")]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", port]),
    "-W",
    hostPort(target.hostname, target.port),
    "--",
    host.replaceAll(/[[\]]/g, ""),
  ];
}

export class ProxyStream extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stderr = "";
  #ended = false;
  #bytesRead = 0;
  #bytesWritten = 0;

  constructor(program: string, programArguments: readonly string[], interactive: boolean) {
    super({ allowHalfOpen: false });
    const child = spawn(program, programArguments, {
      stdio: ["pipe", "pipe", "pipe"],
      // Away from our terminal a Ctrl-C does not reach it, and we can still close in order; but then it cannot ask anything.
      detached: !interactive,
    });
    this.#child = child;
    child.on("error", (error) => this.destroy(error));
    child.stdin.on("error", ignore);
    child.stdout.on("data", (chunk: Buffer) => {
      this.#bytesRead += chunk.length;
      if (!this.#ended && !this.push(chunk)) child.stdout.pause();
    });
    // Its last words come on stderr, maybe after stdout's end. A master process that it leaves behind (ControlPersist) keeps
    // stderr open for ever.
    child.on("exit", () => setTimeout(() => this.#end(), lastWordsMs).unref());
    child.on("close", () => this.#end());
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrLimit);
    });
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** The last lines that the child said. */
  said(): string {
    return this.#stderr.trim().split(/\r?\n/).slice(-3).join(" ");
  }

  #end(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    this.push(null);
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  // A write to a child that is gone fails in silence: what it said, and its end, follow.
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#bytesWritten += chunk.length;
    this.#child.stdin.write(chunk, () => done());
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    const { stdin } = this.#child;
    stdin.cork();
    for (const [index, { chunk }] of chunks.entries()) {
      this.#bytesWritten += chunk.length;
      stdin.write(chunk, index === chunks.length - 1 ? () => done() : ignore);
    }
    stdin.uncork();
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(); // its callback never comes when the child is gone
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill("SIGTERM");
    done(error);
  }
}
