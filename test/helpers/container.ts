// Images by buildah and containers by crun, where there is no Docker, no registry and no image to begin with.
//
// Rules
// - The stand-in for the base has this machine's node, npm and their libraries; packages come from npm's own cache.
// - A container is what `docker run --read-only --tmpfs /tmp --user …` makes: a process namespace of its own, so that it is process 1.
// - crun wants to see one kind of cgroups: it gets a mount namespace in which there is one.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const install = ["ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];

/** What an image says about how it is run. */
interface ImageConfig {
  readonly Env: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly StopSignal: string;
  readonly Volumes: Readonly<Record<string, unknown>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface Image {
  readonly config: ImageConfig;
  /** Where its files are. */
  readonly files: string;
  /** Runs a command in it by buildah, in the network of this machine. */
  run(...command: string[]): { readonly status: number | null; readonly stderr: string };
}

/** Builds the Dockerfile of this project. */
export function buildImage(t: Test): Image {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-image-"));
  const buildah = (...args: string[]): string => {
    const store = ["--root", join(dir, "store"), "--runroot", join(dir, "run"), "--storage-driver", "vfs"];
    const { status, stdout, stderr } = spawnSync("buildah", [...store, ...args], { cwd: root, encoding: "utf8" });
    if (status !== 0) throw Object.assign(new Error(`buildah ${args[0]}: ${stderr}`), { status, stderr });
    return stdout.trim();
  };
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const base = buildah("from", "scratch");
  buildah("add", "--quiet", base, standInBase(join(dir, "base")), "/");
  const settings = ["PATH=/usr/bin:/bin", "npm_config_cache=/npm-cache", "npm_config_offline=true"];
  buildah("config", ...settings.flatMap((each) => ["--env", each]), base);
  buildah("commit", "--quiet", base, "localhost/stand-in");
  const cache = fillCache(join(dir, "packages"));
  const build = ["--isolation", "chroot", "--pull-never", "--format", "docker", "--volume", `${cache}:/npm-cache`];
  buildah("bud", ...build, "--build-arg", "NODE_IMAGE=localhost/stand-in", "--tag", "debugtap", ".");
  const container = buildah("from", "--pull-never", "localhost/debugtap");
  const inspected = JSON.parse(buildah("inspect", "--type", "image", "localhost/debugtap")) as {
    Docker: { config: ImageConfig };
  };
  return {
    config: inspected.Docker.config,
    files: buildah("mount", container),
    run(...command) {
      try {
        buildah("run", "--isolation", "chroot", container, "--", ...command);
        return { status: 0, stderr: "" };
      } catch (thrown) {
        return thrown as { status: number; stderr: string };
      }
    },
  };
}

function standInBase(dir: string): string {
  const node = realpathSync(process.execPath);
  const npm = dirname(dirname(realpathSync(execFileSync("which", ["npm"], { encoding: "utf8" }).trim())));
  for (const each of ["tmp", "proc", "dev", "etc", "usr/bin"]) mkdirSync(join(dir, each), { recursive: true });
  const script = `
    programs="/bin/sh /bin/mkdir /usr/bin/env"
    libraries=$(ldd ${node} $programs | grep -o '/[^ :]*[.]so[^ ]*' | sort -u)
    tar -c -P -h ${npm} $programs $libraries | tar -x -C ${dir} --strip-components=0
    rm -f ${dir}/usr/bin/node
    cp ${node} ${dir}/usr/bin/node
    ln -s ${npm}/bin/npm-cli.js ${dir}/usr/bin/npm
    chmod 1777 ${dir}/tmp`;
  execFileSync("sh", ["-ec", script], { stdio: "pipe" });
  return dir;
}

/** The path of npm's cache, with all that the image needs. */
function fillCache(dir: string): string {
  mkdirSync(dir);
  for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(root, name), join(dir, name));
  execFileSync("npm", [...install, "--prefer-offline"], { cwd: dir, stdio: "pipe" });
  return execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
}

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
  exec(...command: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string };
  kill(signal: string): void;
  readonly exit: Promise<number | null>;
}

const oneKindOfCgroups = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$0" "$@"';

/** Starts what the image runs. It ends with the test. */
export function startContainer(t: Test, { config, files }: Image, options: ContainerOptions): Container {
  const dir = mkdtempSync(join(tmpdir(), "debugtap-container-"));
  const id = dir.split("/").at(-1) ?? "";
  const env = [...config.Env, ...options.env];
  writeFileSync(join(dir, "config.json"), JSON.stringify(runtimeSpec(config, files, env, options)));
  const state = ["--root", join(dir, "state"), "--cgroup-manager=disabled"];
  const inNamespace = (...args: string[]): string[] => [
    ..."--mount --propagation private sh -c".split(" "),
    oneKindOfCgroups,
    "crun",
    ...state,
    ...args,
  ];
  const child = spawn("unshare", inNamespace("run", "--bundle", dir, id), { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  const exit = once(child, "close").then(([code]) => code as number | null);
  const crun = (...args: string[]): ReturnType<Container["exec"]> =>
    spawnSync("unshare", inNamespace(...args), { encoding: "utf8" });
  t.teardown(async () => {
    crun("delete", "--force", id);
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
    exec: (...command) =>
      crun(
        "exec",
        "--cwd",
        config.WorkingDir,
        "--user",
        `${options.user}:${options.user}`,
        ...env.flatMap((each) => ["--env", each]),
        id,
        ...command,
      ),
    kill: (signal) => void crun("kill", id, signal),
    exit,
  };
}

function runtimeSpec(config: ImageConfig, path: string, env: readonly string[], options: ContainerOptions): object {
  const { user, traces, beside, files = {} } = options;
  const bind = (destination: string, source: string, mode: string): object => ({
    destination,
    source,
    type: "bind",
    options: ["bind", mode],
  });
  return {
    ociVersion: "1.0.2",
    root: { path, readonly: true },
    process: {
      terminal: false,
      user: { uid: user, gid: user },
      cwd: config.WorkingDir,
      args: [...config.Entrypoint, ...config.Cmd],
      env,
      noNewPrivileges: true,
      capabilities: {},
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"] },
      bind("/traces", traces, "rw"),
      ...Object.entries(files).map(([there, here]) => bind(there, here, "ro")),
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
