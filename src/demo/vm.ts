// The VM as the demo uses it: a directory with the services' sources, and programs started there over ssh.
import { rm } from "node:fs/promises";
import { DebugtapError } from "../../protocol/errors.ts";
import { environment, python } from "./services.ts";
import type { DemoService } from "./services.ts";
import type { Child, Stage } from "./stage.ts";

/** Debian's names for what the services import. */
const packages: Readonly<Record<string, string>> = { pydevd: "python3-pydevd", debugpy: "python3-debugpy" };

export class Vm {
  readonly #stage: Stage;
  readonly #ssh: readonly string[];
  /** The directory of the services, readable by all, owned by the VM's user. */
  readonly dir: string;
  readonly busPort: number;
  readonly apiPort: number;

  private constructor(stage: Stage, ssh: readonly string[], dir: string, busPort: number, apiPort: number) {
    this.#stage = stage;
    this.#ssh = ssh;
    this.dir = dir;
    this.busPort = busPort;
    this.apiPort = apiPort;
  }

  /**
   * Copies `sources` to the VM that `ssh` (the arguments of an ssh command) leads to, into a new directory.
   * @throws DT_PROGRAM_MISSING when its Python lacks a debugger.
   */
  static async prepare(
    stage: Stage,
    ssh: readonly string[],
    sources: string,
    [busPort, apiPort]: readonly [number, number],
  ): Promise<Vm> {
    const archive = await stage.run("tar", "tar", ["-C", sources, "--exclude=__pycache__", "-cf", "-", "."]);
    const names = Object.keys(packages);
    const probe = `import importlib.util as u; print(*[n for n in ${JSON.stringify(names)} if u.find_spec(n) is None])`;
    const script = [
      "set -e",
      "dir=$(mktemp -d /tmp/debugtap-vm-XXXXXX)",
      "echo $dir",
      "tar -C $dir -xf -",
      "chmod 755 $dir",
      `${python} -c '${probe}'`,
    ].join("\n");
    const output = await stage.run("ssh", "ssh", [...ssh, script], archive);
    const [dir = "", missing = ""] = output.toString().trimEnd().split("\n");
    // Its user is ours, or we are root; and by then the VM's sshd is gone.
    stage.defer(() => rm(dir, { recursive: true, force: true }));
    if (missing !== "") {
      throw new DebugtapError("DT_PROGRAM_MISSING", `${python} has no ${missing.replace(" ", " and no ")}`, {
        why: "the demo's services run under the real debuggers",
        fix: `apt-get install ${missing
          .split(" ")
          .map((name) => packages[name] ?? name)
          .join(" ")}`,
      });
    }
    return new Vm(stage, ssh, dir, busPort, apiPort);
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
