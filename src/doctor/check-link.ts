// The way to a host: the login, what sshd forwards, how many sessions it allows, and the clock.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import { lineOn } from "../reach.ts";
import type { Details, FactsThere, PortTrial } from "./facts.ts";
import { Findings, type Finding } from "./finding.ts";
import type { At } from "./settings.ts";

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
    found.error(lookError, lookError.code === "DT_PROGRAM_MISSING" ? installLine(lookError, there) : undefined);
    found.unseen("DT_DOCTOR_PROCESS", `services of ${host.name}`, "the host could not be looked at");
  }
  if (details === undefined || host.ssh === undefined) return found.list;
  checkSessions(there, details, found);
  checkAlive(there, details, found);
  const { skew, skewError } = details;
  if (Number.isNaN(skew)) found.unseen("DT_DOCTOR_CLOCK", "its clock", "`date` there said nothing");
  else if (Math.abs(skew) - skewError < muchSkew)
    found.ok("DT_DOCTOR_CLOCK", `its clock differs by ${(Math.abs(skew) + skewError).toFixed(1)} s at most`);
  else {
    found.note("DT_DOCTOR_CLOCK", `its clock is ${Math.abs(skew).toFixed(1)} s ${skew > 0 ? "ahead" : "behind"}`, {
      why: "hits and the service's own log have other times",
      fix: lineOn(there.ssh, "sudo timedatectl set-ntp true"),
    });
  }
  return found.list;
}

function checkSessions(there: FactsThere, details: Details, found: Findings): void {
  const at = sshdSetting(details, "maxsessions");
  const look = lineOn(there.ssh, "sudo sshd -T | grep -i maxsessions");
  const unseen = (why: string): void => found.unseen("DT_DOCTOR_SESSIONS", "how many sessions sshd allows", why, look);
  if (at === undefined && isHidden(details)) return unseen("this user may not read its settings");
  const allowed = Number(at?.setting.value ?? 10);
  if (allowed < sessionsNeeded) {
    return found.wrong("DT_DOCTOR_SESSIONS", `sshd allows ${allowed} sessions a connection`, {
      why: `debugtap runs up to four commands at once, and reads files: ${sessionsNeeded}`,
      fix: sshdFix(there, details, at, "MaxSessions", "10"),
    });
  }
  const block = sshdSettings(details).find(({ setting: { section, key } }) => section !== "" && key === "maxsessions");
  if (block !== undefined && Number(block.setting.value) < sessionsNeeded)
    return unseen(`\`${block.setting.section}\` has another number; whether that is this login is not known`);
  found.ok("DT_DOCTOR_SESSIONS", `sshd allows ${allowed} sessions a connection`);
}

/** What a relay that is cut off leaves there holds its ports until sshd notices. */
function checkAlive(there: FactsThere, details: Details, found: Findings): void {
  const at = sshdSetting(details, "clientaliveinterval");
  if (!there.services.some(({ dials }) => dials !== undefined) || (at === undefined && isHidden(details))) return;
  const seconds = Number(at?.setting.value.replace(/s$/, "") ?? 0);
  if (seconds !== 0) return found.ok("DT_DOCTOR_ALIVE", `sshd asks every ${at?.setting.value} s whether we are there`);
  found.note("DT_DOCTOR_ALIVE", "sshd does not ask whether we are there", {
    why: "a connection that is cut holds its ports for hours; `debugtap up` ends it from this machine, and from no other",
    fix: sshdFix(there, details, at, "ClientAliveInterval", "15"),
  });
}

