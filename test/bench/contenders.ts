// Those who keep forwards to a VM alive: debugtap, and autossh as people run it. Each has a VM of its own.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { FaultyVm } from "../helpers/faulty-vm.ts";
import { startRelay, type RelayProcess } from "../helpers/relay-process.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { Program } from "./program.ts";

export const ways = ["-L", "-R"] as const;
export type Way = (typeof ways)[number];

export interface Contender {
  readonly name: string;
  readonly vm: FaultyVm;
  /** Where to connect for each way: -L here, -R on the VM. */
  readonly ports: Readonly<Record<Way, number>>;
  /** What debugtap says of its link: `[epoch ms, state]`; others say nothing. */
  states(): readonly (readonly [number, string])[];
  /** What somebody would do who finds that it does not come back by itself. */
  help(): Promise<void>;
  stop(): Promise<void>;
}

/** Both ways lead to `to`. */
export async function startDebugtap(to: number, remote: number): Promise<Contender> {
  const [local = 0, dials = 0] = await freePorts(2);
  const vm = await FaultyVm.start();
  const dir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const config = {
    hosts: { vm: { ssh: "vm", ssh_config: vm.sshConfig } },
    services: {
      forth: { host: "vm", wire: "raw", listens: to, ide: local },
      back: { host: "vm", wire: "raw", dials, ide: remote },
    },
    record: { enabled: false },
  };
  await writeFile(join(dir, "debugtap.yml"), stringify(config));
  const relay = startRelay(["up", "--config", join(dir, "debugtap.yml")], { XDG_STATE_HOME: dir });
  const stop = async (): Promise<void> => {
    relay.kill("SIGTERM");
    await relay.exit;
    await vm.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await relay.listening(["forth", "back"]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: "debugtap",
    vm,
    ports: { "-L": local, "-R": dials },
    states: () => hostStates(relay),
    help: async () => vm.signalLogins("SIGKILL"),
    stop,
  };
}

/** Undefined when it is not installed. */
export async function startAutossh(to: number): Promise<Contender | undefined> {
  const binary = (process.env["PATH"] ?? "").split(":").find((dir) => existsSync(join(dir, "autossh")));
  if (binary === undefined) return undefined;
  const [local = 0, remote = 0] = await freePorts(2);
  const vm = await FaultyVm.start();
  const options = ["ServerAliveInterval=1", "ServerAliveCountMax=2", "ExitOnForwardFailure=yes"];
  const forwards = ["-L", `${local}:127.0.0.1:${to}`, "-R", `${remote}:127.0.0.1:${to}`];
  const args = ["-M", "0", "-N", "-F", vm.sshConfig, ...options.flatMap((option) => ["-o", option]), ...forwards, "vm"];
  const start = (): Program => new Program("autossh", args, { AUTOSSH_GATETIME: "0" });
  let program = start();
  return {
    name: "autossh",
    vm,
    ports: { "-L": local, "-R": remote },
    states: () => [],
    // After a few failures in a row it waits for minutes.
    help: async () => {
      await program.stop();
      vm.signalLogins("SIGKILL");
      program = start();
    },
    stop: async () => {
      await program.stop();
      await vm.stop();
    },
  };
}

function hostStates({ events }: RelayProcess): (readonly [number, string])[] {
  return events.flatMap((event) => (event.type === "host" ? [[event.at, event.host.state] as const] : []));
}
