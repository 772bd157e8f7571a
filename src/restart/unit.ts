// A systemd unit: what is asked of it, how it is restarted, and in its own words why it does not run.
//
// Rules
// - Root is got by being root, or by `sudo -n`; where neither is, polkit may allow it. Nothing asks for a password.
// - What the journal says is what this user may read, else what root may.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { HostConfig } from "../config.ts";
import type { RunConfig } from "../config-inject.ts";
import type { Run } from "../transport/process-lookup.ts";

export type UnitRun = Extract<RunConfig, { kind: "unit" }>;

const properties = [
  "LoadState",
  "ActiveState",
  "SubState",
  "Result",
  "ExecMainCode",
  "ExecMainStatus",
  "NRestarts",
  "ControlGroup",
];

/** Words of a POSIX shell. */
export function unitShowScript(unit: UnitRun): string {
  return `systemctl ${scope(unit)}show --no-pager ${properties.map((name) => `-p ${name}`).join(" ")} -- ${shellQuote(unit.unit)}`;
}

function scope({ user }: UnitRun): string {
  return user ? "--user " : "";
}

/**
 * Resolves when systemd says that it is started. Rejects with DT_SUDO_NEEDED, and DT_RESTART_FAILED where there is no such unit; one whose
 * start failed is for the next look to tell.
 */
export async function restartUnit(run: Run, unit: UnitRun, host: HostConfig, timeoutMs: number): Promise<void> {
  const command = `systemctl ${scope(unit)}restart ${shellQuote(unit.unit)}`;
  const script = `XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; export XDG_RUNTIME_DIR; LC_ALL=C; export LC_ALL
${
  unit.user
    ? `exec ${command}`
    : `[ "$(id -u)" = 0 ] && exec ${command}
sudo -n -l ${command} >/dev/null 2>&1 && exec sudo -n ${command}
exec systemctl --no-ask-password restart ${shellQuote(unit.unit)}`
}`;
  const { code, stderr } = await run("exec sh -s", { input: Buffer.from(script, "utf8"), timeoutMs });
  if (code === 0) return;
  const said = stderr.trim().split("\n").slice(0, 3).join("; ");
  if (/authentication|Access denied|password|not permitted|not allowed/i.test(said)) {
    const line = `sudo systemctl restart ${shellQuote(unit.unit)}`;
    throw new DebugtapError("DT_SUDO_NEEDED", `${unit.unit} is the system's, and it needs root to restart it`, {
      why: `this user is not root on ${host.ssh ?? "this machine"}, and \`sudo -n\` is not allowed: ${said}`,
      fix: host.ssh === undefined ? line : `ssh -t ${shellQuote(host.ssh)} ${line}`,
    });
  }
  // `Job for x.service failed …`: its state says more.
  if (/^(?:Job for|A dependency job)/m.test(stderr)) return;
  throw new DebugtapError("DT_RESTART_FAILED", `${unit.unit} was not restarted`, {
    why: said === "" ? `systemctl ended with ${code ?? "a signal"}` : said,
    fix: `systemctl ${scope(unit)}status ${shellQuote(unit.unit)}`,
  });
}

/** Why it does not run, by what `systemctl show` says: undefined while it may still come. */
export function unitFailure(show: Readonly<Record<string, string>>): string | undefined {
  const {
    ActiveState: active,
    SubState: sub,
    Result: result,
    ExecMainStatus: status,
    NRestarts: restarts = "0",
  } = show;
  if (active !== "failed" && sub !== "auto-restart" && !(active === "inactive" && sub === "dead")) return undefined;
  const code = { "1": "exited with", "2": "was ended by signal", "3": "dumped core at signal" }[
    show["ExecMainCode"] ?? ""
  ];
  const parts = [
    `${active}${sub === undefined || sub === active ? "" : ` (${sub})`}`,
    ...(code === undefined ? [] : [`its process ${code} ${status ?? "?"}`]),
    ...(result === undefined || result === "success" ? [] : [`Result=${result}`]),
    ...(restarts === "0" ? [] : [`restarted ${restarts} times by systemd`]),
  ];
  return parts.join(", ");
}

/** Words of a POSIX shell that run `journalctl …` as who may read it: `$journal -u x`. */
export function journalScript(unit: UnitRun, more: string): string {
  const words = `journalctl ${unit.user ? "--user-unit" : "-u"} ${shellQuote(unit.unit)} --no-pager -q ${more}`;
  if (unit.user) return `exec ${words}`;
  return `case " $(id -un) $(id -Gn) " in *" root "*|*" systemd-journal "*|*" adm "*|*" wheel "*) exec ${words};; esac
sudo -n -l ${words} >/dev/null 2>&1 && exec sudo -n ${words}
exec ${words}`;
}

/** The last lines of the journal, for the error of a unit that does not come back. */
export async function lastLines(run: Run, unit: UnitRun): Promise<string[]> {
  const script = journalScript(unit, "-n 10 -o cat");
  const { stdout } = await run("exec sh -s", { input: Buffer.from(script, "utf8") });
  return stdout.split("\n").filter((line) => line.trim() !== "");
}
