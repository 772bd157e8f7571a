// What this user's debugtap has put on hosts: $XDG_STATE_HOME/debugtap/injected.json, written by inject.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { member, parseJson } from "../../protocol/json.ts";
import { defaultParent } from "../trace/files.ts";

export interface Injected {
  /** Name of its folder on the host. */
  readonly id: string;
  /** In debugtap.yml. */
  readonly host: string;
}

/** None where there is no record, or one that cannot be read. */
export async function injectedHere(): Promise<Injected[]> {
  const file = join(dirname(defaultParent()), "injected.json");
  const entries = parseJson(await readFile(file).catch(() => new Uint8Array(0)));
  return (Array.isArray(entries) ? entries : []).flatMap((entry: unknown) => {
    const [id, host] = [member(entry, "id"), member(entry, "host", "name")];
    return typeof id === "string" && typeof host === "string" ? [{ id, host }] : [];
  });
}
