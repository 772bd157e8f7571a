// What earlier runs have left: records here of relays that are gone, their sshd there, debugpy's adapters without a program,
// folders of inject that nobody here knows of. What cannot be judged from here is `unseen`, and has no fix that takes anything away.
import { basename } from "node:path";
import { shellQuote } from "../../protocol/shell.ts";
import type { SurveyProcess } from "../transport/survey.ts";
import { lineOn } from "../reach.ts";
import { folderUse } from "./folder-use.ts";
import type { Details, FactsHere, FactsThere } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { killLine } from "./fix.ts";
import { isAdapter } from "../python-helpers.ts";

export function checkLeftovers(there: FactsThere, here: FactsHere): Finding[] {
  const found = new Findings(there.host.name);
  const { details, survey } = there;
  if (details === undefined || survey === undefined) return found.list;
  if (there.host.ssh !== undefined) checkRecords(there, details, found);
  const adapters = survey.processes.filter(({ argv }) => isAdapter(argv));
  const orphans = adapters.filter((adapter) => isOrphan(adapter, details));
  for (const { pid, uid, argv } of orphans) {
    const port = /--port[= ](\d+)/.exec(argv.join(" "))?.[1];
    found.wrong(
      "DT_DOCTOR_LEFT_ADAPTER",
      `debugpy's adapter ${pid}${port === undefined ? "" : ` on port ${port}`} has no program to debug`,
      {
        why: "the program that started it has ended and left it; it holds the port, and an IDE that attaches waits for ever",
        fix: killLine(there.ssh, pid, uid === details.uid || details.uid === 0),
      },
    );
  }
  const seen = adapters.filter(({ pid }) => details.sockets.some((socket) => socket.pid === pid)).length;
  if (seen > 0 && orphans.length === 0)
    found.ok("DT_DOCTOR_LEFT_ADAPTER", `${seen} of debugpy's adapters, each with a program`);
  if (seen < adapters.length) {
    const what = `${adapters.length - seen} of debugpy's adapters`;
    found.unseen(
      "DT_DOCTOR_LEFT_ADAPTER",
      what,
      "their connections are not shown: they are another user's, or in a container",
    );
  }
  checkFolders(there, details, here, found);
  return found.list;
}

function checkFolders(
  { ssh, host }: FactsThere,
  details: Details,
  { injected, ownId }: FactsHere,
  found: Findings,
): void {
  const { folders } = details;
  const idOf = (path: string): string => basename(path);
  // Root's folder goes with that of the user, which has the manifest.
  const own = folders.filter(
    ({ path, hasManifest }) =>
      hasManifest || !folders.some((other) => other.hasManifest && idOf(other.path) === idOf(path)),
  );
  for (const { path, hasManifest } of own) {
    const id = idOf(path);
    const { used, elsewhere, hidden } = folderUse(id, details);
    if (id === ownId || injected.some((entry) => entry.id === id))
      found.ok("DT_DOCTOR_LEFT_INJECT", `${path} is this debugtap's`);
    else if (used > 0) {
      found.note("DT_DOCTOR_LEFT_INJECT", `${path} is another debugtap's`, { why: `${used} processes use it` });
    } else if (elsewhere + hidden > 0) {
      const why =
        elsewhere > 0
          ? `of what has loaded its hook, ${elsewhere} ran in another pid namespace, as a container's processes do, and may run there still`
          : `of what has loaded its hook, ${hidden} may run still: other users' processes are not shown there (/proc is mounted with hidepid)`;
      const look = `sudo grep -lE 'DEBUGTAP_HOOK=[^=]*/${id}/' /proc/[0-9]*/environ`;
      const isShownToRoot = details.isOutermost || elsewhere === 0;
      found.unseen(
        "DT_DOCTOR_LEFT_INJECT",
        `whether ${path}, another debugtap's, is used`,
        why,
        isShownToRoot ? lineOn(ssh, look) : undefined,
      );
    } else {
      const remove = hasManifest
        ? `sh ${shellQuote(`${path}/eject.sh`)}`
        : `${path.startsWith("/var/lib/") ? "sudo " : ""}rm -rf ${shellQuote(path)}`;
      found.wrong("DT_DOCTOR_LEFT_INJECT", `${path} was left by a debugtap that is not known here`, {
        why: `no process uses it, unless another machine's debugtap has just put it there${hasManifest ? "; what it changed can be put back" : ", and nothing outside is known to be changed"}`,
        fix: lineOn(ssh, remove),
      });
    }
  }
  for (const entry of injected) {
    const isHere = entry.host.name === host.name && entry.host.ssh === host.ssh;
    if (!isHere || folders.some(({ path }) => idOf(path) === entry.id)) continue;
    found.note("DT_DOCTOR_LEFT_INJECT", `what was injected into ${host.name} (${entry.id}) is not there any more`, {
      why: "the host was made anew, or somebody else ejected it",
      fix: `debugtap eject --host ${shellQuote(host.name)}`,
    });
  }
}

function checkRecords({ left, ssh, host }: FactsThere, { leftSshd }: Details, found: Findings): void {
  for (const { file, sshdPid, relayPid } of left) {
    const forget = `rm ${shellQuote(file)}`;
    if (leftSshd.includes(sshdPid)) {
      found.wrong("DT_DOCTOR_LEFT_SSHD", `sshd ${sshdPid} there serves debugtap ${relayPid}, which is gone`, {
        why: "it may hold ports that services dial; the next `debugtap up` ends it as well",
        fix: `${lineOn(ssh, `kill ${sshdPid}`)} && ${forget}`,
      });
    } else {
      found.wrong("DT_DOCTOR_LEFT_STATE", `${file} is of debugtap ${relayPid}, which is gone`, {
        why: `it did not end in order; nothing of it is left on ${host.name}`,
        fix: forget,
      });
    }
  }
  if (left.length === 0) found.ok("DT_DOCTOR_LEFT_STATE", "no relay has left a connection");
}

/** An adapter that was started for a program, and is connected with nobody. What others hide, or was not seen, is no sign. */
function isOrphan({ pid, argv }: SurveyProcess, { sockets }: Details): boolean {
  if (!argv.includes("--for-server")) return false;
  const own = sockets.filter((socket) => socket.pid === pid);
  const connected = own.filter(({ state }) => state === "established");
  const isWithItself = connected.every(({ local, remote }) =>
    own.some((other) => other.local === remote && other.remote === local),
  );
  return own.length > 0 && isWithItself;
}
