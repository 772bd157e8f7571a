// Inject and eject on one host: look, plan, and do; and what the scripts there say, as results and errors.
//
// Rules
// - What was planned is done only if the host is still as it was seen; otherwise it is planned anew (`changed`).
// - The local record is written when the host has it.
import { readFile, readdir } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { HostConfig } from "../config.ts";
import type { ExecResult } from "../transport/remote-exec.ts";
import type { Run } from "../transport/process-lookup.ts";
import { surveyHost } from "../transport/survey.ts";
import { carrier, type Runnable } from "./carry.ts";
import { planChange, type Planned } from "./change.ts";
import { debugtapId, sharedFolder } from "./folder.ts";
import { lookAtHost, type Asked } from "./host-facts.ts";
import type { Lent } from "./lend.ts";
import { readManifest, type Manifest, type Touched } from "./manifest.ts";
import { planInject } from "./plan.ts";
import { isOf, readInjected, writeInjected } from "./record.ts";
import { applyScript, ejectScript, lostManifest } from "./scripts.ts";

const hookDir = fileURLToPath(new URL("../../../src/inject/hook/", import.meta.url));
/** A lent debugger over a slow connection. */
const applyTimeoutMs = 600_000;

/** What a script on the host has told, line by line. */
type Told = readonly (readonly [word: string, value: string])[];

export interface Target {
  /** debugtap.yml, absolute. */
  readonly config: string;
  readonly host: HostConfig;
}

/** Looks and plans; nothing is written. Rejects with DT_INJECT_*, and as `run`. */
export async function lookAndPlan(
  run: Run,
  { config, host }: Target,
  services: readonly Runnable[],
  lent: Lent | undefined,
): Promise<Planned> {
  const id = debugtapId(config);
  const by = `${userInfo().username}@${hostname()}:${dirname(config)}`;
  const survey = await surveyHost(run);
  const ofKind = <K extends Runnable["run"]["kind"]>(kind: K) =>
    services.filter(
      (each): each is Runnable & { run: Extract<Runnable["run"], { kind: K }> } => each.run.kind === kind,
    );
  const units = ofKind("unit");
  const composed = ofKind("compose");
  const carriers = services.filter((service) => carrier(service.run, id) !== undefined);
  const asked: Asked = {
    id,
    units: units.map(({ run }) => ({ unit: run.unit, user: run.user })),
    files: carriers.map(({ run }) => carrier(run, id) ?? ""),
    composed: composed.map(({ run }) => ({ dir: run.dir, service: run.service })),
    bytes: sizeOf(lent),
  };
  const facts = await lookAtHost(run, asked);
  if (facts.base === undefined) throw noPlace(host, facts.barred.join("; "));
  const known = (await readInjected()).find((entry) => isOf(entry, id, host));
  return planInject({
    id,
    by,
    made: known?.made ?? [],
    services,
    survey,
    facts,
    unitOf: ({ name }) => facts.units[units.findIndex((each) => each.name === name)],
    fileOf: ({ name }) => facts.files[carriers.findIndex((each) => each.name === name)],
    composePathOf: ({ name }) => facts.composePaths[composed.findIndex((each) => each.name === name)],
    hook: await hookFiles(),
    lend: (service, python) => lent ?? nothingToLend(service, python),
  });
}

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

/** Resolves to false if the host is not as it was seen any more. Rejects with DT_INJECT_*, DT_SUDO_NEEDED, and as `run`. */
export async function apply(run: Run, { config, host }: Target, { change, archive }: Planned): Promise<Told | false> {
  // Before: what is cut off is to be found again, too.
  await remember(config, host, change.manifest, change.undo);
  const script = Buffer.from(applyScript(change));
  const result = await run(`exec sh -c 'read -r n; script=$(dd bs=1 count="$n" 2>/dev/null); eval "$script"'`, {
    input: Buffer.concat([Buffer.from(`${script.length}\n`), script, archive()]),
    timeoutMs: applyTimeoutMs,
  });
  const told = toldBy(result);
  if (told.some(([word, value]) => word === "fail" && value.startsWith("changed "))) return false;
  check(told, result, host, change.manifest);
  await remember(config, host, change.manifest, []);
  return told;
}