function installLine({ fix }: DebugtapError, { ssh }: FactsThere): string | undefined {
  return fix === undefined ? undefined : lineOn(ssh, fix.replace(/ *#.*/, ""));
}

/** What a person does next, where the error's own line only shows it. */
function nearerFix({ code, fix }: DebugtapError, { ssh }: FactsThere): string | undefined {
  return code === "DT_SSH_AUTH" && fix?.startsWith("printf ") !== true
    ? ssh.replace(/^ssh /, "ssh-copy-id ")
    : undefined;
}

function checkTrial({ port, of, direction, outcome }: PortTrial, there: FactsThere, found: Findings): void {
  const [any, one] =
    direction === "out"
      ? ["forwards to ports there", `a forward to port ${port} there (${of})`]
      : ["ports to be opened there", `port ${port} there, opened for ${of}`];
  const what = of === undefined ? any : one;
  if (outcome === "allowed") return found.ok("DT_FORWARD_DENIED", `sshd allows ${what}`);
  const denied =
    outcome.code === "DT_FORWARD_DENIED" || /nothing listens there, so sshd forbids it/.test(outcome.why ?? "");
  const { details } = there;
  if (!denied || details === undefined) return found.error(outcome);
  const own = direction === "out" ? "permitopen" : "permitlisten";
  const at = guiltyOf(details, own, direction);
  // What was tried is another port.
  if (direction === "out" && (at === undefined || at.setting.key === own)) {
    if (of !== undefined && isNamed(at?.setting.value ?? "", port))
      return found.ok("DT_FORWARD_DENIED", `sshd allows ${what}, by PermitOpen`);
    if (at === undefined && isHidden(details)) {
      const look = lineOn(there.ssh, "sudo sshd -T | grep -iE 'allowtcpforwarding|permitopen|disableforwarding'");
      return found.unseen(
        "DT_FORWARD_DENIED",
        `whether sshd allows ${what}`,
        "it forbids another port, and this user may not read its settings",
        look,
      );
    }
  }
  const key = at?.setting.key ?? "allowtcpforwarding";
  const [name, value] = names[key] ?? ["AllowTcpForwarding", "yes"];
  if (at?.setting.key === own && of === undefined && at.setting.value !== "none") {
    return found.note("DT_FORWARD_DENIED", `sshd allows of ${what} only some`, {
      why: `${at.file.path}:${at.setting.line} has ${name} ${at.setting.value}`,
    });
  }
  const byKey = at === undefined ? keyOption(details, own) : undefined;
  found.wrong("DT_FORWARD_DENIED", `sshd does not allow ${what}`, {
    why:
      byKey !== undefined
        ? `${byKey.file.path}:${byKey.setting.line} begins with ${byKey.setting.value}`
        : at === undefined
          ? (outcome.why ?? "its settings forbid it")
          : `${at.file.path}:${at.setting.line} has ${name} ${at.setting.value}${at.setting.section === "" ? "" : ` (${at.setting.section})`}`,
    fix: byKey === undefined ? sshdFix(there, details, at, name, value) : keyFix(there, byKey, own),
  });
}

/** What forbids it, in sshd's settings: the first counts, and a Match block goes before what holds for all. */
function guiltyOf(details: Details, own: string, direction: "out" | "back"): At | undefined {
  const keys = ["allowtcpforwarding", "disableforwarding", own];
  const guilty = (each: At | undefined): boolean =>
    each !== undefined && forbids(each.setting.value, each.setting.key, direction);
  const global = keys.map((key) => sshdSetting(details, key)).find(guilty);
  return (
    global ??
    sshdSettings(details).find((each) => each.setting.section !== "" && keys.includes(each.setting.key) && guilty(each))
  );
}

function isNamed(value: string, port: number): boolean {
  return new RegExp(`(?:^|[\\s:])${port}(?:$|\\s)`).test(value);
}

/** Of authorized_keys. Which key let us in is not known: one with such options is the likely cause where sshd's settings are none. */
function keyOption({ files }: Details, own: string): At | undefined {
  return files
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })))
    .find(
      ({ setting: { key, value } }) =>
        key === "options" && (/restrict|no-port-forwarding/.test(value) || value.includes(`${own}=`)),
    );
}

function keyFix({ ssh }: FactsThere, { file, setting }: At, own: string): string {
  const edits = [
    "s/no-port-forwarding,\\{0,1\\}//",
    `s/${own}="[^"]*",\\{0,1\\}//g`,
    ...(/restrict/.test(setting.value) && !/[^-]port-forwarding/.test(setting.value)
      ? ["s/restrict/restrict,port-forwarding/"]
      : []),
  ];
  const words = edits.map((edit) => `-e ${shellQuote(`${setting.line}${edit}`)}`).join(" ");
  return lineOn(ssh, `${file.writable ? "" : "sudo "}sed -i ${words} ${shellQuote(file.path)}`);
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

/** Also of its Match blocks, in the order in which they count. */
function sshdSettings({ files }: Details): At[] {
  return files
    .filter(({ path }) => /sshd_config/.test(path))
    .flatMap((file) => file.settings.map((setting) => ({ file, setting })));
}

/** Of sshd the first counts. */
function sshdSetting(details: Details, key: string): At | undefined {
  return sshdSettings(details).find(({ setting }) => setting.section === "" && setting.key === key);
}

/** `at`: what is to be changed; undefined: nothing says it yet. */
function sshdFix({ ssh }: FactsThere, details: Details, at: At | undefined, name: string, value: string): string {
  const { sshd } = details;
  const file = at?.file.path ?? sshd?.file ?? "/etc/ssh/sshd_config";
  const sudo = details.files.find(({ path }) => path === file)?.writable === true ? "" : "sudo ";
  const edit = at === undefined ? `1i ${name} ${value}` : `s/^[[:space:]]*${name}[[:space:]=].*/${name} ${value}/I`;
  const reload = sshd === undefined ? "sudo systemctl reload ssh" : `${sshd.own ? "" : "sudo "}kill -HUP ${sshd.pid}`;
  return lineOn(ssh, `${sudo}sed -i ${shellQuote(edit)} ${shellQuote(file)} && ${reload}`);
}
