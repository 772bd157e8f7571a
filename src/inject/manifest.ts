// `manifest.json` in the folder on a host: what was injected, and every file outside of the folder that was touched for it.
//
// Rules
// - It is there, and on the disk, before the first of those files is touched.
// - `before` is what the file was without us; it holds the whole text, so the manifest is for its owner alone (0600).
// - What is read comes from a host: what has not this shape is refused as a whole.
import { z } from "zod";
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { Run } from "../transport/process-lookup.ts";
import { baseWords, findFolderScript } from "./folder.ts";

const path = z.string().regex(/^\/[^\0\n]*$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const touchedSchema = z.object({
  path,
  /** Whether root wrote it. */
  sudo: z.boolean(),
  services: z.array(z.string()),
  /** `text` is base64, `mode` octal, `owner` is UID:GID. Null: there was no file. */
  before: z
    .object({
      sha256,
      text: z.string().regex(/^[A-Za-z0-9+/=]*$/),
      mode: z.string().regex(/^[0-7]{3,4}$/),
      owner: z.string().regex(/^\d+:\d+$/),
    })
    .nullable(),
  after: z.object({ sha256 }),
});

const carriedSchema = z.object({
  kind: z.enum(["unit", "screen", "compose", "command"]),
  /** `unit x.service`, `screen stack tab api` */
  where: z.string(),
  /** The folder that the service reads: that of the manifest, or root's. */
  root: path,
  wire: z.enum(["dap", "pydevd"]),
  /** Of its interpreter; absent where none was found. */
  python: z.string().exactOptional(),
  lent: z.boolean(),
  /** PYTHONPATH that it has without us. */
  pythonPath: z.string().exactOptional(),
  /** Its lines in a file outside; `head` stands once before the lines of all services of that file. */
  carry: z.object({ path, sudo: z.boolean(), head: z.array(z.string()), lines: z.array(z.string()) }).nullable(),
});

const manifestSchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{10}$/),
  /** `me@laptop:/home/me/src`, for whoever finds it. */
  by: z.string(),
  folder: path,
  /** Root's folder, where there is one. */
  shared: path.nullable(),
  /** Directories that were made for it, the outermost first. */
  made: z.array(z.object({ path, sudo: z.boolean() })),
  services: z.record(z.string(), carriedSchema),
  files: z.array(touchedSchema),
  /** What systemd is to be told of. */
  reload: z.array(z.enum(["system", "user"])),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Touched = z.infer<typeof touchedSchema>;
export type Carried = z.infer<typeof carriedSchema>;

/** Throws DT_INJECT_MANIFEST. */
export function parseManifest(text: string, where: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DebugtapError("DT_INJECT_MANIFEST", `${where} cannot be understood`, {
    why: issue === undefined ? "it is no manifest" : `${issue.path.join(".") || "the file"}: ${issue.message}`,
    fix: `sh ${shellQuote(where.replace(/manifest\.json$/, "eject.sh"))}`,
  });
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 1)}\n`;
}

export interface FoundManifest {
  /** Absolute; it may be there without a manifest, if an inject was cut off. */
  readonly folder?: string;
  readonly manifest?: Manifest;
  /** A directory for folders that has none: of a script that was cut off. */
  readonly empty?: string;
}

/** What the debugtap of this id has on the host of `run`. Rejects with DT_INJECT_MANIFEST, and as `run`. */
export async function readManifest(run: Run, id: string): Promise<FoundManifest> {
  const script = `folder=$(${findFolderScript(id)})
empty=; for base in ${baseWords}; do
  [ -n "$(find "$base" -prune -type d -user "$(id -u)" 2>/dev/null)" ] && [ -z "$(find "$base"/* -prune -type d 2>/dev/null)" ] && { empty=$base; break; }
done
printf '%s\\n%s\\n' "$folder" "$empty"; [ -n "$folder" ] && [ -r "$folder/manifest.json" ] && cat "$folder/manifest.json"; :`;
  const { stdout } = await run("exec sh -s", { input: Buffer.from(script) });
  const [folder = "", empty = "", ...lines] = stdout.split("\n");
  const text = lines.join("\n");
  if (folder === "") return empty === "" ? {} : { empty };
  return { folder, ...(text === "" ? {} : { manifest: parseManifest(text, `${folder}/manifest.json`) }) };
}
