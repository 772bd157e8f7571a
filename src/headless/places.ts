// Where the breakpoints of a recording stand in the files of one service.
//
//   absolute path     as it is: a path here that `source` maps, or one of the service's machine
//   app/api.py        from this directory, if that is a file the service runs; else under the directories of `source`; else the files of
//                     the running process that end like it
//   cinder.volume     as cinder/volume.py or cinder/volume/__init__.py
//
// Rules
// - Lines that a text or a function stands for are found in the file of the service's machine; in the one here only where that has none.
// - What is found is kept; what is not is looked for again when a process of the service is known.
// - A name that several files have is the one that is imported by it, else all of them that have the text or the function, up to `mostFiles`.
import { resolve } from "node:path";
import { asDebugtapError, DebugtapError } from "../../protocol/errors.ts";
import type { BreakpointSpec } from "../../protocol/breakpoint-spec.ts";
import type { Place } from "../../protocol/breakpoint-where.ts";
import { PathMap } from "../../protocol/path-map.ts";
import type { ServiceConfig } from "../config.ts";
import { findFunction, findText, moduleFiles } from "../../protocol/breakpoint-place.ts";
import type { Placed } from "../../protocol/placed.ts";

const mostFiles = 5;
/** Of files that may have the text or the function. */
const mostLooked = 20;

/** What can be asked of the machine that a service runs on. */
export interface ServiceFiles {
  /** The text of a file there; undefined: there is none. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** The same of this machine. */
  readonly readHere: (path: string) => Promise<string | undefined>;
  /** The files that the process of the service may import, and the directories that it imports from. Rejects where there is no process. */
  readonly list: () => Promise<{ readonly files: readonly string[]; readonly roots: readonly string[] }>;
}

export interface PlacesOptions {
  readonly specs: readonly BreakpointSpec[];
  readonly files: (service: ServiceConfig) => ServiceFiles;
  readonly cwd: string;
  /** It has no place in this service. */
  readonly unplaced: (service: string, spec: number, why: string) => void;
}

export class Places {
  readonly #options: PlacesOptions;
  readonly #found = new Map<string, Map<number, readonly Placed[]>>();
  readonly #looking = new Map<string, Promise<readonly Placed[]>>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** The same objects each time. Never rejects. */
  of(service: ServiceConfig): Promise<readonly Placed[]> {
    const known = this.#looking.get(service.name) ?? this.#look(service);
    this.#looking.set(service.name, known);
    return known.finally(() => this.#looking.delete(service.name));
  }

  /** All its breakpoints have a place. */
  isComplete({ name }: ServiceConfig): boolean {
    const { specs } = this.#options;
    const found = this.#found.get(name);
    return specs.every(({ service = name }, i) => service !== name || found?.has(i) === true);
  }

  async #look(service: ServiceConfig): Promise<readonly Placed[]> {
    const { specs, unplaced } = this.#options;
    const found = this.#found.get(service.name) ?? new Map<number, readonly Placed[]>();
    this.#found.set(service.name, found);
    const files = listOnce(this.#options.files(service));
    for (const [i, spec] of specs.entries()) {
      if (found.has(i) || (spec.service !== undefined && spec.service !== service.name)) continue;
      try {
        found.set(i, await this.#place(service, files, spec, i));
      } catch (thrown) {
        unplaced(service.name, i, asDebugtapError(thrown).message);
      }
    }
    return [...found.values()].flat();
  }

  async #place(
    service: ServiceConfig,
    files: ServiceFiles,
    spec: BreakpointSpec,
    number: number,
  ): Promise<readonly Placed[]> {
    const { where, condition, hits, log } = spec;
    const clauses = {
      ...(condition === undefined ? {} : { condition }),
      ...(hits === undefined ? {} : { hits }),
      ...(log === undefined ? {} : { log }),
    };
    const map = new PathMap(service.source);
    const placed: Placed[] = [];
    let failure: unknown;
    for (const path of await this.#paths(service, files, where, map)) {
      try {
        const line = await this.#line(files, where, path, map);
        if (placed.length < mostFiles) placed.push({ spec: number, path, line, ...clauses });
      } catch (thrown) {
        failure ??= thrown;
      }
    }
    if (placed.length === 0 && failure !== undefined) throw failure;
    return placed;
  }

  async #paths(service: ServiceConfig, files: ServiceFiles, where: Place, map: PathMap): Promise<readonly string[]> {
    const names = where.kind === "function" ? moduleFiles(where.module) : [where.path];
    for (const name of names) {
      if (/^(?:\/|[A-Za-z]:[\\/])/.test(name)) return [name];
      const here = resolve(this.#options.cwd, name);
      const isRun = service.host === "local" || map.toRemote(here) !== undefined;
      const inRoots = service.source.map(({ local }) => resolve(local, name));
      for (const path of [...(isRun ? [here] : []), ...inRoots])
        if ((await files.readHere(path)) !== undefined) return [path];
    }
    const { files: all, roots } = await files.list();
    const ending = all.filter((path) => names.some((name) => path.endsWith(`/${name}`)));
    const imported = ending.filter((path) => roots.some((root) => names.some((name) => path === `${root}/${name}`)));
    if (imported.length > 0) return imported;
    if (ending.length === 0)
      throw new DebugtapError("DT_SPEC", `no file of ${service.name} ends in ${names.join(" or ")}`);
    return ending.slice(0, mostLooked);
  }

  async #line(files: ServiceFiles, where: Place, path: string, map: PathMap): Promise<number> {
    if (where.kind === "line") return where.line;
    const there = map.toRemote(path) ?? path;
    const text = (await files.read(there)) ?? (await files.readHere(path));
    if (text === undefined) throw new DebugtapError("DT_SPEC", `there is no file ${there}`);
    return where.kind === "text" ? findText(text, where.pattern, path) : findFunction(text, where.name, path);
  }
}

/** The list is long, and the same for all SPECs of one look. */
function listOnce(files: ServiceFiles): ServiceFiles {
  let listed: ReturnType<ServiceFiles["list"]> | undefined;
  return { ...files, list: () => (listed ??= files.list()) };
}
