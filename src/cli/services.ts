// What verbs say about services on the command line: their names, and an address for one that has no file.
import { DebugtapError } from "../../protocol/errors.ts";
import type { Config } from "../config.ts";
import { suggest } from "../suggest.ts";

/**
 * The configuration with only the named services and triggers, all when none is named. Where no trigger is named, those stay whose host
 * runs one of the services. DT_SERVICE_UNKNOWN for a name that it does not have.
 */
export function selectServices(config: Config, names: readonly string[]): Config {
  const known = [...config.services, ...config.triggers].map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = suggest(name, known);
    throw new DebugtapError(
      "DT_SERVICE_UNKNOWN",
      `there is no service ${name} in ${config.file ?? "the configuration"}`,
      {
        why: `its services${config.triggers.length > 0 ? " and triggers" : ""} are ${known.join(", ")}`,
        fix: meant === undefined ? "debugtap up" : `debugtap up ${meant}`,
      },
    );
  }
  if (names.length === 0) return config;
  const services = config.services.filter(({ name }) => names.includes(name));
  const named = config.triggers.filter(({ name }) => names.includes(name));
  const beside = config.triggers.filter(({ host }) => services.some((service) => service.host === host));
  return { ...config, services, triggers: named.length > 0 ? named : beside };
}

/** What --board says; undefined: there is to be none. Throws DT_USAGE. */
export function boardPortOf(flag: string | boolean, usual: number): number | undefined {
  if (typeof flag === "boolean") return flag ? usual : undefined;
  if (/^\d{1,5}$/.test(flag) && Number(flag) <= 65_535) return Number(flag);
  throw new DebugtapError("DT_USAGE", `--board ${flag} is not a port`, {
    why: "it is a port from 1 to 65535, or 0 for any",
    fix: "--board 5700",
  });
}

/** `5678`, `host:5678` or `[::1]:5678`. */
export function endpoint(flag: string, text: string, verb: string): { host: string; port: number } {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port < 1 || port > 65535) {
    throw new DebugtapError("DT_USAGE", `${flag} ${text} is not a port`, {
      why: "it is a port from 1 to 65535, with or without a host before it",
      fix: `debugtap ${verb} ${flag} 5678`,
    });
  }
  return { host: parts[1] ?? parts[2] ?? "127.0.0.1", port };
}
