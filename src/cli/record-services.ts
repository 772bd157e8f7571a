// Which services `record` and `again` drive: those of a file, or the one of --attach; and their times.
import { DebugtapError } from "../../protocol/errors.ts";
import { loadConfig, parseConfig, parseHold, type Config } from "../config.ts";
import { endpoint, selectServices } from "./services.ts";

export interface ServiceFlags {
  readonly service?: readonly string[];
  readonly config?: string;
  readonly attach?: string;
  readonly wire?: "dap" | "pydevd";
}

/** `verb`: for the line that mends a wrong one. Rejects with DT_USAGE, and as loadConfig and selectServices. */
export async function servicesOf({ attach, wire, config, service = [] }: ServiceFlags, verb: string): Promise<Config> {
  if (attach === undefined) return selectServices(await loadConfig(config), service);
  if (wire === undefined)
    throw new DebugtapError("DT_USAGE", "--attach needs --wire", {
      fix: `debugtap ${verb} --attach ${attach} --wire dap`,
    });
  const { host, port } = endpoint("--attach", attach, verb);
  // The port of an IDE is not opened: there is none.
  const at = {
    address: host,
    ide: port === 1 ? 2 : port - 1,
    ...(wire === "dap" ? { listens: port } : { dials: port }),
  };
  const { file: _, ...made } = parseConfig(
    JSON.stringify({ services: { service: { wire, ...at } } }),
    "the command line",
  );
  return made;
}

/** Milliseconds of `30s`. Throws DT_USAGE. */
export function time(flag: string, text: string): number {
  const ms = /^\d/.test(text) ? parseHold(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new DebugtapError("DT_USAGE", `${flag} ${text} is no time`, { fix: `${flag} 30s` });
}
