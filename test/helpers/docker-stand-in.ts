// Plays `docker build -t NAME DIR` and `docker compose -f FILE… up -d --wait | exec SERVICE COMMAND… | down` on PATH, where there is no engine.
//
// It does: build the Dockerfile of this project by buildah; run each service by crun with what its image and the compose files say, which
// the real `docker-compose config` reads, checks and merges; give it a network of its own, or that of another service; publish ports, at
// the container's address and not at its loopback, as Docker does; wait until those whose image says what health is are well.
// It does not: pull (an image that was not built is this machine's /usr, where python3 and debugpy are), resolve names of services,
// restart, limit. A key that it does not know is an error.
//
// All of it is in the directory DOCKER_STAND_IN, and runs until `down`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { crun, execIn, idOf, removeContainer, writeBundle, type Settings } from "./container.ts";
import { buildImage, type ImageConfig } from "./image.ts";

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
}
type Services = Readonly<Record<string, Service>>;
type Config = Pick<ImageConfig, "Entrypoint" | "Cmd" | "Env" | "User" | "WorkingDir"> & Partial<ImageConfig>;

/** What is the same here anyway, or does not matter to who tries it. */
const others = ["read_only", "tmpfs", "cap_drop", "security_opt", "restart"];
const known = new Set(["image", "command", "environment", "volumes", "ports", "network_mode", ...others]);
/** Of a container's health, which take a part of a second each. */
const mostTests = 100;
/** Of a container in its network. */
const address = "172.30.0.2";
const home = process.env["DOCKER_STAND_IN"] ?? fail("DOCKER_STAND_IN is not set");
/** The root of containers whose image was not built. */
const machine = join(home, "this-machine");

const [verb, ...words] = process.argv.slice(2);
if (verb === "build" && words[0] === "-t" && words.length === 3) build(words[1] ?? "", words[2] ?? "");
else if (verb === "compose") await compose(words);
else fail(`no such command: docker ${process.argv.slice(2).join(" ")}`);

function build(name: string, dir: string): void {
  const images = join(home, "images", name);
  mkdirSync(images, { recursive: true });
  const { config, files } = buildImage(resolve(dir), images);
  writeFileSync(join(images, "image.json"), JSON.stringify({ config, files }));
}

async function compose(words: readonly string[]): Promise<void> {
  const files: string[] = [];
  let at = 0;
  for (; words[at] === "-f"; at += 2) files.push(words[at + 1] ?? "");
  const [command, ...rest] = words.slice(at);
  if (command === "up" && rest.join(" ") === "-d --wait") await up(merged(files));
  else if (command === "exec") exec(rest);
  else if (command === "down") down();
  else fail(`no such command: docker compose ${command ?? ""}`);
}

/** As the real one reads them. */
function merged(files: readonly string[]): Services {
  const words = [...files.flatMap((file) => ["-f", file]), "config"];
  const { status, stdout, stderr } = spawnSync("docker-compose", words, { encoding: "utf8" });
  if (status !== 0) fail(`docker-compose config (apt-get install docker-compose): ${stderr}`);
  const { services } = parse(stdout) as { services: Services };
  for (const [name, service] of Object.entries(services)) {
    const strange = Object.keys(service).find((key) => !known.has(key));
    if (strange !== undefined) fail(`${name}: the stand-in does not know \`${strange}\``);
  }
  return services;
}

async function up(services: Services): Promise<void> {
  const networks = new Map<string, number>();
  for (const [name, { network_mode, ports = [] }] of Object.entries(services)) {
    if (network_mode !== undefined) continue;
    const pid = await network();
    networks.set(name, pid);
    for (const each of ports) publish(each, pid);
  }
  for (const [name, service] of Object.entries(services)) {
    const beside = networks.get(service.network_mode?.replace(/^service:/, "") ?? name);
    if (beside === undefined) fail(`${name}: no service has the network ${service.network_mode}`);
    start(name, settingsOf(service, beside));
  }
  for (const [name, { image }] of Object.entries(services)) {
    const test = imageOf(image).config.Healthcheck?.Test.slice(1);
    if (test !== undefined) untilWell(name, test);
  }
}

function untilWell(name: string, test: readonly string[]): void {
  for (let left = mostTests; left > 0; left--) if (inContainer(name, test).status === 0) return;
  fail(`${name} is not well:\n${readFileSync(join(folderOf(name), "log"), "utf8")}`);
}

