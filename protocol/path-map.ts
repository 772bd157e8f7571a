// Which directory here holds the sources of which directory on the VM, and a path of one side as the other side says it.
//
// Rules
// - Whole segments only: `/opt/stack` holds `/opt/stack/a` and itself, not `/opt/stack2`. The longest root wins; of equal ones the
//   first, and a root as given before its resolved form.
// - Only the root is replaced. What follows stays (`.`, `..`, trailing separators), but for its separators between Windows and POSIX.
// - Windows roots (`C:\src`, `c:/src`, `\\server\share`) match in any case and with either separator. A debuggee that believes its
//   client to be on Windows says `\opt\stack`: with a Windows root here that is `/opt/stack`.
// - What begins with `<` (`<string>`, `<frozen os>`) is no path. What holds U+FFFD was not UTF-8, so it cannot be said again.
// - A `file:` URI stays a URI: a client that initialized with pathFormat "uri" and its adapter both expect them.
// - Several names here may mean one file there (symlinks, two roots, a drive in either case). The one that the IDE used last is given
//   back, else a breakpoint's file would open a second time under another name. A file that it has not named comes under the
//   form of its root that the IDE used last.
// - A path in no root is looked at once more with its symlinks followed.

export interface SourceMapping {
  /** Absolute, POSIX or Windows. */
  readonly local: string;
  /** Absolute, POSIX or Windows. */
  readonly remote: string;
  /** What the two are when their symlinks are followed, where that differs. */
  readonly resolved?: { readonly local?: string; readonly remote?: string };
}

/** One form of a root; `text` ends without a separator, so the root of a file system is empty or a drive. */
interface Root {
  readonly text: string;
  readonly windows: boolean;
  /** A backslash separates, though the root is no Windows one. */
  readonly backslashes: boolean;
}

interface Pair {
  /** The form that the IDE used last. */
  local: Root;
  /** The file's name in the memory begins with it. */
  readonly remote: Root;
}

interface Way {
  readonly from: Root;
  readonly pair: Pair;
}

interface Found {
  readonly way: Way;
  /** What follows the root, as it came and with slashes. */
  readonly rest: string;
  readonly slashed: string;
}

/** A path without the form it came in. */
interface Spelled {
  readonly path: string;
  readonly uri: boolean;
}

/** The path without symlinks, absolute; undefined when there is no such file. */
export type RealPath = (path: string) => string | undefined;

const mostRemembered = 4096;
const windowsPath = /^(?:[A-Za-z]:(?:[\\/]|$)|\\\\)/;

/** `C:\…`, `c:/…`, `\\server\…` */
export function isWindowsPath(path: string): boolean {
  return windowsPath.test(path);
}

/** The path in a path or `file:` URI; undefined when it is none, as `<string>`. */
export function plainPath(text: string): string | undefined {
  return spelledOf(text)?.path;
}

export class PathMap {
  readonly #toRemote: Way[] = [];
  readonly #toLocal: Way[] = [];
  /** By the name of the file there: what toRemote was given last for it. */
  readonly #remembered = new Map<string, string>();
  readonly #realPath: RealPath;

  /** `realPath` follows the symlinks of a path here. */
  constructor(mappings: readonly SourceMapping[], realPath: RealPath = () => undefined) {
    this.#realPath = realPath;
    for (const { local, remote, resolved } of mappings) {
      const here = rootOf(local);
      const pair = { local: here, remote: rootOf(remote, here.windows) };
      this.#toRemote.push({ from: here, pair });
      this.#toLocal.push({ from: pair.remote, pair });
      const real = resolved?.local ?? realPath(local);
      if (real !== undefined && real !== local) this.#toRemote.push({ from: rootOf(real), pair });
      if (resolved?.remote !== undefined) this.#toLocal.push({ from: rootOf(resolved.remote, here.windows), pair });
    }
    this.#toRemote.sort(longestFirst);
    this.#toLocal.sort(longestFirst);
  }

