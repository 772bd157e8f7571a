// What inject must know of a host before it plans: where it may write, what is there already, the files and units that it is to touch.
//
// Rules
// - Nothing is written. What is secret in environment files stays there: of those that are not to be changed only PYTHONPATH is read.
// - Texts of files are byte for byte: a character of a `bytes` string is a byte (latin1).
import { shellQuote } from "../../protocol/shell.ts";
import { DebugtapError } from "../../protocol/errors.ts";
import type { Run } from "../transport/process-lookup.ts";
import { interpreterOf, type Interpreter } from "../transport/survey.ts";
import { interpreterProgram } from "../transport/survey-script.ts";
import { baseWords, sharedFolder } from "./folder.ts";
import { parseManifest, type Manifest } from "./manifest.ts";

/** What is to be looked at. A path is absolute, or begins with `~/`. */
export interface Asked {
  readonly id: string;
  readonly units: readonly { readonly unit: string; readonly user: boolean }[];
  readonly files: readonly string[];
  /** Services of compose files, by the directory of these. */
  readonly composed: readonly { readonly dir: string; readonly service: string }[];
  /** Bytes that are to be written. */
  readonly bytes: number;
}

export interface FileFacts {
  /** Links are followed. */
  readonly path: string;
  /** Null: there is none. */
  readonly bytes: string | null;
  /** Octal, and UID:GID; of one that is there. */
  readonly mode: string;
  readonly owner: string;
  /** Directories around it that are to be made, the outermost first. */
  readonly missing: readonly string[];
  /** Why it cannot be changed, where that is so. */
  readonly unusable?: string;
}

export interface UnitFacts {
  /** `systemctl show`: the last value of each. */
  readonly show: ReadonlyMap<string, string>;
  /** PYTHONPATH of its environment files, those of debugtap left out. */
  readonly pythonPath?: string;
  /** That of its ExecStart. */
  readonly interpreter?: Interpreter;
}

export interface HostFacts {
  readonly user: string;
  /** UID:GID */
  readonly owner: string;
  /** Has the folder; absent where nothing can be written, and why. */
  readonly base?: string;
  readonly barred: readonly string[];
  /** Directories of `base`, and it itself, that are to be made: the outermost first. */
  readonly missing: readonly string[];
  readonly sudo: boolean;
  readonly manifest?: Manifest;
  readonly manifestBytes?: string;
  /** sha256 of each file in the folder, and in root's. */
  readonly tree: ReadonlyMap<string, string>;
  readonly sharedTree: ReadonlyMap<string, string>;
  /** Ids of other debugtaps. */
  readonly others: readonly string[];
  readonly files: readonly FileFacts[];
  readonly units: readonly UnitFacts[];
  /** PYTHONPATH in the containers that run. */
  readonly composePaths: readonly (string | undefined)[];
  /** The `python3` of the user's PATH. */
  readonly python: Interpreter;
}

const mostBytes = 200_000;

