// From what is injected now to what is to be: which files outside of the folder change, and the manifest that can undo it.
//
// Rules
// - A file that has our lines already is told by its hash or its markers: what it was before stays what it was.
// - A file that no service needs any more becomes what it was; one that several need has the lines of all.
import { createHash } from "node:crypto";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { planned, type PlannedFile } from "../init/files.ts";
import { archive, type Entry } from "./archive.ts";
import { hasBlock, otherBlocks, withBlock, withoutBlock } from "./block.ts";
import type { FileFacts, HostFacts } from "./host-facts.ts";
import { manifestText, type Carried, type Manifest, type Touched } from "./manifest.ts";
import { ejectScript, type Change, type StateDir } from "./scripts.ts";
import { sharedFolder } from "./folder.ts";

export interface Wanted {
  readonly id: string;
  readonly by: string;
  readonly base: string;
  /** Directories that an earlier one has made for it, as far as this machine knows. */
  readonly made: Manifest["made"];
  /** All services of this debugtap on the host. */
  readonly services: Readonly<Record<string, Carried>>;
  /** What is to lie in the folder, and in root's, of those that change. */
  readonly folder: ReadonlyMap<string, Entry>;
  readonly shared: ReadonlyMap<string, Entry>;
  readonly state: readonly StateDir[];
}

export interface Planned {
  readonly change: Change;
  /** Reads as {@link applyScript} says. */
  readonly archive: () => Buffer;
  /** With texts as a person reads them. */
  readonly files: readonly (PlannedFile & { readonly sudo: boolean })[];
  readonly notes: readonly string[];
  /** False: all is as it is to be. */
  readonly isNeeded: boolean;
}

/** Throws DT_INJECT_FILE. */
export function planChange(wanted: Wanted, facts: HostFacts): Planned {
  const { id, by, base, services } = wanted;
  const old = facts.manifest;
  const shared = Object.values(services).some(({ root }) => root === sharedFolder(id)) ? sharedFolder(id) : null;
  const notes: string[] = [];
  const files: Touched[] = [];
  const writes: (Change["writes"][number] & { readonly bytes: string })[] = [];
  const shown: (PlannedFile & { readonly sudo: boolean })[] = [];
  for (const [path, carried] of byPath(services)) {
    const was = old?.files.find((each) => each.path === path);
    const there = facts.files.find((each) => each.path === path);
    if (there === undefined) {
      if (was !== undefined) files.push(was);
      continue;
    }
    const after = nextText(there, carried, id, notes);
    if (was !== undefined && after === there.bytes) {
      files.push({ ...was, services: carried.names });
      continue;
    }
    const touched = {
      path,
      sudo: carried.sudo,
      services: carried.names,
      before: beforeOf(there, was, id),
      after: { sha256: sha256(after) },
    };
    files.push(touched);
    if (after === there.bytes) continue;
    const isOwn = !carried.sudo;
    writes.push({
      path,
      sudo: carried.sudo,
      mode: there.bytes === null ? (carried.kind === "command" ? "600" : "644") : there.mode,
      owner: there.bytes === null ? (isOwn ? facts.owner : "0:0") : there.owner,
      seen: there.bytes === null ? null : sha256(there.bytes),
      bytes: after,
    });
    shown.push({ ...planned(path, readable(there.bytes ?? ""), readable(after)), sudo: carried.sudo });
  }
  const undo = (old?.files ?? []).filter(({ path }) => !files.some((file) => file.path === path));
  const reload = reloads(services);
  const folder = `${base}/${id}`;
  const made = madeFor(files, facts, [...wanted.made, ...(old?.made ?? [])]);
  const manifest: Manifest = { version: 1, id, by, folder, shared, made, services, files, reload };
  const text = manifestText(manifest);
  const gone = Object.keys(old?.services ?? {}).filter((name) => !(name in services));
  const isUnit = ({ path }: { path: string }): boolean => path.endsWith(`/zz-debugtap-${id}.conf`);
  const change: Change = {
    base,
    manifest,
    seen: facts.manifestBytes === undefined ? null : sha256(facts.manifestBytes),
    writes,
    undo,
    state: wanted.state,
    gone,
    reload: [...writes, ...undo].some((file) => isUnit(file)) ? [...new Set([...reload, ...(old?.reload ?? [])])] : [],
    dropShared: shared === null && old?.shared !== undefined && old.shared !== null,
  };
  const isThere =
    hasAll(wanted.folder, facts.tree, ["hook", "lent"]) && hasAll(wanted.shared, facts.sharedTree, ["hook", "lent"]);
  return {
    change,
    archive: () =>
      archive(
        new Map<string, Entry>([
          ["manifest.json", Buffer.from(text)],
          ["eject.sh", Buffer.from(ejectScript(base, manifest))],
          ...[...wanted.folder].map(([path, entry]) => [`folder/${path}`, entry] as const),
          ...[...wanted.shared].map(([path, entry]) => [`shared/${path}`, entry] as const),
          ...writes.map(({ bytes }, index) => [`files/${index}`, Buffer.from(bytes, "latin1")] as const),
          ["end", Buffer.alloc(0)],
        ]),
      ),
    files: shown,
    notes,
    isNeeded:
      !isThere ||
      writes.length > 0 ||
      undo.length > 0 ||
      Buffer.from(facts.manifestBytes ?? "", "latin1").toString("utf8") !== text,
  };
}

