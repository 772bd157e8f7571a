// `source:` of hosts and services: whether its directories are there, here and on the host, and hold the same texts.
import { shellQuote } from "../../protocol/shell.ts";
import { lineOn } from "../reach.ts";
import type { FactsThere, SourceLook } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";

const mostNamed = 3;
/** In one line to paste. */
const mostCopied = 20;

export function checkSources(there: FactsThere): Finding[] {
  const found = new Findings(there.host.name);
  for (const look of there.sources) checkSource(look, there, found);
  return found.list;
}

function checkSource(look: SourceLook, { ssh, services, host }: FactsThere, found: Findings): void {
  const { local, remote, hereExists, thereExists, both, differ, error } = look;
  const [service] = services;
  if (error !== undefined)
    return found.unseen("DT_DOCTOR_SOURCE_THERE", `${remote} on ${host.name}`, error.message, error.fix);
  if (!thereExists) {
    found.wrong("DT_DOCTOR_SOURCE_THERE", `${remote} is not on ${host.name}`, {
      why: "`source:` of debugtap.yml names it; a breakpoint set here is at no file there",
      fix:
        service === undefined
          ? `remove it from \`source:\` of ${host.name}`
          : `debugtap paths ${shellQuote(service.name)} --write`,
    });
  }
  if (!hereExists) {
    const [own, its] = [shellQuote(local), shellQuote(remote)];
    return found.wrong("DT_DOCTOR_SOURCE_HERE", `${local} is not here`, {
      why: "`source:` of debugtap.yml names it; the IDE shows no source at a stop",
      fix: thereExists
        ? `mkdir -p ${own} && ${lineOn(ssh, `tar -C ${its} --exclude=__pycache__ --exclude=.git -cf - .`)} | tar -C ${own} -xf -`
        : `remove it from \`source:\` of ${host.name}`,
    });
  }
  if (!thereExists) return;
  if (differ.length === 0)
    return found.ok("DT_DOCTOR_SOURCE_DIFFERS", `${both} files of ${local} are those of ${remote}`);
  const names = differ.map(({ file }) => file);
  const lines = differ.reduce((sum, each) => sum + each.lines, 0);
  const more = names.length > mostNamed ? `, and ${names.length - mostNamed} more` : "";
  const copied = names.slice(0, mostCopied).map(shellQuote).join(" ");
  found.wrong(
    "DT_DOCTOR_SOURCE_DIFFERS",
    `${names.length} of ${both} files of ${local} differ from those of ${remote}`,
    {
      why: `${names.slice(0, mostNamed).join(", ")}${more}: ${lines} lines; a breakpoint is at another line than you see`,
      // Which side is right a person knows; this way nothing is lost: what was here stays as FILE.~1~.
      fix: `${lineOn(ssh, `tar -C ${shellQuote(remote)} -cf - ${copied}`)} | tar -C ${shellQuote(local)} --backup=numbered -xf -`,
    },
  );
}
