// Where this debugtap's folder on a host is, and the name that it has there.
//
// Rules
// - Its name is of this machine, this user and the directory of debugtap.yml: two debugtaps never share one, the same one finds its own again.
// - It is below the user's cache; where that cannot be written, below a directory of mode 0700 that is the user's own in /var/tmp or /tmp.
// - What a service of another user reads, or one that is shown no home directories, lies in a folder of root's.
import { createHash } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { dirname } from "node:path";
import { hookRoot } from "./layout.ts";

/** Ten hex digits. */
export function debugtapId(configFile: string): string {
  const identity = JSON.stringify([hostname(), userInfo().username, dirname(configFile)]);
  return createHash("sha256").update(identity).digest("hex").slice(0, 10);
}

/** Where root keeps what other users' services read. */
export function sharedFolder(id: string): string {
  return `/var/lib/debugtap/${id}`;
}

/** Words of a POSIX shell: the directories that the folder may be in, best first. (A relay's sockets are in `/tmp/debugtap-UID`.) */
export const baseWords = `"$HOME/${hookRoot}" "/var/tmp/debugtap-$(id -u)" "/tmp/debugtap-inject-$(id -u)"`;

/** Of a POSIX shell: prints the folder that is there, or nothing. One in a directory of somebody else's is none. */
export function findFolderScript(id: string): string {
  return `for base in ${baseWords}; do
  [ -d "$base/${id}" ] && [ ! -h "$base" ] && [ -n "$(find "$base" -prune -user "$(id -u)")" ] && { printf '%s\\n' "$base/${id}"; break; }
done`;
}