async function remember(config: string, host: HostConfig, manifest: Manifest, more: readonly Touched[]): Promise<void> {
  const { id, folder, made, services, files, reload } = manifest;
  const { name, ssh, sshConfig } = host;
  await writeInjected(id, host, {
    id,
    config,
    host: { name, ...(ssh === undefined ? {} : { ssh }), ...(sshConfig === undefined ? {} : { sshConfig }) },
    folder,
    made,
    services: Object.keys(services),
    files: [...files, ...more].map(({ path, sudo }) => ({ path, sudo })),
    reload: [...reload],
  });
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
  check(told, result, host, manifest);
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

function toldBy({ stdout }: ExecResult): Told {
  return stdout.split("\n").flatMap((line) => {
    const at = line.indexOf("\t");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
}

function check(told: Told, { code, stderr }: ExecResult, host: HostConfig, manifest: Manifest): void {
  const kept = told.filter(([word]) => word === "kept").map(([, path]) => path);
  if (kept.length > 0) {
    const [first = ""] = kept;
    throw new DebugtapError("DT_EJECT_CHANGED", `${kept.join(", ")} cannot be put back: changed since inject`, {
      why: `the lines of debugtap cannot be told in it any more; it was left as it is, what it was is in ${manifest.folder}/kept`,
      fix: onHost(host, `grep -n -e debugtap ${shellQuote(first)}`),
    });
  }
  if (told.some(([word]) => word === "done")) return;
  const [failure = "", ...words] = (told.find(([word]) => word === "fail")?.[1] ?? "").split(" ");
  const why = words.join(" ");
  if (failure === "busy") {
    throw new DebugtapError("DT_INJECT_BUSY", `another inject or eject is at work on ${host.name}`, {
      why: `${why} there has not ended in a minute`,
      fix: onHost(host, `ps -fp ${why.replace(/\D/g, "")}`),
    });
  }
  if (failure === "sudo") throw noSudo(host, why, manifest.folder);
  if (failure === "place") throw noPlace(host, why);
  throw new DebugtapError("DT_INJECT_FAILED", `a step failed on ${host.name}${why === "" ? "" : `: ${why}`}`, {
    why: stderr.trim().slice(-500) || `the script ended with ${code ?? "a signal"}`,
    fix: onHost(host, `sh ${manifest.folder}/eject.sh`),
  });
}

function onHost({ ssh, sshConfig }: HostConfig, command: string): string {
  const how = sshConfig === undefined ? "" : `-F ${shellQuote(sshConfig)} `;
  return ssh === undefined ? command : `ssh ${how}${shellQuote(ssh)} ${shellQuote(command)}`;
}

function noPlace(host: HostConfig, why: string): DebugtapError {
  return new DebugtapError("DT_INJECT_PLACE", `nothing can be written on ${host.name}`, {
    why: why === "" ? "neither the home directory nor /var/tmp or /tmp takes files" : why,
    fix: onHost(host, "df -h ~ /var/tmp /tmp; ls -ld ~ ~/.cache"),
  });
}

function noSudo(host: HostConfig, files: string, folder: string): DebugtapError {
  const rule = `echo "$(id -un) ALL=(root) NOPASSWD: ALL" | sudo tee /etc/sudoers.d/debugtap-inject`;
  const ssh = onHost(host, rule).replace(/^ssh /, "ssh -t ");
  return new DebugtapError("DT_SUDO_NEEDED", `root is needed on ${host.name}, and sudo asks for a password there`, {
    why: `nothing was changed; needed for ${files === "" ? "" : `${files} and `}/var/lib/debugtap/${folder.slice(-10)}, and systemctl daemon-reload`,
    fix: ssh,
  });
}

function nothingToLend(service: string, python: string): never {
  throw new DebugtapError("DT_INJECT_DEBUGGER", `the Python of ${service} has no debugger, and there is none to lend`, {
    why: `${python} cannot import debugpy, and this machine has no package of it; nothing is fetched without being told`,
    fix: "python3 -m pip download --no-deps debugpy && debugtap inject --lend debugpy-*.whl",
  });
}

async function hookFiles(): Promise<Map<string, Buffer>> {
  const names = (await readdir(hookDir)).filter((name) => name.endsWith(".py")).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(hookDir, name))] as const)));
}

function sizeOf(lent: Lent | undefined): number {
  return [...(lent?.files.values() ?? [])].reduce((sum, { length }) => sum + length, 0);
}
