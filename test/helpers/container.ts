// Containers by crun, where there is no Docker.
//
// Rules
// - A container is what `docker run --read-only --tmpfs /tmp --user …` makes: a process namespace of its own, so that it is process 1.
// - crun wants to see one kind of cgroups: it gets a mount namespace in which there is one.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Test } from "tap";
import type { Image } from "./image.ts";

export interface ContainerOptions {
  readonly env: readonly string[];
  readonly user: number;
  /** A directory here that is /traces there. */
  readonly traces: string;
  /** Process whose network it shares. */
  readonly beside: number;
  /** Files here, by their paths there. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Container {
  /** The next line of its output that the test accepts, past or to come; rejects when it ends without one. */
  line(accepts: (line: string) => boolean): Promise<string>;
  /** Runs a command in it, as its own user. */
  exec(...command: string[]): Ran;
  kill(signal: string): void;
  readonly exit: Promise<number | null>;
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts what the image runs. It ends with the test. */
export function startContainer(t: Test, { config, files }: Image, options: ContainerOptions): Container {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-container-"));
  const { user, traces, beside } = options;
  const settings: Settings = {
    root: files,
    args: [...config.Entrypoint, ...config.Cmd],
    env: [...config.Env, ...options.env],
    cwd: config.WorkingDir,
    user,
    beside,
    mounts: [
      { there: "/traces", here: traces, mode: "rw" },
      ...Object.entries(options.files ?? {}).map(([there, here]) => ({ there, here, mode: "ro" }) as const),
    ],
  };
  writeBundle(dir, settings);
  const [program = "", ...words] = crun(dir, "run", "--bundle", dir, idOf(dir));
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const exit = once(child, "close").then(([code]) => code as number | null);
  t.teardown(async () => {
    removeContainer(dir);
    await exit;
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    async line(accepts) {
      for (;;) {
        const found = lines.find((line) => accepts(line));
        if (found !== undefined) return found;
        const ended = await Promise.race([once(reader, "line").then(() => false), exit.then(() => true)]);
        if (ended && !lines.some((line) => accepts(line))) throw new Error(`${lines.join("\n")}\n${stderr}`);
      }
    },
    exec: (...command) => execIn(dir, settings, command),
    kill: (signal) => void run(crun(dir, "kill", idOf(dir), signal)),
    exit,
  };
}

export interface Settings {
  /** Its `/`; it cannot be written. */
  readonly root: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: number;
  /** Process whose network it shares. */
  readonly beside: number;
  readonly mounts: readonly { readonly there: string; readonly here: string; readonly mode: "ro" | "rw" }[];
}

/** Of a container whose bundle is in `dir`, a folder whose name is its own. */
export function crun(dir: string, ...args: string[]): string[] {
  const oneKindOfCgroups = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$0" "$@"';
  const inNamespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", oneKindOfCgroups];
  return [...inNamespace, "crun", "--root", join(dir, "state"), "--cgroup-manager=disabled", ...args];
}

export function idOf(dir: string): string {
  return dir.split("/").at(-1) ?? "";
}

export function execIn(dir: string, { cwd, user, env }: Settings, command: readonly string[]): Ran {
  const variables = env.flatMap((each) => ["--env", each]);
  return run(crun(dir, "exec", "--cwd", cwd, "--user", `${user}:${user}`, ...variables, idOf(dir), ...command));
}

export function removeContainer(dir: string): void {
  run(crun(dir, "delete", "--force", idOf(dir)));
}

function run([program = "", ...words]: readonly string[]): Ran {
  return spawnSync(program, words, { encoding: "utf8" });
}

export function writeBundle(dir: string, settings: Settings): void {
  writeFileSync(join(dir, "config.json"), JSON.stringify(runtimeSpec(settings)));
}

function runtimeSpec({ root, args, env, cwd, user, beside, mounts }: Settings): object {
  return {
    ociVersion: "1.0.2",
    root: { path: root, readonly: true },
    process: {
      terminal: false,
      user: { uid: user, gid: user },
      cwd,
      args,
      env,
      noNewPrivileges: true,
      capabilities: {},
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"] },
      ...mounts.map(({ there, here, mode }) => ({
        destination: there,
        source: here,
        type: "bind",
        options: ["bind", mode],
      })),
    ],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "mount" },
        { type: "ipc" },
        { type: "uts" },
        { type: "network", path: `/proc/${beside}/ns/net` },
      ],
    },
  };
}