/** Rejects with DT_INJECT_PLACE, DT_INJECT_MANIFEST, DT_PROGRAM_MISSING, and as `run`. */
export async function lookAtHost(run: Run, asked: Asked): Promise<HostFacts> {
  const { stdout, code, stderr } = await run(`exec sh -c 'eval "$(cat)"'`, {
    input: Buffer.from(factsScript(asked)),
    timeoutMs: 60_000,
  });
  const facts = new Map(
    stdout.split("\n").flatMap((line) => {
      const [key = "", value] = line.split("\t");
      return value === undefined ? [] : [[key, Buffer.from(value, "base64").toString("latin1")] as const];
    }),
  );
  if (!facts.has("end")) {
    throw new DebugtapError("DT_PROGRAM_MISSING", "the host cannot be looked at", {
      why: `the script ended with ${code ?? "a signal"} before its end: ${stderr.trim().slice(-300) || "sh, base64, stat and sha256sum are needed there"}`,
      fix: "sudo apt-get install coreutils findutils gzip tar",
    });
  }
  const text = (key: string): string => Buffer.from(facts.get(key) ?? "", "latin1").toString("utf8");
  const base = text("base").trim();
  const manifestBytes = facts.get("manifest");
  const interpreter = (key: string): Interpreter => interpreterOf(text(key));
  return {
    user: text("user").trim(),
    owner: text("owner").trim(),
    ...(base === "" ? {} : { base }),
    barred: lines(text("barred")),
    missing: lines(text("missing")),
    sudo: text("sudo").trim() === "yes",
    ...(manifestBytes === undefined || manifestBytes === ""
      ? {}
      : { manifestBytes, manifest: parseManifest(text("manifest"), `${base}/${asked.id}/manifest.json`) }),
    tree: hashes(text("tree")),
    sharedTree: hashes(text("sharedtree")),
    others: lines(text("others")).filter((other) => other !== asked.id),
    files: asked.files.map((_, index) => fileFacts(facts, text, index)),
    units: asked.units.map((_, index) => {
      const paths = pathsIn(text(`unitpath${index}`));
      const python = text(`unitpython${index}`);
      return {
        show: new Map(
          lines(text(`unit${index}`)).map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]),
        ),
        ...(paths === undefined ? {} : { pythonPath: paths }),
        ...(python.trim() === "" ? {} : { interpreter: interpreterOf(python) }),
      };
    }),
    composePaths: asked.composed.map((_, index) => pathsIn(text(`compose${index}`))),
    python: interpreter("python"),
  };
}

function fileFacts(facts: ReadonlyMap<string, string>, text: (key: string) => string, index: number): FileFacts {
  const [path = "", kind = "", mode = "", owner = ""] = text(`file${index}`).split("\n");
  const bytes = facts.get(`bytes${index}`);
  const missing = lines(text(`around${index}`));
  const unusable =
    kind === "absent" || kind === "regular file" || kind === "regular empty file"
      ? (bytes?.length ?? 0) > mostBytes
        ? `it has more than ${mostBytes} bytes`
        : undefined
      : kind === "hidden"
        ? "this user may not read it"
        : `it is a ${kind}`;
  return {
    path,
    bytes: kind === "absent" ? null : (bytes ?? ""),
    mode,
    owner,
    missing,
    ...(unusable === undefined ? {} : { unusable }),
  };
}