  /** The remote root is found to be `real` with its symlinks followed: from now on a path in either maps. */
  follow(remote: string, real: string): void {
    if (this.#toLocal.some(({ from }) => from.text === rootOf(real).text)) return;
    const text = rootOf(remote).text;
    const way = this.#toLocal.find(({ from }) => from.text === text);
    if (way === undefined) return;
    this.#toLocal.push({ from: { ...rootOf(real), backslashes: way.from.backslashes }, pair: way.pair });
    this.#toLocal.sort(longestFirst);
  }

  /** True when no path is ever mapped. */
  get empty(): boolean {
    return this.#toRemote.length === 0;
  }

  /** What the debuggee calls the IDE's `path` (or `file:` URI); undefined when no mapping has it. */
  toRemote(path: string): string | undefined {
    const spelled = spelledOf(path);
    const found = spelled === undefined ? undefined : this.#findHere(spelled.path);
    if (spelled === undefined || found === undefined) return undefined;
    const remote = joined(found.way.pair.remote, found);
    const back = find(remote, this.#toLocal);
    this.#remember(memoryKey(back === undefined ? remote : canonical(back), spelled.uri), path);
    return written(remote, spelled.uri);
  }

  /** What the IDE calls the debuggee's `path` (or `file:` URI); undefined when no mapping has it. */
  toLocal(path: string): string | undefined {
    const spelled = spelledOf(path);
    const found = spelled === undefined ? undefined : find(spelled.path, this.#toLocal);
    if (spelled === undefined || found === undefined) return undefined;
    const remembered = this.#remembered.get(memoryKey(canonical(found), spelled.uri));
    return remembered ?? written(joined(found.way.pair.local, found), spelled.uri);
  }

  /** True when `path` lies in a root of either side, or a root in it. */
  overlaps(path: string): boolean {
    if (path === "") return false;
    const roots = [...this.#toRemote, ...this.#toLocal].map((way) => way.from);
    const own = rootOf(path);
    return roots.some((root) => below(path, root) !== undefined || below(root.text || "/", own) !== undefined);
  }

  #findHere(path: string): Found | undefined {
    const found = find(path, this.#toRemote);
    if (found !== undefined) {
      found.way.pair.local = found.way.from;
      return found;
    }
    const real = path.startsWith("/") ? this.#realPath(path) : undefined;
    const followed = real === undefined || real === path ? undefined : find(real, this.#toRemote);
    if (followed === undefined) return undefined;
    const { rest, way } = followed;
    if (rest !== "" && path.endsWith(rest)) way.pair.local = rootOf(path.slice(0, -rest.length));
    return followed;
  }

  #remember(key: string, path: string): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, path);
    if (this.#remembered.size <= mostRemembered) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }
}

function memoryKey(canonical: string, uri: boolean): string {
  return `${uri ? "uri" : "path"} ${canonical}`;
}

function rootOf(path: string, backslashes = false): Root {
  const windows = isWindowsPath(path);
  return { text: path.replace(windows ? /[\\/]+$/ : /\/+$/, ""), windows, backslashes: windows || backslashes };
}

function longestFirst(a: Way, b: Way): number {
  return b.from.text.length - a.from.text.length;
}

function find(path: string, ways: readonly Way[]): Found | undefined {
  for (const way of ways) {
    const rest = below(path, way.from);
    if (rest !== undefined) return { way, rest, slashed: way.from.backslashes ? rest.replaceAll("\\", "/") : rest };
  }
  return undefined;
}

/** What one file on the VM is called in the memory, by whichever root it was found. */
function canonical({ way, slashed }: Found): string {
  return way.pair.remote.text + slashed;
}

function joined(to: Root, { way, rest, slashed }: Found): string {
  if (!to.windows) return to.text + slashed || "/";
  const path = to.text + (way.from.windows ? rest : slashed.replaceAll("/", "\\"));
  return /^[A-Za-z]:$/.test(path) ? `${path}\\` : path;
}

/** What follows `root` in `path`: nothing, or a separator and more; undefined when it is not in it. */
function below(path: string, root: Root): string | undefined {
  const start = path.slice(0, root.text.length);
  if (start !== root.text && fold(start, root) !== fold(root.text, root)) return undefined;
  const rest = path.slice(start.length);
  if (rest === "") return start === "" ? undefined : rest;
  return rest.startsWith("/") || (root.backslashes && rest.startsWith("\\")) ? rest : undefined;
}

function fold(text: string, root: Root): string {
  if (!root.backslashes) return text;
  const slashes = text.replaceAll("\\", "/");
  return root.windows ? slashes.toLowerCase() : slashes;
}

function spelledOf(text: string): Spelled | undefined {
  if (text.startsWith("<") || text.includes("\uFFFD")) return undefined;
  const [uri, host = "", encoded = ""] = /^file:\/\/([^/?#]*)(\/[^?#]*)$/i.exec(text) ?? [];
  if (uri === undefined) return { path: text, uri: false };
  try {
    const path = decodeURIComponent(encoded);
    if (host !== "" && host.toLowerCase() !== "localhost") return { path: `//${host}${path}`, uri: true };
    return { path: /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path, uri: true };
  } catch {
    return undefined;
  }
}

function written(path: string, uri: boolean): string {
  if (!uri) return path;
  const plain = isWindowsPath(path) ? path.replaceAll("\\", "/") : path;
  // A lone surrogate, which only a root could have, cannot be encoded.
  const encoded = plain
    .replace(/\p{Cs}/gu, "\uFFFD")
    .split("/")
    .map(encodeURIComponent)
    .join("/");
  if (plain.startsWith("//") && isWindowsPath(path)) return `file:${encoded}`;
  return plain.startsWith("/") ? `file://${encoded}` : `file:///${encoded}`;
}
