// debugpy for a host that has none: from a wheel, a directory, or the system package of this machine. Never from the network.
//
// Rules
// - Only Python goes along: what is compiled is for one Python on one kind of machine, and pydevd does without.
// - Debian's debugpy has its pydevd by links to a package of its own, and that needs `bytecode`; elsewhere both are inside.
import { readFile, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DebugtapError } from "../../protocol/errors.ts";
import { wheelFiles } from "./archive.ts";

export interface Lent {
  /** Where it is from. */
  readonly from: string;
  /** By path below `lent/`. */
  readonly files: ReadonlyMap<string, Buffer>;
}

const systemPackages = "/usr/lib/python3/dist-packages";
const besides = /^(?:debugpy|bytecode|_?pydev.*|setup_pydevd_cython\.py)$/;
const inside = "debugpy/_vendored/pydevd/";
const compiled = /\.(?:so|pyd|dll|dylib|pyc|c|cpp|pyx|pxd|h|exe|pdb)$/;
const unwanted = /(?:^|\/)(?:__pycache__|tests?|[^/]+\.dist-info|[^/]+\.egg-info)\//;

/** Of `path`, or of the system; undefined where the system has none. Throws DT_FILE_UNREADABLE. */
export async function lend(path: string | undefined): Promise<Lent | undefined> {
  const from = path === undefined ? systemPackages : resolve(path);
  if (path !== undefined && path.endsWith(".whl")) {
    return checked(from, wheelFiles(await readFile(from).catch((cause: unknown) => cannot(from, cause)), from));
  }
  const isThere = (await stat(join(from, "debugpy")).catch(() => undefined))?.isDirectory() === true;
  if (!isThere && path === undefined) return undefined;
  const files = new Map<string, Buffer>();
  const names = isThere ? (await readdir(from)).filter((name) => besides.test(name)) : [];
  for (const name of names) await collect(from, name, files);
  return checked(from, files);
}

function checked(from: string, all: ReadonlyMap<string, Buffer>): Lent {
  const isWhole = all.has(`${inside}pydevd.py`);
  const isWanted = (name: string): boolean =>
    !compiled.test(name) && !unwanted.test(name) && (!isWhole || /^(?:debugpy|bytecode)\//.test(name));
  const files = new Map([...all].filter(([name]) => isWanted(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
  const hasPydevd = [...files.keys()].some((name) => /(?:^|\/)pydevd\.py$/.test(name));
  if (files.has("debugpy/__init__.py") && hasPydevd) return { from, files };
  throw new DebugtapError("DT_FILE_UNREADABLE", `${from} has no debugpy`, {
    why: files.has("debugpy/__init__.py")
      ? "there is no pydevd.py in it or beside it"
      : "a wheel of debugpy, or a directory with `debugpy/` in it, is wanted",
    fix: "python3 -m pip download --no-deps debugpy",
  });
}

async function collect(root: string, name: string, files: Map<string, Buffer>): Promise<void> {
  const path = join(root, name);
  const facts = await stat(path);
  if (facts.isDirectory()) {
    for (const each of await readdir(path)) await collect(root, join(name, each), files);
  } else if (facts.isFile() && !compiled.test(name)) files.set(name, await readFile(path));
}

function cannot(file: string, cause: unknown): never {
  throw new DebugtapError("DT_FILE_UNREADABLE", `${file} cannot be read`, {
    why: cause instanceof Error ? cause.message : String(cause),
    fix: "python3 -m pip download --no-deps debugpy",
    cause,
  });
}