interface OfPath {
  readonly sudo: boolean;
  readonly kind: Carried["kind"];
  readonly names: string[];
  readonly lines: string[];
}

function byPath(services: Readonly<Record<string, Carried>>): Map<string, OfPath> {
  const all = new Map<string, OfPath>();
  for (const [name, { carry, kind }] of Object.entries(services).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (carry === null) continue;
    const known = all.get(carry.path);
    if (known === undefined) {
      all.set(carry.path, { sudo: carry.sudo, kind, names: [name], lines: [...carry.head, ...carry.lines] });
    } else if (kind === "compose" && known.kind === kind) {
      known.names.push(name);
      known.lines.push(...carry.lines);
    } else {
      throw new DebugtapError("DT_INJECT_FILE", `${known.names[0]} and ${name} have their variables from one file`, {
        why: `${carry.path} can name one debugger only`,
        fix: `env_file: ${carry.path}.${name}   # in debugtap.yml, at ${name}, and where it is started`,
      });
    }
  }
  return all;
}

/** Bytes as in {@link FileFacts}. */
function nextText(there: FileFacts, { lines, kind }: OfPath, id: string, notes: string[]): string {
  const { path, bytes, unusable } = there;
  if (unusable !== undefined) {
    throw new DebugtapError("DT_INJECT_FILE", `${path} cannot be changed`, {
      why: unusable,
      fix: `ls -l ${shellQuote(path)}`,
    });
  }
  const others = otherBlocks(bytes ?? "", id);
  if (kind === "compose" && bytes !== null && (others.length > 0 || !hasBlock(bytes, id))) {
    throw new DebugtapError("DT_INJECT_FILE", `${path} is there, and not of this debugtap`, {
      why: others.length > 0 ? `it is of the debugtap ${others.join(", ")}` : "it has no lines of debugtap's",
      fix:
        others.length > 0
          ? `sh ~/.cache/debugtap/${others[0]}/eject.sh`
          : `mv ${shellQuote(path)} ${shellQuote(`${path}.mine`)}`,
    });
  }
  for (const other of others)
    notes.push(
      `${path} has lines of the debugtap ${other} too: those at its end count, and either can be ejected first`,
    );
  return withBlock(
    bytes,
    id,
    lines.map((line) => Buffer.from(line, "utf8").toString("latin1")),
  );
}

function beforeOf({ bytes, mode, owner }: FileFacts, was: Touched | undefined, id: string): Touched["before"] {
  if (bytes === null) return null;
  if (was !== undefined && sha256(bytes) === was.after.sha256) return was.before;
  const before = withoutBlock(bytes, id);
  if (before === null) return null;
  return { sha256: sha256(before), text: Buffer.from(before, "latin1").toString("base64"), mode, owner };
}

/** The outermost first. */
function madeFor(files: readonly Touched[], facts: HostFacts, before: Manifest["made"]): Manifest["made"] {
  const around = facts.files.flatMap(({ path, missing }) => {
    const sudo = files.find((each) => each.path === path)?.sudo;
    return sudo === undefined ? [] : missing.map((dir) => ({ path: dir, sudo }));
  });
  const all = [...before, ...facts.missing.map((path) => ({ path, sudo: false })), ...around];
  return [...new Map(all.map((each) => [each.path, each])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function reloads(services: Readonly<Record<string, Carried>>): Manifest["reload"] {
  const units = Object.values(services).filter(({ kind }) => kind === "unit");
  return [
    ...(units.some(({ carry }) => carry?.sudo === true) ? (["system"] as const) : []),
    ...(units.some(({ carry }) => carry?.sudo === false) ? (["user"] as const) : []),
  ];
}

/** Whether each entry is there, and nothing else in the directories that are replaced as a whole. */
function hasAll(entries: ReadonlyMap<string, Entry>, tree: ReadonlyMap<string, string>, whole: string[]): boolean {
  const files = [...entries].filter((pair): pair is [string, Buffer] => Buffer.isBuffer(pair[1]));
  const isReplaced = whole.filter((dir) => files.some(([path]) => path.startsWith(`${dir}/`)));
  return (
    files.every(([path, bytes]) => tree.get(path) === sha256(bytes)) &&
    [...tree.keys()].every((path) => entries.has(path) || !isReplaced.some((dir) => path.startsWith(`${dir}/`)))
  );
}

function readable(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

function sha256(bytes: string | Buffer): string {
  return createHash("sha256")
    .update(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
    .digest("hex");
}
