// A real OpenSSH server on loopback that plays the VM, in the demo and in the tests.
//
// Rules
// - Everything it needs lives in one temporary folder (0700) that `stop` removes: keys, known_hosts, sshd_config, ssh_config.
// - It runs as an unprivileged user and so lets only that user in, which is enough. As root we start it as `debugtap-vm`,
//   because a VM's service must not be able to do more than a real one's; otherwise it runs as oneself.
// - sshd puts each session into its own process session, so a signal to the daemon or to its group leaves them alive:
//   `stop` freezes the daemon, collects everything below it and kills that.
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DebugtapError } from "../../protocol/errors.ts";
import { freePorts } from "./ports.ts";
import { descendants, killTree } from "./process-tree.ts";

const run = promisify(execFile);
const sshdPath = "/usr/sbin/sshd";
const vmUser = "debugtap-vm";
const logLimit = 256 * 1024;
const bindTries = 5;

export interface ThrowawaySshdOptions {
  /** Extra sshd_config lines; they come first, and in sshd_config the first value wins. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Kinds of host keys, as ssh-keygen names them. */
  readonly hostKeyTypes?: readonly ("ed25519" | "ecdsa" | "rsa")[];
  /** Words of a command that runs sshd, which follows as its last words, as the VM's user; such as `nsenter …`. */
  readonly through?: readonly string[];
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export class ThrowawaySshd {
  readonly port: number;
  readonly user: string;
  /** Host keys, `user_key`, `authorized_keys`, `known_hosts`, `ssh_config`, `sshd_config`. */
  readonly dir: string;
  /** An ssh_config whose Host {@link alias} is this server: for `ssh -F`. */
  readonly sshConfig: string;
  readonly alias = "vm";
  readonly #launch: () => ChildProcess;
  readonly #log: Log;
  #daemon: ChildProcess;

  private constructor(dir: string, port: number, account: Account, launch: () => ChildProcess, log: Log) {
    this.dir = dir;
    this.port = port;
    this.user = account.name;
    this.#launch = launch;
    this.sshConfig = join(dir, "ssh_config");
    this.#log = log;
    this.#daemon = launch();
  }

  /** Resolves once it accepts connections. Rejects with DT_USAGE when OpenSSH or the user is missing. */
  static async start(options: ThrowawaySshdOptions = {}): Promise<ThrowawaySshd> {
    if (!existsSync(sshdPath)) {
      throw new DebugtapError("DT_USAGE", `${sshdPath} is missing`, {
        why: "a real SSH server plays the VM",
        fix: "apt-get install openssh-server",
      });
    }
    const account = vmAccount();
    const dir = await mkdtemp(join(tmpdir(), "debugtap-sshd-"));
    try {
      const types = options.hostKeyTypes ?? ["ed25519"];
      await Promise.all([
        ...types.map((type) => keygen(join(dir, `host_${type}_key`), type)),
        keygen(join(dir, "user_key"), "ed25519"),
      ]);
      await writeFile(join(dir, "authorized_keys"), await readFile(join(dir, "user_key.pub")));
      await chmod(dir, 0o700);
      for (let attempt = 1; ; attempt++) {
        const [port = 0] = await freePorts(1);
        await writeConfigs(dir, port, account, types, options.settings ?? {});
        await giveTo(account, dir);
        const log = new Log();
        const start = (): ChildProcess => launch(dir, account, options.through ?? []);
        const sshd = new ThrowawaySshd(dir, port, account, start, log);
        if (await log.follow(sshd.#daemon)) return sshd;
        // Another process took the port between our look and sshd's bind.
        if (attempt < bindTries && log.text().includes("Address already in use")) continue;
        throw new DebugtapError("DT_INTERNAL", "the throwaway sshd did not start", { why: log.text() });
      }
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** Of the daemon. */
  get pid(): number | undefined {
    return this.#daemon.pid;
  }

  /** What sshd has said, the last 256 KB of it. */
  log(): string {
    return this.#log.text();
  }

  /** Pids of everything that this server runs: session processes and what they started. */
  sessions(): number[] {
    return this.#daemon.pid === undefined ? [] : descendants(this.#daemon.pid);
  }

  /** Ends the server and everything started through it, and removes {@link dir}. */
  async stop(): Promise<void> {
    await this.halt();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Starts it again after {@link halt}, on the same port with the same keys. Resolves once it accepts connections. */
  async resume(): Promise<void> {
    this.#daemon = this.#launch();
    if (await this.#log.follow(this.#daemon)) return;
    throw new DebugtapError("DT_INTERNAL", "the throwaway sshd did not start again", { why: this.#log.text() });
  }

  /** Ends the server and everything started through it, as the VM's power switch would. */
  async halt(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon.exitCode === null && daemon.signalCode === null && daemon.pid !== undefined) {
      const exited = new Promise<void>((resolve) => daemon.once("exit", () => resolve()));
      killTree(daemon.pid);
      await exited;
    }
  }
}

function launch(dir: string, account: Account, through: readonly string[]): ChildProcess {
  const [program, ...words] = [...through, sshdPath, "-D", "-e", "-f", join(dir, "sshd_config")];
  return spawn(program, words, {
    stdio: ["ignore", "ignore", "pipe"],
    ...(process.getuid?.() === 0 && through.length === 0 ? { uid: account.uid, gid: account.gid } : {}),
  });
}

/** sshd's stderr, bounded. */
class Log {
  #text = "";

  text(): string {
    return this.#text;
  }

  /** True once the daemon listens, false when it ended first. */
  async follow(daemon: ChildProcess): Promise<boolean> {
    this.#text = "";
    daemon.stderr?.setEncoding("utf8");
    return await new Promise((resolve, reject) => {
      daemon.once("error", reject);
      daemon.once("close", () => resolve(false));
      daemon.stderr?.on("data", (text: string) => {
        this.#text = (this.#text + text).slice(-logLimit);
        if (this.#text.includes("Server listening on")) resolve(true);
      });
    });
  }
}

function vmAccount(): Account {
  const self = userInfo();
  if (process.getuid?.() !== 0) return { name: self.username, uid: self.uid, gid: self.gid };
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === vmUser) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new DebugtapError("DT_USAGE", `the user ${vmUser} is missing`, {
    why: "as root, the SSH server that plays the VM runs as an unprivileged user",
    fix: `useradd --system --shell /bin/sh --no-create-home ${vmUser}`,
  });
}

async function keygen(file: string, type: string): Promise<void> {
  await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "debugtap throwaway", "-f", file]);
}

async function writeConfigs(
  dir: string,
  port: number,
  account: Account,
  types: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const server = [
    ...Object.entries(settings).map(([key, value]) => `${key} ${value}`),
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...types.map((type) => `HostKey ${dir}/host_${type}_key`),
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    `AllowUsers ${account.name}`,
    "AuthenticationMethods publickey",
    "UsePAM no",
    "StrictModes no",
    "PidFile none",
    "MaxStartups 200",
    "LogLevel VERBOSE",
    // Unlike other settings it may stand there only once.
    ...("Subsystem" in settings ? [] : ["Subsystem sftp internal-sftp"]),
  ];
  const client = [
    "Host vm",
    "  HostName 127.0.0.1",
    `  Port ${port}`,
    `  User ${account.name}`,
    `  IdentityFile ${dir}/user_key`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${dir}/known_hosts`,
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
  ];
  const publicKeys = await Promise.all(types.map((type) => readFile(`${dir}/host_${type}_key.pub`, "utf8")));
  const known = publicKeys.map((line) => `[127.0.0.1]:${port} ${line.split(" ").slice(0, 2).join(" ")}`);
  await writeFile(`${dir}/sshd_config`, `${server.join("\n")}\n`);
  await writeFile(`${dir}/ssh_config`, `${client.join("\n")}\n`);
  await writeFile(`${dir}/known_hosts`, `${known.join("\n")}\n`);
}

async function giveTo(account: Account, dir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const files = await readdir(dir);
  await Promise.all(
    [dir, ...files.map((name) => join(dir, name))].map((path) => chown(path, account.uid, account.gid)),
  );
}
