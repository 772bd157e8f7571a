// What `inject` and `eject` print for a person.
import type { HostConfig } from "../config.ts";
import { differenceLines } from "../init/files.ts";
import type { Planned } from "../inject/change.ts";
import type { Ejected } from "../inject/eject.ts";

export function plannedLines({ name }: HostConfig, { change, files, notes }: Planned): string[] {
  const { folder, shared, services } = change.manifest;
  const width = Math.max(...Object.keys(services).map((each) => each.length));
  return [
    `${name}: ${folder}${shared === null ? "" : ` and ${shared} (root's)`}`,
    ...Object.entries(services).map(([each, { where, wire, python, lent }]) => {
      const debuggerIs = `${wire === "dap" ? "debugpy" : "pydevd"}${lent ? ", lent" : ""}`;
      return `  ${each.padEnd(width)}  ${where}  Python ${python ?? "unknown"}, ${debuggerIs}`;
    }),
    ...notes.map((note) => `  note: ${note}`),
    ...files.flatMap((file) => ["", ...(file.sudo ? ["as root:"] : []), ...differenceLines(file)]),
    ...change.undo.map(({ path }) => `\n${path}: as it was before`),
  ].map(printable);
}

export function injectedLines(
  { name }: HostConfig,
  { change }: Planned,
  services: readonly { readonly name: string }[],
  notes: readonly string[],
): string[] {
  const { folder } = change.manifest;
  return [
    ...notes.map((note) => `  note: ${note}`),
    `\ninjected on ${name}. To bring it into what runs:`,
    `  debugtap restart ${services.map((each) => each.name).join(" ")}`,
    "all as it was: debugtap eject; or by hand, there:",
    `  sh ${folder}/eject.sh`,
  ].map(printable);
}

const said = {
  restored: "as it was, byte for byte",
  same: "was as before already",
  gone: "was removed by somebody: left so",
  stripped: "was changed since: our lines were taken out, the rest is left",
  foreign: "has nothing of ours any more: left as it is",
  kept: "cannot be put back: left as it is",
} as const;

export function ejectedLines({ name }: HostConfig, { folder, files, running, notes }: Ejected): string[] {
  const services = [...new Set(running.map(({ service }) => service))];
  return [
    `${name}: ${folder === undefined ? "nothing to eject" : `${folder} is removed`}`,
    ...files.map(({ path, state }) => `  ${path}: ${said[state]}`),
    ...notes.map((note) => `  note: ${note}`),
    ...services.map((service) => {
      const pids = running.filter((each) => each.service === service).map(({ pid }) => pid);
      return `  ${service} still runs with the debugger in it (pid ${pids.join(", ")})`;
    }),
    ...(services.length === 0 ? [] : [`to be rid of it there too: debugtap restart ${services.join(" ")}`]),
  ].map(printable);
}

/** What comes from the host may not move the cursor; line ends of our own stay. */
function printable(line: string): string {
  return line.replace(/[^\P{Cc}\n]+/gu, " ");
}
