// A VM (a throwaway sshd) behind a link with faults, and what can happen to its sshd.
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { Shim } from "./shim.ts";

// `sshd: user [priv]` is the monitor of a login; `sshd: user`, or `sshd: user@notty` once it runs a command, carries it;
// `sshd: [accepted]` and `sshd: [net]` are of one who has not logged in yet.
const login = /^sshd(-session)?: [^[]/;
const carrier = /^sshd(-session)?: [^[]*$/;

export class FaultyVm {
  readonly sshd: ThrowawaySshd;
  readonly shim: Shim;
  /** The Host `vm` of this ssh_config is the VM behind the link. */
  readonly sshConfig: string;
  readonly #dir: string;

  private constructor(sshd: ThrowawaySshd, shim: Shim, dir: string) {
    this.sshd = sshd;
    this.shim = shim;
    this.#dir = dir;
    this.sshConfig = join(dir, "ssh_config");
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<FaultyVm> {
    const sshd = await ThrowawaySshd.start({ settings });
    const shim = await Shim.start(sshd.port);
    const vm = new FaultyVm(sshd, shim, await mkdtemp(join(tmpdir(), "debugtap-vm-")));
    const direct = await readFile(sshd.sshConfig, "utf8");
    const known = await readFile(join(sshd.dir, "known_hosts"), "utf8");
    const knownHosts = join(vm.#dir, "known_hosts");
    await writeFile(knownHosts, known.replaceAll(`:${sshd.port} `, `:${shim.port} `));
    await writeFile(
      vm.sshConfig,
      direct.replace(`Port ${sshd.port}`, `Port ${shim.port}`).replace(join(sshd.dir, "known_hosts"), knownHosts),
    );
    return vm;
  }

  /** The sshd processes of the logins, without the daemon and without what they run. */
  logins(): number[] {
    return this.sshd.sessions().filter((pid) => login.test(commandLine(pid)));
  }

  /** To those that carry the logins' bytes, not to their monitors. */
  signalLogins(signal: NodeJS.Signals): void {
    for (const pid of this.logins()) if (carrier.test(commandLine(pid))) process.kill(pid, signal);
  }

  /** Its power goes: who was connected is told by the kernel, who comes is refused. */
  async halt(): Promise<void> {
    await this.shim.refuse();
    await this.sshd.halt();
  }

  async resume(): Promise<void> {
    await this.sshd.resume();
    await this.shim.accept();
  }

  async stop(): Promise<void> {
    await this.shim.close();
    await this.sshd.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replace(/\0+$/, "");
  } catch {
    return ""; // it ended meanwhile
  }
}
