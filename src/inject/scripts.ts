// The two scripts that write on a host: the one that puts things there, and the one that takes all of it back.
//
// Rules
// - Before anything outside of the folder is touched, all is looked at that can go wrong: everything has arrived, what is there is what was
//   shown, root can be had.
// - systemd is told before a file goes that a unit was to read; the manifest has what is to be taken away until it is.
// - eject.sh needs nothing of ours: it stands in the folder, has the texts of the files in it, and runs from any shell.
import { shellQuote } from "../../protocol/shell.ts";
import type { Manifest, Touched } from "./manifest.ts";
import { prelude } from "./shell.ts";

/** A file outside that gets a new text, which is `files/N` of the archive. */
export interface Write {
  readonly path: string;
  readonly sudo: boolean;
  /** Octal, and UID:GID. */
  readonly mode: string;
  readonly owner: string;
  /** sha256 of what was there when it was planned; null: nothing. */
  readonly seen: string | null;
}

/** `state/NAME`, which the service's processes write to. */
export interface StateDir {
  readonly name: string;
  readonly shared: boolean;
  readonly mode: string;
  /** User of the unit; only in root's folder. */
  readonly owner?: string;
}

export interface Change {
  readonly base: string;
  readonly manifest: Manifest;
  /** sha256 of the manifest that the change was planned on. */
  readonly seen: string | null;
  readonly writes: readonly Write[];
  /** Files that are to be what they were. */
  readonly undo: readonly Touched[];
  readonly state: readonly StateDir[];
  /** Services of which nothing is to be left. */
  readonly gone: readonly string[];
  readonly reload: readonly ("system" | "user")[];
  /** Whether root's folder is to go. */
  readonly dropShared: boolean;
}

const q = shellQuote;
const who = (sudo: boolean): string => (sudo ? "sudo" : "-");

/** Reads an archive (tar, gzip) from its standard input: manifest.json, eject.sh, folder/…, shared/…, files/N, end. */
export function applyScript(change: Change): string {
  const { base, manifest, writes, undo } = change;
  const { id, shared, made } = manifest;
  const reload = change.reload.map((which) => `reload_${which}`).join("\n");
  const needsRoot = shared !== null || change.dropShared || [...writes, ...undo].some(({ sudo }) => sudo);
  return `${prelude({ id, base, shared: shared ?? (change.dropShared ? `/var/lib/debugtap/${id}` : null), made })}
main() {
conflicts=; trap '' PIPE; take_lock
${
  needsRoot
    ? `root_needed ${[...writes, ...undo]
        .filter(({ sudo }) => sudo)
        .map(({ path }) => q(path))
        .join(" ")}`
    : ":"
}
fresh=$folder/.new; rm -rf "$fresh"
mkdir -p "$fresh" 2>/dev/null || fail place "$folder cannot be written"
why=$(gzip -dc | tar -x -f - -C "$fresh" 2>&1) || fail place "$why"
[ -f "$fresh/end" ] || fail cut "the connection ended"
[ "$(sum - "$folder/manifest.json")" = ${change.seen ?? "absent"} ] || fail changed manifest.json
${writes.map(({ path, sudo, seen }) => `[ "$(sum ${who(sudo)} ${q(path)})" = ${seen ?? "absent"} ] || fail changed ${q(path)}`).join("\n")}
${undo.map((file) => undoLines(file)).join("\n")}
[ -z "$conflicts" ] || fail kept "$folder"
${undo.length > 0 ? reload : ""}
${change.dropShared ? `as sudo rm -rf "$shared" </dev/null || fail undo "$shared"` : ""}
mv -f "$fresh/eject.sh" "$folder/eject.sh" && mv -f "$fresh/manifest.json" "$folder/manifest.json" || fail place "$folder"
sync "$folder/manifest.json" "$folder/eject.sh" "$folder" 2>/dev/null || sync
for top in hook lent; do
  [ -d "$fresh/folder/$top" ] || continue
  [ -d "$folder/$top" ] && mv "$folder/$top" "$fresh/old-$top"
  mv "$fresh/folder/$top" "$folder/$top" || fail place "$folder/$top"
done
for top in services env; do
  mkdir -p "$folder/$top"
  for file in "$fresh/folder/$top"/*; do [ -e "$file" ] || [ -h "$file" ] || continue; mv -f "$file" "$folder/$top/" || fail place "$folder/$top"; done
done
mkdir -p "$folder/lent"; chmod -R a+rX "$folder/hook" "$folder/lent" "$folder/services" 2>/dev/null
mkdir -p "$folder/state"; chmod 711 "$folder/state"
${change.gone.map((name) => goneLines(name, shared !== null)).join("\n")}
${shared === null ? "" : sharedLines}
${change.state.map((dir) => stateLines(dir)).join("\n")}
${writes
  .map(
    ({ path, sudo, mode, owner }, index) =>
      `make ${who(sudo)} "$(dirname ${q(path)})" && put ${who(sudo)} ${q(path)} "$fresh/files/${index}" ${mode} ${owner} || fail write ${q(path)}`,
  )
  .join("\n")}
${writes.length > 0 ? reload : ""}
trap - EXIT; leave; told done "$folder"
}
main
`;
}

