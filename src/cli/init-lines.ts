// What `init` prints for a person: what was found, what is proposed, what is left to do by hand.
import type { Proposal } from "../init/proposal.ts";
import { differenceLines, type PlannedFile } from "../init/files.ts";

export function proposalLines({ host, services, kept, passedOver }: Proposal): string[] {
  const width = services.reduce((most, { name }) => Math.max(most, name.length), 0);
  return [
    `${host}: ${services.length} new service${services.length === 1 ? "" : "s"}`,
    ...services.map(
      ({ name, wire, port, ide, about }) =>
        `  ${name.padEnd(width)}  ${wire} ${wire === "dap" ? "listens" : "dials"} ${port}, ide ${ide}  ${about}`,
    ),
    ...kept.map((name) => `  ${name} is in debugtap.yml already: left alone`),
    ...passedOver.map((text) => `  passed over: ${text}`),
  ].map(printable);
}

export function fileLines(files: readonly PlannedFile[]): string[] {
  return files
    .filter(({ state }) => state !== "same")
    .flatMap((file) => ["", ...differenceLines(file)])
    .map(printable);
}

export function byHandLines({ services }: Proposal): string[] {
  if (services.length === 0) return [];
  const runnable = services
    .flatMap(({ name, run, debugged }) => (run === undefined || debugged ? [] : [name]))
    .join(" ");
  const others = services.filter(({ run, debugged }) => run === undefined && debugged !== true);
  return [
    ...(others.length === 0 ? [] : ["", "To be done on the host:"]),
    ...others.flatMap(({ name, byHand }) => [`  ${name}`, ...byHand.map((line) => `    ${line}`)]),
    ...(runnable === "" ? [] : ["", "Without an edit there:", `  debugtap inject ${runnable}`]),
    "then:",
    "  debugtap up",
    ...(runnable === "" ? [] : [`  debugtap restart ${runnable}      in another terminal`]),
  ].map(printable);
}

/** What comes from the host may not move the cursor; indentation stays. */
function printable(line: string): string {
  return line.replace(/\p{Cc}+/gu, " ");
}
