// The way to a host: the login, what sshd forwards, how many sessions it allows, and the clock.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { Details, FactsThere, PortTrial } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import { onHost } from "./fix.ts";

/** Seconds. */
const muchSkew = 2;
/** One connection for commands: four at once, and files. */
const sessionsNeeded = 5;

export function checkLink(there: FactsThere): Finding[] {
  const { host, linkError, lookError, login, details } = there;
  const found = new Findings(host.name);
  if (linkError !== undefined) {
    found.error(linkError, nearerFix(linkError, there));
    found.unseen("DT_DOCTOR_SURVEY", `forwards, services and leftovers of ${host.name}`, "there is no connection");
    return found.list;
  }
  if (login !== undefined) found.ok("DT_DOCTOR_LOGIN", login);
  for (const trial of there.trials) checkTrial(trial, there, found);
  if (lookError !== undefined) {
    found.error(lookError);
    found.unseen("DT_DOCTOR_PROCESS", `services of ${host.name}`, "the host could not be looked at");
  }
  if (details === undefined || host.ssh === undefined) return found.list;
  checkSessions(there, details, found);
  const { skew, skewError } = details;
  if (Math.abs(skew) - skewError < muchSkew)
    found.ok("DT_DOCTOR_CLOCK", `its clock differs by ${Math.abs(skew).toFixed(1)} s at most`);
  else {
    found.note("DT_DOCTOR_CLOCK", `its clock is ${Math.abs(skew).toFixed(1)} s ${skew > 0 ? "ahead" : "behind"}`, {
      why: "hits and the service's own log have other times",
      fix: onHost(there.ssh, "sudo timedatectl set-ntp true"),
    });
  }
  return found.list;
}

function checkSessions(there: FactsThere, details: Details, found: Findings): void {
  const said = sshdSetting(details, "maxsessions")?.setting.value;
  if (said === undefined && isHidden(details)) {
    const look = onHost(there.ssh, "sudo sshd -T | grep -i maxsessions");
    return found.unseen(
      "DT_DOCTOR_SESSIONS",
      "how many sessions sshd allows",
      "this user may not read its settings",
      look,
    );
  }
  const allowed = Number(said ?? 10);
  if (allowed >= sessionsNeeded) return found.ok("DT_DOCTOR_SESSIONS", `sshd allows ${allowed} sessions a connection`);
  found.wrong("DT_DOCTOR_SESSIONS", `sshd allows ${allowed} sessions a connection`, {
    why: `debugtap runs up to four commands at once, and reads files: ${sessionsNeeded}`,
    fix: sshdFix(there, details, ["maxsessions"], "MaxSessions", "10"),
  });
}

/** What a person does next, where the error's own line only shows it. */
function nearerFix({ code }: DebugtapError, { ssh }: FactsThere): string | undefined {
  return code === "DT_SSH_AUTH" ? ssh.replace(/^ssh /, "ssh-copy-id ") : undefined;
}

function checkTrial({ port, of, direction, outcome }: PortTrial, there: FactsThere, found: Findings): void {
  const what = direction === "out" ? `a forward to port ${port} there (${of})` : `port ${port} there, opened for ${of}`;
  if (outcome === "allowed") return found.ok("DT_FORWARD_DENIED", `sshd allows ${what}`);
  const denied =
    outcome.code === "DT_FORWARD_DENIED" || /nothing listens there, so sshd forbids it/.test(outcome.why ?? "");
  const { details } = there;
  if (!denied || details === undefined) return found.error(outcome);
  const own = direction === "out" ? "permitopen" : "permitlisten";
  const named = sshdSetting(details, own)?.setting.value ?? "";
  const guilty = ["allowtcpforwarding", "disableforwarding", own].find((key) =>
    forbids(sshdSetting(details, key)?.setting.value, key, direction),
  );
  // What was tried is another port.
  if (direction === "out" && (guilty === own || guilty === undefined)) {
    if (new RegExp(`(?:^|[\\s:])${port}(?:$|\\s)`).test(named))
      return found.ok("DT_FORWARD_DENIED", `sshd allows ${what}, by PermitOpen`);
    if (isHidden(details)) {
      const look = onHost(there.ssh, "sudo sshd -T | grep -iE 'allowtcpforwarding|permitopen|disableforwarding'");
      return found.unseen(
        "DT_FORWARD_DENIED",
        `whether sshd allows ${what}`,
        "it forbids another port, and this user may not read its settings",
        look,
      );
    }
  }
  const [name, value] = names[guilty ?? "allowtcpforwarding"] ?? ["AllowTcpForwarding", "yes"];
  const at = guilty === undefined ? undefined : sshdSetting(details, guilty);
  found.wrong("DT_FORWARD_DENIED", `sshd does not allow ${what}`, {
    why:
      at === undefined
        ? (outcome.why ?? "its settings forbid it")
        : `${at.file.path}:${at.setting.line} has ${name} ${at.setting.value}`,
    fix: sshdFix(there, details, guilty === undefined ? ["allowtcpforwarding"] : [guilty], name, value),
  });
}

const names: Readonly<Record<string, readonly [name: string, value: string]>> = {
  allowtcpforwarding: ["AllowTcpForwarding", "yes"],
  disableforwarding: ["DisableForwarding", "no"],
  permitopen: ["PermitOpen", "any"],
  permitlisten: ["PermitListen", "any"],
};

function forbids(value: string | undefined, key: string, direction: "out" | "back"): boolean {
  if (value === undefined) return false;
  if (key === "allowtcpforwarding") return value === "no" || value === (direction === "out" ? "remote" : "local");
  return key === "disableforwarding" ? value === "yes" : value !== "any";
}

function isHidden({ files }: Details): boolean {
  const own = files.filter(({ path }) => /sshd_config/.test(path));
  return own.length === 0 || own.some(({ readable }) => !readable);
}

/** Of sshd the first counts. */
function sshdSetting({ files }: Details, key: string) {
  return files
    .filter(({ path }) => /sshd_config/.test(path))
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })))
    .find(({ setting }) => setting.key === key);
}

function sshdFix({ ssh }: FactsThere, details: Details, keys: readonly string[], name: string, value: string): string {
  const { sshd } = details;
  const at = keys.map((key) => sshdSetting(details, key)).find((found) => found !== undefined);
  const file = at?.file.path ?? sshd?.file ?? "/etc/ssh/sshd_config";
  const sudo = details.files.find(({ path }) => path === file)?.writable === true ? "" : "sudo ";
  const edit = at === undefined ? `1i ${name} ${value}` : `s/^[[:space:]]*${name}[[:space:]].*/${name} ${value}/I`;
  const reload = sshd === undefined ? "sudo systemctl reload ssh" : `${sshd.own ? "" : "sudo "}kill -HUP ${sshd.pid}`;
  return onHost(ssh, `${sudo}sed -i ${shellQuote(edit)} ${shellQuote(file)} && ${reload}`);
}