/** The process that keeps it. */
async function network(): Promise<number> {
  const script = `ip link set lo up && ip link add eth0 type veth peer name eth1 && ip addr add ${address}/16 dev eth0 &&
    ip link set eth0 up && ip link set eth1 up && echo up && exec sleep infinity`;
  const child = spawn("unshare", ["--net", "sh", "-c", script], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  return remember(child);
}

/** `127.0.0.1:8080:80/tcp` */
function publish(port: string, network: number): void {
  const [bind = "", here = "", there = ""] = port.replace("/tcp", "").split(":");
  const file = join(home, `publish-${here}.sh`);
  writeFileSync(file, `exec nsenter --net=/proc/${network}/ns/net socat STDIO TCP4:${address}:${there}\n`);
  const listens = `TCP4-LISTEN:${here},bind=${bind},reuseaddr,fork`;
  remember(spawn("socat", [listens, `EXEC:sh ${file}`], { detached: true, stdio: "ignore" }));
}

function settingsOf(service: Service, beside: number): Settings {
  const { config, files } = imageOf(service.image);
  const given = Object.entries(service.environment ?? {}).map(([name, value]) => `${name}=${value}`);
  const mounts = (service.volumes ?? []).map((volume) => {
    const [from = "", there = "", mode = "rw"] = volume.split(":");
    return { there, here: from.startsWith("/") ? from : named(from), mode: mode as "ro" | "rw" };
  });
  return {
    root: files,
    args: [...config.Entrypoint, ...(service.command ?? config.Cmd)],
    env: [...config.Env, ...given],
    cwd: config.WorkingDir,
    user: Number(config.User.split(":")[0]),
    beside,
    mounts: files === machine ? [{ there: "/usr", here: "/usr", mode: "ro" }, ...mounts] : mounts,
  };
}

/** Its mode is that of the image's folder, as Docker has it. */
function named(volume: string): string {
  const dir = join(home, "volumes", volume);
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o1777);
  return dir;
}

function imageOf(name: string): { readonly config: Config; readonly files: string } {
  const file = join(home, "images", name, "image.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as { config: Config; files: string };
  if (!existsSync(machine)) {
    mkdirSync(join(machine, "usr"), { recursive: true });
    for (const each of ["bin", "lib", "lib64"]) symlinkSync(`usr/${each}`, join(machine, each));
  }
  return {
    config: { Entrypoint: [], Cmd: [], Env: ["PATH=/usr/bin:/bin"], User: "0", WorkingDir: "/" },
    files: machine,
  };
}

function folderOf(container: string): string {
  return join(home, "containers", container);
}

function start(name: string, settings: Settings): void {
  const dir = folderOf(name);
  mkdirSync(dir, { recursive: true });
  writeBundle(dir, settings);
  writeFileSync(join(dir, "settings.json"), JSON.stringify(settings));
  const log = openSync(join(dir, "log"), "w");
  const [program = "", ...args] = crun(dir, "run", "--detach", "--bundle", dir, idOf(dir));
  const { status } = spawnSync(program, args, { stdio: ["ignore", log, log] });
  if (status !== 0) fail(`${name} did not start:\n${readFileSync(join(dir, "log"), "utf8")}`);
}

function exec([name = "", ...command]: readonly string[]): void {
  const { status, stdout, stderr } = inContainer(name, command);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status ?? 1;
}

function inContainer(name: string, command: readonly string[]): ReturnType<typeof execIn> {
  const dir = folderOf(name);
  return execIn(dir, JSON.parse(readFileSync(join(dir, "settings.json"), "utf8")) as Settings, command);
}

function down(): void {
  const containers = join(home, "containers");
  for (const each of existsSync(containers) ? readdirSync(containers) : []) removeContainer(join(containers, each));
  for (const pid of existsSync(join(home, "pids")) ? readdirSync(join(home, "pids")) : [])
    spawnSync("kill", ["-KILL", "--", `-${pid}`]);
}

function remember(child: ReturnType<typeof spawn>): number {
  child.unref();
  mkdirSync(join(home, "pids"), { recursive: true });
  writeFileSync(join(home, "pids", `${child.pid}`), "");
  return child.pid ?? 0;
}

function fail(text: string): never {
  process.stderr.write(`docker (a stand-in): ${text}\n`);
  process.exit(1);
}
