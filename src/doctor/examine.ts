// All checks in the order of the way from the IDE to the service: this machine, then each host, and on it each service.
import { checkHere } from "./check-here.ts";
import { checkLeftovers } from "./check-leftovers.ts";
import { checkLink } from "./check-link.ts";
import { checkPortThere } from "./check-ports.ts";
import { checkProcess } from "./check-process.ts";
import { checkPython } from "./check-python.ts";
import { checkSources } from "./check-sources.ts";
import { checkTimeouts } from "./check-timeouts.ts";
import type { FactsHere, FactsThere } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { runningOf } from "./running.ts";

export function examine(here: FactsHere, hosts: readonly FactsThere[]): Finding[] {
  const findings = checkHere(here);
  for (const there of hosts) {
    findings.push(...checkLink(there));
    const { survey, details } = there;
    if (survey === undefined || details === undefined) continue;
    for (const service of there.services) {
      const running = runningOf(service, survey, details);
      findings.push(
        ...checkPortThere(running, there, here),
        ...checkProcess(running, there, here),
        ...checkPython(running, there),
        ...checkTimeouts(running, there),
      );
    }
    findings.push(...checkSources(there), ...checkLeftovers(there, here));
  }
  return findings;
}
