// `debugtap up` with services on a throwaway VM: a real sshd, the real program.
import { writeFileSync } from "node:fs";
import type { Test } from "tap";
import { ThrowawaySshd } from "../../src/demo/throwaway-sshd.ts";
import { startRelay, type RelayProcess } from "./relay-process.ts";

export interface ServicePorts {
  readonly wire: "pydevd" | "dap";
  readonly dials?: number;
  readonly listens?: number;
  readonly ide: number;
  readonly match?: { readonly argv: string };
  readonly hold?: string;
  readonly source?: { readonly local: string; readonly remote: string };
  readonly reattach?: boolean;
}

export interface RelayOnVm extends RelayProcess {
  /** The trace's directory. */
  trace(): Promise<string>;
}

/** Ended with the test. Resolves when every service listens. */
export async function up(
  t: Test,
  services: Readonly<Record<string, ServicePorts>>,
  env: NodeJS.ProcessEnv = {},
  record: object = {},
  top: object = {},
): Promise<RelayOnVm> {
  const sshd = await ThrowawaySshd.start();
  t.teardown(() => sshd.stop());
  const dir = t.testdir({ traces: {} });
  const config = {
    hosts: { vm: { ssh: sshd.alias, ssh_config: sshd.sshConfig } },
    services: Object.fromEntries(Object.entries(services).map(([name, service]) => [name, { host: "vm", ...service }])),
    record: { dir: `${dir}/traces`, ...record },
    ...top,
  };
  writeFileSync(`${dir}/debugtap.yml`, JSON.stringify(config));
  const relay = startRelay(["up", "--config", `${dir}/debugtap.yml`], { XDG_STATE_HOME: `${dir}/state`, ...env });
  t.teardown(async () => {
    relay.kill("SIGKILL");
    await relay.exit;
  });
  await relay.listening(Object.keys(services));
  return { ...relay, trace: async () => (await relay.event("trace", ({ state }) => state === "open")).dir };
}

/** The end of a session, when it came. */
export function closed(relay: RelayProcess, name: string) {
  return relay.event("session", ({ session }) => session.name === name && session.state === "closed");
}