/** The value of the last line `PYTHONPATH=…`, as systemd and a shell read it. */
export function pathsIn(text: string): string | undefined {
  const value = lines(text)
    .findLast((line) => /^\s*(?:export\s+)?PYTHONPATH=/.test(line))
    ?.replace(/^[^=]*=/, "")
    .trim();
  return value?.replace(/^(["'])(.*)\1$/, "$2");
}

/** Of lines as sha256sum prints them. */
function hashes(text: string): Map<string, string> {
  return new Map(lines(text).map((line) => [line.slice(66), line.slice(0, 64)]));
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

function word(path: string): string {
  return path.startsWith("~/") ? `"$HOME"/${shellQuote(path.slice(2))}` : shellQuote(path);
}

const properties =
  "LoadState User DynamicUser ProtectHome ProtectSystem ReadOnlyPaths PrivateTmp PrivateNetwork RootDirectory RootImage InaccessiblePaths TemporaryFileSystem Environment EnvironmentFiles UnsetEnvironment ExecStart";

function factsScript({ id, units, files, composed, bytes }: Asked): string {
  const kilobytes = Math.ceil(bytes / 1024) + 500;
  return `exec 2>/dev/null; LC_ALL=C; export LC_ALL; uid=$(id -u)
say() { printf '%s\\t%s\\n' "$1" "$(base64 | tr -d '\\n')"; }
if command -v timeout >/dev/null; then limit() { timeout "$@" </dev/null; }; else limit() { shift; "$@" </dev/null; }; fi
ask() { limit 10 "$1" -c '${interpreterProgram}'; }
tree() { ( cd "$1" && find -L hook lent services env -name __pycache__ -prune -o -type f -exec sha256sum {} + ); }
around() { up=$1; missing=; while [ "$up" ] && [ ! -e "$up" ]; do missing="$up
$missing"; up=$(dirname "$up"); done; printf %s "$missing"; }
id -un | say user; echo "$uid:$(id -g)" | say owner
{ [ "$uid" = 0 ] || sudo -n true </dev/null; } && echo yes | say sudo
found=; barred=
for base in ${baseWords}; do
  up=$base; while [ ! -e "$up" ]; do up=$(dirname "$up"); done
  if [ -h "$base" ] || { [ "$up" = "$base" ] && [ -z "$(find "$base" -prune -type d -user "$uid")" ]; }; then why="is not this user's own directory"
  elif [ -r "$base/${id}/manifest.json" ]; then found=$base; break
  elif [ ! -w "$up" ] || [ ! -d "$up" ]; then why="$up cannot be written"
  elif [ "$(df -Pk "$up" | awk 'NR == 2 { print $4 }')" -lt ${kilobytes} ]; then why="no room: ${kilobytes} kB are needed"
  else [ "$found" ] || found=$base; continue; fi
  [ "$found" ] || barred="$barred$base: $why
"
done
around "$found" | say missing
printf %s "$found" | say base; printf %s "$barred" | say barred
cat "$found/${id}/manifest.json" | say manifest; tree "$found/${id}" | say tree; tree ${sharedFolder(id)} | say sharedtree
for other in ${baseWords}; do for other in "$other"/*/manifest.json; do [ -e "$other" ] && basename "$(dirname "$other")"; done; done | say others
python=$(command -v python3); { echo "$python"; ask "$python"; } | say python
file() {
  around "$(dirname "$2")" | say "around$1"
  path=$(readlink -f "$2"); [ "$path" ] || path=$2
  if [ ! -e "$path" ]; then printf '%s\\nabsent\\n' "$path" | say "file$1"
  elif [ -f "$path" ] && [ ! -r "$path" ]; then printf '%s\\nhidden\\n' "$path" | say "file$1"
  else { echo "$path"; stat -c '%F
%a
%u:%g' "$path"; } | say "file$1"; [ -f "$path" ] && head -c ${mostBytes + 1} "$path" | say "bytes$1"; fi
}
${files.map((path, index) => `file ${index} ${word(path)}`).join("\n")}
# unit N UNIT OPTION
unit() {
  export XDG_RUNTIME_DIR="\${XDG_RUNTIME_DIR:-/run/user/$uid}"
  shown=$(limit 10 systemctl $3 show --no-pager ${properties
    .split(" ")
    .map((property) => `-p ${property}`)
    .join(" ")} "$2")
  printf '%s\\n' "$shown" | say "unit$1"
  printf '%s\\n' "$shown" | sed -n 's/^EnvironmentFiles=\\(.*\\) (ignore_errors=[a-z]*)$/\\1/p' | while read -r file; do
    case $file in */debugtap/*/env/*|*/debugtap-*/*/env/*) continue;; esac
    { cat "$file" || sudo -n cat "$file" </dev/null; } | grep '^[[:space:]]*PYTHONPATH='
  done | say "unitpath$1"
  start=$(printf '%s\\n' "$shown" | sed -n 's/^ExecStart={ path=\\([^ ]*\\) ;.*/\\1/p' | tail -n 1)
  case \${start##*/} in
    python*|pypy*) python=$start;;
    uwsgi*) python=$(command -v python3);;
    *) python=$(head -c 200 "$start" | sed -n '1s|^#! *\\(/[^ ]*\\).*|\\1|p')
      case $python in */env) python=$(command -v "$(head -c 200 "$start" | sed -n '1s|^#! *[^ ]* \\([^ ]*\\).*|\\1|p')");; esac
      case \${python##*/} in python*|pypy*) ;; *) python=;; esac;;
  esac
  [ "$python" ] && { echo "$python"; ask "$python"; } | say "unitpython$1"
}
${units.map(({ unit, user }, index) => `unit ${index} ${shellQuote(unit)} ${user ? "--user" : "--system"}`).join("\n")}
# compose N SERVICE DIR
compose() {
  for container in $(limit 10 docker ps -q --filter "label=com.docker.compose.service=$2" --filter "label=com.docker.compose.project.working_dir=$3"); do
    limit 10 docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$container" | grep '^PYTHONPATH='
  done | say "compose$1"
}
${composed.map(({ dir, service }, index) => `compose ${index} ${shellQuote(service)} "$(readlink -f ${word(dir)})"`).join("\n")}
echo | say end
`;
}
