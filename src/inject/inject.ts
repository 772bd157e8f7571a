// Inject on one host: look, plan, and do.
//
// Rules
// - What was planned is done only if the host is still as it was seen; otherwise it is planned anew (`changed`).
// - The local record is written before the host is: what is cut off is found again.
import { readFile, readdir } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DebugtapError } from "../../protocol/errors.ts";
import type { HostConfig } from "../config.ts";
import type { Run } from "../transport/process-lookup.ts";
import { surveyHost } from "../transport/survey.ts";
import { carrier, type Runnable } from "./carry.ts";
import type { Planned } from "./change.ts";
import { debugtapId } from "./folder.ts";
import { lookAtHost, type Asked } from "./host-facts.ts";
import type { Lent } from "./lend.ts";
import type { Manifest, Touched } from "./manifest.ts";
import { check, noPlace, toldBy, type Told } from "./outcome.ts";
import { planInject } from "./plan.ts";
import { isOf, readInjected, writeInjected } from "./record.ts";
import { applyScript } from "./scripts.ts";

const hookDir = fileURLToPath(new URL("../../../src/inject/hook/", import.meta.url));
/** A lent debugger over a slow connection. */
const applyTimeoutMs = 600_000;

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

/** Resolves to false if the host is not as it was seen any more. Rejects with DT_INJECT_*, DT_SUDO_NEEDED, and as `run`. */
export async function apply(run: Run, { config, host }: Target, { change, archive }: Planned): Promise<Told | false> {
  const before = (await readInjected()).find((entry) => isOf(entry, change.manifest.id, host));
  await remember(config, host, change.manifest, change.undo);
  const script = Buffer.from(applyScript(change));
  const result = await run(`exec sh -c 'read -r n; script=$(dd bs=1 count="$n" 2>/dev/null); eval "$script"'`, {
    input: Buffer.concat([Buffer.from(`${script.length}\n`), script, archive()]),
    timeoutMs: applyTimeoutMs,
  });
  const told = toldBy(result);
  const failed = (why: string): boolean => told.some(([word, value]) => word === "fail" && value.startsWith(`${why} `));
  if (failed("changed")) return false;
  if (failed("sudo")) await writeInjected(change.manifest.id, host, before);
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
