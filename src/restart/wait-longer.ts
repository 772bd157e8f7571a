// Lets the injected hook wait for its client in one start: `services/NAME.soon` in its folder.
//
// Rules
// - It is over by itself when the restart must be: a debugtap that was killed leaves nothing that a later start would wait for.
// - The folder that the service reads may be root's: then it is written by `sudo -n`. Where that is not allowed, nothing waits.
import { shellQuote } from "../../protocol/shell.ts";
import type { ServiceConfig } from "../config.ts";
import type { Run } from "../transport/process-lookup.ts";
import type { Look } from "./look.ts";

/** What a starting service waits for a client that will come, seconds. */
const clientWithin = 10;

/** For starts within `timeoutMs`. Resolves to what ends it before; undefined where it is no matter. */
export async function waitLonger(
  run: Run,
  { name, wire }: ServiceConfig,
  { folder }: Look,
  timeoutMs: number,
): Promise<(() => Promise<void>) | undefined> {
  if (folder === undefined || wire !== "dap") return undefined;
  const seconds = Math.ceil(timeoutMs / 1000);
  const script = `real=$(readlink -f ${shellQuote(`${folder}/services/${name}.json`)}) && [ -f "$real" ] || exit 1
soon=\${real%.json}.soon
as() { if [ -w "\${real%/*}" ]; then "$@"; else sudo -n "$@" </dev/null; fi; }
`;
  const set = `as sh -c 'umask 022; echo "$2" >"$1.new" && mv -f "$1.new" "$1"' sh "$soon" "${clientWithin} $(($(date +%s) + ${seconds}))"\n`;
  const { code } = await run("exec sh -s", { input: Buffer.from(script + set, "utf8") });
  if (code !== 0) return undefined;
  return async () => {
    await run("exec sh -s", { input: Buffer.from(`${script}as rm -f "$soon"\n`, "utf8") });
  };
}
