// The shell script that shows and follows the log of a service: journal, tab, container, or a command of its own.
//
// Rules
// - Nothing there is changed: a tab's own logging least of all. Its text is looked at each second (`hardcopy`) and what is new is printed;
//   lines that passed its scrollback in between are lost, and long ones are cut as the tab cuts them.
// - What is written there is one private folder, removed at the end. (A shell that says `Terminated` to a lost connection is ended by PIPE.)
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { RunConfig } from "../config-inject.ts";
import { composeScript } from "./compose.ts";
import { journalScript } from "./unit.ts";

export interface LogOptions {
  /** How many of the lines that are there are shown first. */
  readonly lines: number;
  readonly follow: boolean;
}

/** Throws DT_RUN_MISSING for an own command without `logs`, DT_USAGE for one that is not to be followed. */
export function logScript(name: string, how: RunConfig, { lines, follow }: LogOptions): string {
  if (how.kind === "unit") {
    return `XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; export XDG_RUNTIME_DIR
${journalScript(how, `-o short-iso --no-hostname -n ${lines}${follow ? " -f" : ""}`)}`;
  }
  if (how.kind === "screen") return tabScript(how, lines, follow);
  if (how.kind === "compose")
    return composeScript(how, `logs --no-log-prefix --tail ${lines}${follow ? " --follow" : ""} "$service" 2>&1`);
  if (how.logs === undefined) {
    throw new DebugtapError("DT_RUN_MISSING", `debugtap.yml does not say where the log of ${name} is`, {
      fix: `run: { restart: …, logs: "tail -n 50 -f /var/log/${name}.log" }`,
    });
  }
  if (!follow) {
    throw new DebugtapError("DT_USAGE", `the log of ${name} is a command of its own, which follows by itself`, {
      fix: `debugtap logs ${name}`,
    });
  }
  return `exec sh -c ${shellQuote(how.logs)}`;
}

function tabScript(
  { screen, tab }: { readonly screen: string; readonly tab: string },
  lines: number,
  follow: boolean,
): string {
  return String.raw`screen=${shellQuote(screen)}; tab=${shellQuote(tab)}
dir=$(mktemp -d "${"$"}{TMPDIR:-/tmp}/debugtap-log.XXXXXX") || exit 1
trap 'screen -S "$screen" -Q title >/dev/null 2>&1; rm -rf "$dir"' EXIT; # when the screen has answered, it writes no more
trap 'exit 0' TERM INT HUP PIPE
look() { screen -S "$screen" -p "$tab" -X hardcopy -h "$dir/now" >"$dir/said" && screen -S "$screen" -p "$tab" -Q title >/dev/null && [ -f "$dir/now" ]; }
look || { cat "$dir/said" >&2; echo "screen $screen has no tab $tab, or does not run" >&2; exit 1; }
# Blank lines at its end are the rest of the window.
full() { awk '{ line[NR] = $0; if ($0 != "") last = NR } END { for (i = 1; i <= last; i++) print line[i] }' "$1"; }
full "$dir/now" >"$dir/old"; tail -n ${lines} "$dir/old"
${
  follow
    ? String.raw`while sleep 1; do
  rm -f "$dir/now"; look || { echo "the tab $tab of screen $screen is gone" >&2; exit 1; }
  full "$dir/now" >"$dir/new"
  # By how many lines has the text moved up? The last line may have grown meanwhile.
  awk 'NR == FNR { old[++n] = $0; next } { new[++m] = $0 } END {
    from = 1
    for (shift = 0; shift < n; shift++) {
      for (i = shift + 1; i < n && old[i] == new[i - shift]; i++) ;
      if (i < n || index(new[n - shift], old[n]) != 1) continue
      from = n - shift + (new[n - shift] == old[n])
      break
    }
    for (i = from; i <= m; i++) print new[i]
  }' "$dir/old" "$dir/new"
  mv "$dir/new" "$dir/old"
done`
    : ""
}`;
}
