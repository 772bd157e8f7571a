// What earlier runs have left: records here of relays that are gone, their sshd there, debugpy's adapters without a program,
// folders of inject that nobody here knows of.
import { basename } from "node:path";
import { shellQuote } from "../../protocol/shell.ts";
import type { SurveyProcess } from "../transport/survey.ts";
import type { Details, FactsThere } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { killLine, onHost } from "./fix.ts";
import type { Injected } from "./injected.ts";
import { isAdapter } from "./running.ts";

export function checkLeftovers(there: FactsThere, injected: readonly Injected[]): Finding[] {
  const found = new Findings(there.host.name);
  const { details, survey } = there;
  if (details === undefined || survey === undefined) return found.list;
  if (there.host.ssh !== undefined) checkRecords(there, details, found);
  const adapters = survey.processes.filter(isAdapter);
  const orphans = adapters.filter((adapter) => isOrphan(adapter, details));
  for (const { pid, uid, argv } of orphans) {
    const port = /--port[= ](\d+)/.exec(argv.join(" "))?.[1];
    found.wrong(
      "DT_DOCTOR_LEFT_ADAPTER",
      `debugpy's adapter ${pid}${port === undefined ? "" : ` on port ${port}`} has no program to debug`,
      {
        why: "the program that started it has ended and left it; it holds the port, and an IDE that attaches waits for ever",
        fix: killLine(there.ssh, pid, uid === details.uid),
      },
    );
  }
  if (adapters.length > 0 && orphans.length === 0)
    found.ok("DT_DOCTOR_LEFT_ADAPTER", `${adapters.length} of debugpy's adapters, each with a program`);
  for (const folder of details.folders) {
    const used = [...details.processes.values()].filter(({ env }) =>
      env?.["DEBUGTAP_HOOK"]?.startsWith(`${folder.path}/`),
    ).length;
    const name = folder.path;
    if (injected.some(({ id }) => id === basename(folder.path)))
      found.ok("DT_DOCTOR_LEFT_INJECT", `${name} is this debugtap's`);
    else if (used > 0)
      found.note("DT_DOCTOR_LEFT_INJECT", `${name} is another debugtap's`, { why: `${used} processes use it` });
    else {
      const remove = folder.hasManifest ? `sh ${shellQuote(`${name}/eject.sh`)}` : `rm -rf ${shellQuote(name)}`;
      found.wrong("DT_DOCTOR_LEFT_INJECT", `${name} was left by a debugtap that is not known here`, {
        why: `no process uses it${folder.hasManifest ? "; what it changed can be put back" : ", and nothing outside was changed"}`,
        fix: onHost(there.ssh, remove),
      });
    }
  }
  for (const { id, host } of injected) {
    if (host !== there.host.name || details.folders.some(({ path }) => basename(path) === id)) continue;
    found.note("DT_DOCTOR_LEFT_INJECT", `what was injected into ${host} (${id}) is not there any more`, {
      why: "the host was made anew, or somebody else ejected it",
      fix: `debugtap eject --host ${shellQuote(host)}`,
    });
  }
  return found.list;
}

function checkRecords({ left, ssh, host }: FactsThere, { leftSshd }: Details, found: Findings): void {
  for (const { file, sshdPid, relayPid } of left) {
    const forget = `rm ${shellQuote(file)}`;
    if (leftSshd.includes(sshdPid)) {
      found.wrong("DT_DOCTOR_LEFT_SSHD", `sshd ${sshdPid} there serves debugtap ${relayPid}, which is gone`, {
        why: "it may hold ports that services dial; the next `debugtap up` ends it as well",
        fix: `${onHost(ssh, `kill ${sshdPid}`)} && ${forget}`,
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

/** An adapter that was started for a program, and is connected with none. What others hide is no sign. */
function isOrphan({ pid, argv }: SurveyProcess, { sockets, processes }: Details): boolean {
  if (!argv.includes("--for-server")) return false;
  const own = sockets.filter((socket) => socket.pid === pid);
  if (own.length === 0) return false;
  const peers = own
    .filter(({ state }) => state === "established")
    .map((socket) => sockets.find((other) => other.local === socket.remote && other.remote === socket.local));
  return !peers.some(
    (peer) => peer !== undefined && (peer.pid === undefined || (peer.pid !== pid && processes.has(peer.pid))),
  );
}
