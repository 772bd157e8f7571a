// debugtap as people run it: the real program with a configuration file, in a process of its own.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { findBoards } from "../../src/control/board-file.ts";
import type { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { Program } from "./program.ts";

const debugtap = fileURLToPath(new URL("../../../bin/debugtap.js", import.meta.url));

export interface RelayPlan {
  /** Absent: every service runs here. */
  readonly sshd?: ThrowawaySshd;
  /** Whether it records, or what of `record:` else. */
  readonly record: boolean | object;
  /** As in debugtap.yml; the VM is the host `vm`. */
  readonly services: Readonly<Record<string, unknown>>;
}

export interface RunningRelay {
  readonly pid: number;
  /** Throws when it has ended. */
  check(): void;
  /** Of its page, with the token. */
  board(): Promise<string>;
  stop(): Promise<void>;
}

export async function startRelay({ sshd, record, services }: RelayPlan): Promise<RunningRelay> {
  const dir = await mkdtemp(join(tmpdir(), "debugtap-bench-"));
  const config = join(dir, "debugtap.yml");
  const hosts = sshd === undefined ? {} : { hosts: { vm: { ssh: sshd.alias, ssh_config: sshd.sshConfig } } };
  const recorded = typeof record === "boolean" ? { enabled: record } : record;
  await writeFile(config, stringify({ ...hosts, services, record: { ...recorded, dir: join(dir, "traces") } }));
  const nodeOptions = process.env["DEBUGTAP_BENCH_NODE"]?.split(" ") ?? [];
  const args = [...nodeOptions, debugtap, "up", "--config", config, "--json"];
  const program = new Program(process.execPath, args, { XDG_RUNTIME_DIR: dir });
  return {
    pid: program.pid,
    check: () => program.check(),
    board: async () => {
      for (;;) {
        const [found] = await findBoards(join(dir, "debugtap"));
        if (found !== undefined) return found.address;
        program.check();
        await pause(20);
      }
    },
    stop: async () => {
      await program.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
