// The services of the demo: what runs on the VM, where its breakpoints are, and the configuration that names them.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";

/** The Python that Debian's python3-pydevd and python3-debugpy belong to; the one on PATH may be another. */
export const python = "/usr/bin/python3";

export interface DemoService {
  readonly name: string;
  readonly wire: "pydevd" | "dap";
  readonly source: string;
  readonly breakpoint: Breakpoint;
  /** The port on the VM that it dials (pydevd) or listens on (dap). */
  readonly vmPort: number;
  readonly idePort: number;
  /** Sessions that it has once it is up: a forked worker has one of its own. */
  readonly sessions: number;
}

export interface Breakpoint {
  readonly line: number;
  readonly text: string;
}

/** Where the services find the queue, the API's port and the database. */
export interface Surroundings {
  readonly dir: string;
  readonly busPort: number;
  readonly apiPort: number;
}

/** In the order in which one request passes through them. Breakpoints are found by their text, so the sources may change. */
export async function planServices(sources: string, ports: readonly number[]): Promise<DemoService[]> {
  const plan = [
    { name: "cinder-api", wire: "pydevd", source: "api.py", stopAt: "self.bus.cast(", sessions: 2 },
    { name: "cinder-scheduler", wire: "pydevd", source: "scheduler.py", stopAt: "self.bus.cast(", sessions: 1 },
    { name: "cinder-volume", wire: "dap", source: "volume.py", stopAt: "self.driver.create_volume(", sessions: 1 },
  ] as const;
  return await Promise.all(
    plan.map(async ({ name, wire, source, stopAt, sessions }, index) => {
      const breakpoint = await findLine(join(sources, source), stopAt);
      const [vmPort = 0, idePort = 0] = ports.slice(2 * index);
      return { name, wire, source, breakpoint, vmPort, idePort, sessions };
    }),
  );
}

async function findLine(file: string, text: string): Promise<Breakpoint> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const index = lines.findIndex((line) => line.includes(text));
  if (index === -1) throw new DebugtapError("DT_INTERNAL", `${file} has no line with ${text}`);
  return { line: index + 1, text: lines[index]?.trim() ?? "" };
}

/** The debugtap.yml of the demo. */
export function configText(services: readonly DemoService[], sshConfig: string, traces: string): string {
  return [
    "hosts:",
    `  vm: { ssh: vm, ssh_config: ${sshConfig} }`,
    "services:",
    ...services.map(({ name, wire, vmPort, idePort }) => {
      const vm = wire === "pydevd" ? `dials: ${vmPort}` : `listens: ${vmPort}`;
      return `  ${name}: { host: vm, wire: ${wire}, ${vm}, ide: ${idePort} }`;
    }),
    "correlate: [\"context['request_id']\"]",
    "record:",
    `  dir: ${traces}`,
    "",
  ].join("\n");
}

/** The environment of one service: `NAME=value` words for a shell. */
export function environment(service: DemoService | undefined, { dir, busPort, apiPort }: Surroundings): string[] {
  const shared = [
    `BUS_PORT=${busPort}`,
    `API_PORT=${apiPort}`,
    `VOLUMES_DB=${dir}/volumes.db`,
    // Says no more than that pydevd cannot check the modules which are frozen into Python; nobody debugs those here.
    "PYDEVD_DISABLE_FILE_VALIDATION=1",
  ];
  if (service === undefined) return shared;
  const variable = service.wire === "pydevd" ? "DEBUGTAP_PYDEVD_PORT" : "DEBUGTAP_DEBUGPY_PORT";
  return [...shared, `${variable}=${service.vmPort}`];
}