const sharedLines = `make sudo "$shared" || fail write "$shared"
for top in hook lent services env; do
  [ -d "$fresh/shared/$top" ] || continue
  case $top in hook|lent) as sudo rm -rf "$shared/$top" </dev/null;; esac
  as sudo mkdir -p "$shared/$top" </dev/null && as sudo cp -R "$fresh/shared/$top/." "$shared/$top" </dev/null || fail write "$shared/$top"
  as sudo chown -R 0:0 "$shared/$top" </dev/null; as sudo chmod -R a+rX,go-w "$shared/$top" </dev/null
done
as sudo mkdir -p "$shared/state" </dev/null; as sudo chmod 755 "$shared" "$shared/state" </dev/null`;

/** Their files of both folders. */
function goneLines(name: string, shared: boolean): string {
  const files = [`services/${name}.json`, `env/${name}.env`, `env/${name}.sh`, `env/${name}.unset.sh`, `state/${name}`];
  const of = (folder: string): string => files.map((file) => `${folder}/${q(file)}`).join(" ");
  return `rm -rf ${of('"$folder"')}${shared ? `; as sudo rm -rf ${of('"$shared"')} </dev/null` : ""}`;
}

function stateLines({ name, shared, mode, owner }: StateDir): string {
  if (!shared) {
    const dir = `"$folder"/state/${q(name)}`;
    return `[ -h ${dir} ] && rm -f ${dir}; mkdir -p ${dir}; chmod ${mode} ${dir}`;
  }
  const dir = `"$shared"/state/${q(name)}`;
  const own = owner === undefined ? "" : `; as sudo chown ${q(owner)} ${dir} </dev/null`;
  return `[ -h "$folder"/state/${q(name)} ] || { rm -rf "$folder"/state/${q(name)}; ln -s ${dir} "$folder"/state/${q(name)}; }
as sudo mkdir -p ${dir} </dev/null${own}; as sudo chmod ${mode} ${dir} </dev/null`;
}

/** Takes all back that the manifest has. Exit 0; 4: a file was left, as `kept` says. */
export function ejectScript(base: string, manifest: Manifest): string {
  const { id, shared, made, files, services, reload, by } = manifest;
  const needsRoot = shared !== null || files.some(({ sudo }) => sudo);
  const names = Object.entries(services).filter(([, { kind }]) => kind !== "compose");
  return `# Puts everything back that debugtap has put on this machine for ${by.replace(/[^\x20-\x7e]/g, "?")}: sh eject.sh
${prelude({ id, base, shared, made })}
main() {
conflicts=; take_lock
${
  needsRoot
    ? `root_needed ${files
        .filter(({ sudo }) => sudo)
        .map(({ path }) => q(path))
        .join(" ")}`
    : ":"
}
${names.map(([name]) => `living ${q(name)}`).join("\n")}
${files.map((file) => undoLines(file)).join("\n")}
${reload.map((which) => `reload_${which}`).join("\n")}
[ -z "$conflicts" ] || { told left "$folder"; exit 4; }
[ -z "$shared" ] || as sudo rm -rf "$shared" </dev/null || fail undo "$shared"
# A service that runs as root has left its own files there.
rm -rf "$folder" 2>/dev/null || sudo -n rm -rf "$folder" </dev/null || fail undo "$folder"
trap - EXIT; leave; told done "$folder"
}
# Processes of a service that have loaded the hook.
living() {
  for state in "$folder/state/$1"/*.json; do
    pid=\${state##*/}; pid=\${pid%.json}; [ -d "/proc/$pid" ] && told running "$1 $pid"
  done
}
main
`;
}

function undoLines({ path, sudo, before, after }: Touched): string {
  const words = `undo ${who(sudo)} ${q(path)} ${after.sha256}`;
  if (before === null) return `${words} absent - - </dev/null`;
  const text = before.text.replace(/.{1,100}/g, "$&\n");
  return `${words} ${before.sha256} ${before.mode} ${before.owner} <<'END'\n${text}END`;
}
