// The services that `restart` and `logs` are asked for, by host, each with how it is run.
import { DebugtapError } from "../../protocol/errors.ts";
import { loadConfig, type HostConfig, type ServiceConfig } from "../config.ts";
import type { RunConfig } from "../config-inject.ts";
import { selectServices } from "./services.ts";

export interface RunService {
  readonly service: ServiceConfig;
  readonly how: RunConfig;
}

export interface RunHost {
  readonly host: HostConfig;
  readonly services: readonly RunService[];
}

/** In the order of the command line. Rejects with DT_RUN_MISSING, DT_SERVICE_UNKNOWN, and as loadConfig. */
export async function runServices(
  names: readonly string[],
  file?: string,
): Promise<{ hosts: readonly RunHost[]; file: string }> {
  const config = await loadConfig(file);
  selectServices(config, names);
  const hosts = new Map<string, { host: HostConfig; services: RunService[] }>();
  for (const name of new Set(names)) {
    const service = config.services.find((each) => each.name === name);
    const host = config.hosts.find((each) => each.name === service?.host);
    if (service === undefined || host === undefined)
      throw new DebugtapError("DT_SERVICE_UNKNOWN", `${name} is no service`, {
        why: "it is a trigger",
        fix: "debugtap up",
      });
    if (service.run === undefined) {
      throw new DebugtapError("DT_RUN_MISSING", `${config.file ?? "debugtap.yml"} does not say how ${name} is run`, {
        why: "it needs one of `run: { unit: NAME }`, `{ screen: SESSION, tab: TITLE }`, `{ compose: SERVICE, dir: DIR }`, `{ restart: COMMAND }`",
        fix: `services: { ${name}: { run: { unit: ${name} } } }`,
      });
    }
    const entry = hosts.get(host.name) ?? { host, services: [] };
    entry.services.push({ service, how: service.run });
    hosts.set(host.name, entry);
  }
  return { hosts: [...hosts.values()], file: config.file ?? file ?? "debugtap.yml" };
}
