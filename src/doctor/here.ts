// Looks at this machine. Nothing is written but an empty folder in the state directory, which is removed at once.
import { access, mkdtemp, rmdir, stat, statfs } from "node:fs/promises";
import { constants } from "node:fs";
import { dirname, join } from "node:path";
import { asDebugtapError, type DebugtapError } from "../../protocol/errors.ts";
import { loadConfig, type Config } from "../config.ts";
import { findRelays } from "../control/client.ts";
import { debugtapId } from "../inject/folder.ts";
import { readInjected } from "../inject/record.ts";
import { defaultParent } from "../trace/files.ts";
import { portOwner } from "../transport/port-owner.ts";
import { meets } from "../transport/listeners.ts";
import { listenersHere } from "../transport/survey.ts";
import type { FactsHere, PortHere } from "./facts.ts";

export async function lookHere(file: string | undefined): Promise<FactsHere> {
  const read = await loadConfig(file).catch((error: unknown) => asDebugtapError(error));
  const config = isConfig(read) ? read : undefined;
  const traceDir = config?.record.dir ?? defaultParent();
  const stateDir = dirname(defaultParent());
  const stateError = await whyNotWritable(stateDir);
  const free = await freeBytes(traceDir);
  const relays = (await findRelays().catch(() => [])).flatMap(({ view }) => (view === undefined ? [] : [view]));
  return {
    node: process.versions.node,
    ...(config === undefined ? {} : { config }),
    ...(isConfig(read) ? {} : { configError: read }),
    stateDir,
    ...(stateError === undefined ? {} : { stateError }),
    traceDir,
    ...(free === undefined ? {} : { free }),
    ports: config === undefined ? [] : await portsOf(config),
    relays,
    injected: await readInjected(),
    ...(config?.file === undefined ? {} : { ownId: debugtapId(config.file) }),
  };
}

function isConfig(read: Config | DebugtapError): read is Config {
  return "services" in read;
}

async function portsOf({ services, triggers }: Config): Promise<PortHere[]> {
  const wanted = [
    ...services.map(({ name, ide, bind, dials, hold }) => ({
      port: ide,
      bind,
      of: name,
      opens: dials === undefined ? ("debugtap" as const) : ("ide" as const),
      hold,
    })),
    ...triggers.map(({ name, listen }) => ({
      port: listen,
      bind: "127.0.0.1",
      of: name,
      opens: "debugtap" as const,
      hold: 0,
    })),
  ];
  const listening = await listenersHere();
  return await Promise.all(
    wanted.map(async (each) => {
      const own = listening.filter(({ port }) => port === each.port);
      const isHeld = own.some(({ address }) => meets(address, each.bind));
      const owner = isHeld ? await portOwner(each.port) : undefined;
      const elsewhere = isHeld ? undefined : own[0]?.address;
      return {
        ...each,
        listening: isHeld,
        ...(elsewhere === undefined ? {} : { elsewhere }),
        ...(owner === undefined ? {} : { owner }),
      };
    }),
  );
}

/** By doing it, in the nearest directory that is there: modes do not tell of read-only disks, nor do they bind root. */
async function whyNotWritable(dir: string): Promise<string | undefined> {
  try {
    const there = await nearest(dir);
    if (there !== dir) return await access(there, constants.W_OK).then(() => undefined);
    await rmdir(await mkdtemp(join(dir, ".doctor-")));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function freeBytes(dir: string): Promise<number | undefined> {
  const facts = await nearest(dir)
    .then(statfs)
    .catch(() => undefined);
  return facts === undefined ? undefined : Number(facts.bavail) * Number(facts.bsize);
}

/** The directory, or what is there above it. Rejects where that is a file. */
async function nearest(dir: string): Promise<string> {
  for (let at = dir; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found?.isDirectory() === true) return at;
    if (found !== undefined) throw new Error(`${at} is not a directory`);
    if (dirname(at) === at) return at;
  }
}
