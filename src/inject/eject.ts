// Eject on one host: of some services, or of all.
//
// Rules
// - The manifest on the host says what is to be put back; where it is lost, the local record says where our lines are.
// - Nothing that is there is no error.
import { dirname } from "node:path";
import { shellQuote } from "../../protocol/shell.ts";
import type { Run } from "../transport/process-lookup.ts";
import { planChange, type Planned } from "./change.ts";
import { debugtapId, sharedFolder } from "./folder.ts";
import { lookAtHost } from "./host-facts.ts";
import type { Target } from "./inject.ts";
import { lostManifest } from "./lost.ts";
import { readManifest, type Manifest } from "./manifest.ts";
import { check, toldBy, type Told } from "./outcome.ts";
import { isOf, readInjected, writeInjected } from "./record.ts";
import { ejectScript } from "./scripts.ts";

/**
 * What is left when these services are taken away. Undefined: nothing, and {@link eject} is to be used; `other`: none of them is
 * there. Rejects as {@link lookAndPlan}.
 */
export async function planEject(
  run: Run,
  { config }: Target,
  names: readonly string[],
): Promise<Planned | "other" | undefined> {
  const id = debugtapId(config);
  const { manifest } = await readManifest(run, id);
  if (manifest === undefined) return undefined;
  if (!names.some((name) => name in manifest.services)) return "other";
  const left = Object.fromEntries(Object.entries(manifest.services).filter(([name]) => !names.includes(name)));
  if (Object.keys(left).length === 0) return undefined;
  const files = manifest.files.filter(({ services }) => services.some((name) => name in left)).map(({ path }) => path);
  const facts = await lookAtHost(run, { id, units: [], files, composed: [], bytes: 0 });
  const wanted = { id, by: manifest.by, base: dirname(manifest.folder), made: [], services: left };
  return planChange({ ...wanted, folder: new Map(), shared: new Map(), state: [] }, facts);
}

export interface Ejected {
  /** Undefined: nothing was there. */
  readonly folder?: string;
  readonly files: readonly {
    readonly path: string;
    /** `stripped`: changed meanwhile, our lines were taken out. `foreign`: nothing of ours is in it any more. `kept`: left. */
    readonly state: "restored" | "same" | "gone" | "stripped" | "foreign" | "kept";
  }[];
  /** Processes that still have the hook in them. */
  readonly running: readonly { readonly service: string; readonly pid: number }[];
  readonly notes: readonly string[];
}

/** Takes all of this debugtap back from a host. Rejects with DT_EJECT_CHANGED, DT_INJECT_*, DT_SUDO_NEEDED, and as `run`. */
export async function eject(run: Run, target: Pick<Target, "host"> & { readonly id: string }): Promise<Ejected> {
  const { id, host } = target;
  const found = await readManifest(run, id);
  const known = (await readInjected()).find((entry) => isOf(entry, id, host));
  const nothing: Ejected = { files: [], running: [], notes: [] };
  const folder = found.folder ?? known?.folder ?? (found.empty === undefined ? undefined : `${found.empty}/${id}`);
  if (folder === undefined) return nothing;
  const manifest =
    found.manifest ??
    lostManifest({
      id,
      by: "a debugtap whose manifest is lost",
      folder,
      made: known?.made ?? [],
      shared: known?.files.some(({ sudo }) => sudo) === true ? sharedFolder(id) : null,
      reload: known?.reload ?? [],
      files: known?.files ?? [],
    });
  if (found.folder === undefined && found.empty === undefined && !(await isAnythingLeft(run, manifest))) {
    await writeInjected(id, host, undefined);
    return { ...nothing, notes: ["the host has nothing of it: it was set up anew, or its files were removed"] };
  }
  const script = ejectScript(dirname(folder), manifest);
  const result = await run(`exec sh -c 'eval "$(cat)"'`, { input: Buffer.from(script), timeoutMs: 120_000 });
  const told = toldBy(result);
  check(
    told,
    result,
    host,
    manifest,
    found.manifest === undefined ? undefined : `sh ${shellQuote(`${folder}/eject.sh`)}`,
  );
  await writeInjected(id, host, undefined);
  return { ...(found.folder === undefined ? {} : { folder }), ...ejectedOf(told) };
}

export function ejectedOf(told: Told): Pick<Ejected, "files" | "running" | "notes"> {
  const states = ["restored", "same", "gone", "stripped", "foreign", "kept"] as const;
  return {
    files: told.flatMap(([word, path]) => {
      const state = states.find((each) => each === word);
      return state === undefined ? [] : [{ path, state }];
    }),
    running: told.flatMap(([word, value]) => {
      const [service = "", pid = ""] = value.split(" ");
      return word === "running" ? [{ service, pid: Number(pid) }] : [];
    }),
    notes: told.flatMap(([word, value]) => (word === "note" ? [value] : [])),
  };
}

/** Takes empty directories away that an eject which was cut off has left. */
async function isAnythingLeft(run: Run, { files, shared, made }: Manifest): Promise<boolean> {
  const paths = [...files.map(({ path }) => path), ...(shared === null ? [] : [shared])];
  const tests = paths.map((path) => `[ -e ${shellQuote(path)} ]`).join(" || ");
  const dirs = made.toReversed().map(({ path }) => `rmdir ${shellQuote(path)} 2>/dev/null`);
  const script = [...dirs, tests === "" ? "false" : tests].join("\n");
  const { code } = await run(`exec sh -c 'eval "$(cat)"'`, { input: Buffer.from(script) });
  return code === 0;
}
