// The files of the page, as the build made them in dist/web.
//
// Rules
// - Only regular files below that directory; a path with `..`, or one that leads out of it by a link, is nobody's.
// - A path that names no file, and looks like none, is a place in the page: index.html.
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface StaticFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** From dist/src/control. */
const built = fileURLToPath(new URL("../../web/", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

const unbuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>debugtap</title>
<h1>debugtap</h1><p>The page is not built here. The API is: see docs/api.md.</p></html>
`;

/** `path`: that of the URL. Undefined: there is none. */
export async function staticFile(path: string, root: string = built): Promise<StaticFile | undefined> {
  const name = decoded(path);
  if (name === undefined) return undefined;
  const found = await readBelow(root, name === "/" ? "/index.html" : name);
  if (found !== undefined || extname(name) !== "") return found;
  return (await readBelow(root, "/index.html")) ?? { type: types[".html"] ?? "", bytes: Buffer.from(unbuilt) };
}

function decoded(path: string): string | undefined {
  try {
    const name = decodeURIComponent(path);
    const isPlain = name.startsWith("/") && !/[\\\0]/.test(name) && !name.split("/").includes("..");
    return isPlain ? name : undefined;
  } catch {
    return undefined;
  }
}

async function readBelow(root: string, name: string): Promise<StaticFile | undefined> {
  try {
    const [top, file] = await Promise.all([realpath(root), realpath(join(root, name))]);
    if (!file.startsWith(`${top}${sep}`) || !(await stat(file)).isFile()) return undefined;
    return { type: types[extname(file)] ?? "application/octet-stream", bytes: await readFile(file) };
  } catch {
    return undefined;
  }
}
