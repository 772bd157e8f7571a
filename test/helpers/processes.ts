// Debuggees and scripted IDEs as child processes.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The line of a Python file that has `# breakpoint`. */
export function breakpointOf(file: string): string {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .findIndex((text) => text.includes("# breakpoint"));
  return `${file}:${line + 1}`;
}

/** One of the fixtures; a whole path is itself. */
export function debuggeeFile(name: string): string {
  return resolve(root, "test/fixtures/debuggees", name);
}

export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Standard output and error so far. */
  text(): string;
  /** Resolves when `text` has been printed; rejects when the process ends without it. */
  prints(text: string): Promise<void>;
  readonly exit: Promise<number | null>;
}

/** Runs a debuggee with Debian's Python, which has pydevd and debugpy. */
export function python(name: string, ...args: string[]): Running {
  return pythonFile(debuggeeFile(name), ...args);
}

/** The same of any file. */
export function pythonFile(file: string, ...args: string[]): Running {
  const env = { ...process.env, PYDEVD_DISABLE_FILE_VALIDATION: "1" };
  return run("/usr/bin/python3", ["-Xfrozen_modules=off", file, ...args], env);
}

/** Compiles `lines.go` into this directory; a second or two. */
export async function compileGo(dir: string): Promise<string> {
  const binary = join(dir, "lines");
  const env = { ...process.env, GO111MODULE: "off", GOFLAGS: "" };
  const compiler = run("go", ["build", "-gcflags=-N -l", "-o", binary, debuggeeFile("lines.go")], env);
  if ((await compiler.exit) !== 0) throw new Error(`apt-get install golang-go delve\n${compiler.text()}`);
  return binary;
}

/**
 * Runs a program under delve, which serves any number of clients one after the other; standard input is the program's. Without
 * `continues` it runs from the first client's configurationDone on.
 */
export function delve(binary: string, port: number, continues: boolean): Running {
  const options = ["--headless", "--accept-multiclient", ...(continues ? ["--continue"] : [])];
  return run("dlv", ["exec", ...options, `--listen=127.0.0.1:${port}`, binary], process.env);
}

/** Runs one of the scripted IDEs of examples/. */
export function ide(name: "ide-pydevd.mjs" | "ide-dap.mjs", ...args: string[]): Running {
  return run(process.execPath, [`${root}examples/${name}`, ...args], process.env);
}

/** A copy of a debuggee that the throwaway VM's user can read; removed with the test. */
export function fileOnVm(t: Test, name: string): string {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-test-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  copyFileSync(debuggeeFile(name), join(dir, name));
  chmodSync(dir, 0o755);
  return join(dir, name);
}

/** Runs a file of {@link fileOnVm} as the user that the VM logs in: a service of the VM, whose process it can see. */
export function pythonOnVm(file: string, ...args: string[]): Running {
  const command = ["/usr/bin/python3", "-Xfrozen_modules=off", file, ...args];
  const env = { ...process.env, PYDEVD_DISABLE_FILE_VALIDATION: "1" };
  const user = process.getuid?.() === 0 ? ["--reuid=debugtap-vm", "--regid=debugtap-vm", "--clear-groups"] : [];
  return run("setpriv", [...user, ...command], env);
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv): Running {
  return watch(spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] }), `${program} ${args.join(" ")}`);
}

/** `name` is for messages. */
export function watch(child: Running["child"], name: string): Running {
  let text = "";
  let ended = false;
  const watchers = new Set<() => void>();
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      wake();
    });
  }
  const exit = once(child, "close").then(([code]) => {
    ended = true;
    wake();
    return code as number | null;
  });
  return {
    child,
    exit,
    text: () => text,
    prints: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!text.includes(wanted) && !ended) return;
          watchers.delete(look);
          if (text.includes(wanted)) resolve();
          else reject(new Error(`${name} ended without printing ${wanted}:\n${text}`));
        };
        watchers.add(look);
        look();
      }),
  };
}
