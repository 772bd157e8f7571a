// The VM as the demo uses it: an sshd, a directory with the services' sources, and programs started there over ssh.
import { randomBytes } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import { environment, python } from "./services.ts";
import type { DemoService } from "./services.ts";
import type { Child, Stage } from "./stage.ts";
import { ThrowawaySshd } from "./throwaway-sshd.ts";

/** Debian's names for what the services import. */
const packages: Readonly<Record<string, string>> = { pydevd: "python3-pydevd", debugpy: "python3-debugpy" };

export class Vm {
  readonly #stage: Stage;
  /** The arguments of an ssh command that lead here. */
  readonly #ssh: readonly string[];
  readonly sshd: ThrowawaySshd;
  /** The directory of the services, readable by all, owned by the VM's user. */
  readonly dir: string;
  readonly busPort: number;
  readonly apiPort: number;

  private constructor(stage: Stage, sshd: ThrowawaySshd, dir: string, busPort: number, apiPort: number) {
    this.#stage = stage;
    this.sshd = sshd;
    this.#ssh = ["-F", sshd.sshConfig, sshd.alias];
    this.dir = dir;
    this.busPort = busPort;
    this.apiPort = apiPort;
  }

  /**
   * Starts an sshd and copies `sources` through it to a new directory of its user.
   * @throws DT_PROGRAM_MISSING when its Python lacks a debugger.
   */
  static async start(stage: Stage, sources: string, [busPort, apiPort]: readonly [number, number]): Promise<Vm> {
    // Removed last, when nothing on the VM can write to it any more. Its user is ours, or we are root.
    const dir = `/tmp/debugtap-vm-${randomBytes(8).toString("hex")}`;
    stage.deferRemoval(dir);
    const sshd = await ThrowawaySshd.start();
    const ended = [
      stage.bequeath("dir", sshd.dir),
      ...(sshd.pid === undefined ? [] : [stage.bequeath("pid", sshd.pid)]),
    ];
    stage.defer(async () => {
      await sshd.stop();
      for (const end of ended) end();
    });
    const vm = new Vm(stage, sshd, dir, busPort, apiPort);
    await vm.#copy(sources);
    return vm;
  }

  async #copy(sources: string): Promise<void> {
    const archive = await this.#stage.run("tar", "tar", ["-C", sources, "--exclude=__pycache__", "-cf", "-", "."]);
    const names = JSON.stringify(Object.keys(packages));
    const probe = `import importlib.util as u; print(*[name for name in ${names} if u.find_spec(name) is None])`;
    const script = `set -e; mkdir ${this.dir}; tar -C ${this.dir} -xf -; chmod 755 ${this.dir}; ${python} -c '${probe}'`;
    const output = await this.#stage.run("ssh", "ssh", [...this.#ssh, script], archive);
    const missing = output.toString().trim();
    if (missing === "") return;
    throw new DebugtapError("DT_PROGRAM_MISSING", `${python} has no ${missing.replace(" ", " and no ")}`, {
      why: "the demo's services run under the real debuggers",
      fix: `apt-get install ${missing
        .split(" ")
        .map((name) => packages[name] ?? name)
        .join(" ")}`,
    });
  }

  /** Starts a service over an ssh of its own. */
  start(service: DemoService): Child {
    return this.#start(service.name, service.source, service);
  }

  /** Starts the queue that joins the services. */
  startQueue(): Child {
    return this.#start("the queue", "bus.py", undefined);
  }

  #start(name: string, source: string, service: DemoService | undefined): Child {
    const command = remoteCommand(`${python} -Xfrozen_modules=off ${this.dir}/${source}`, environment(service, this));
    return this.#stage.start({ name, command: "ssh", args: [...this.#ssh, command], end: "stdin" });
  }
}

/**
 * A shell script that runs a program for as long as ssh's stdin is open. Without a terminal a remote command outlives a lost
 * ssh; the end of stdin comes even when the demo is killed, and ends it.
 */
function remoteCommand(program: string, variables: readonly string[]): string {
  return [
    "exec 3<&0",
    `env ${variables.join(" ")} ${program} </dev/null & program=$!`,
    "( read -r _ <&3; kill $program ) & watcher=$!",
    "wait $program; status=$?",
    "kill $watcher",
    "exit $status",
  ].join("\n");
}
