// What a script on a host says of itself, as results and errors.
//
// Rules
// - It prints a word, a tab and a value a line; the last of them is `done`, or why not.
// - A file that could not be put back is the error, whatever else went well.
import { DebugtapError } from "../../protocol/errors.ts";
import { shellQuote } from "../../protocol/shell.ts";
import type { HostConfig } from "../config.ts";
import { lineOn, sshTo } from "../reach.ts";
import type { ExecResult } from "../transport/remote-exec.ts";
import type { Manifest } from "./manifest.ts";

/** What a script on the host has told, line by line. */
export type Told = readonly (readonly [word: string, value: string])[];

export function toldBy({ stdout }: ExecResult): Told {
  return stdout.split("\n").flatMap((line) => {
    const at = line.indexOf("\t");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
}

/** Throws DT_EJECT_CHANGED, DT_INJECT_BUSY, DT_INJECT_FAILED, DT_INJECT_PLACE and DT_SUDO_NEEDED. */
export function check(
  told: Told,
  { code, stderr }: ExecResult,
  host: HostConfig,
  manifest: Manifest,
  byHand?: string,
): void {
  const kept = told.filter(([word]) => word === "kept").map(([, path]) => path);
  if (kept.length > 0) {
    const [first = ""] = kept;
    throw new DebugtapError("DT_EJECT_CHANGED", `${kept.join(", ")} cannot be put back: changed since inject`, {
      why: `the lines of debugtap cannot be told in it any more; it was left as it is, what it was is in ${manifest.folder}/kept`,
      fix: lineOn(sshTo(host), `grep -n -e debugtap ${shellQuote(first)}`),
    });
  }
  if (told.some(([word]) => word === "done")) return;
  const [failure = "", ...words] = (told.find(([word]) => word === "fail")?.[1] ?? "").split(" ");
  const why = words.join(" ");
  if (failure === "busy") {
    throw new DebugtapError("DT_INJECT_BUSY", `another inject or eject is at work on ${host.name}`, {
      why: `${why} there has not ended in a minute`,
      fix: lineOn(sshTo(host), `ps -fp ${why.replace(/\D/g, "")}`),
    });
  }
  if (failure === "sudo") throw noSudo(host, why, manifest, byHand);
  if (failure === "place") throw noPlace(host, why);
  throw new DebugtapError("DT_INJECT_FAILED", `a step failed on ${host.name}${why === "" ? "" : `: ${why}`}`, {
    why: stderr.trim().slice(-500) || `the script ended with ${code ?? "a signal"}`,
    fix: lineOn(sshTo(host), `sh ${shellQuote(`${manifest.folder}/eject.sh`)}`),
  });
}

export function noPlace(host: HostConfig, why: string): DebugtapError {
  return new DebugtapError("DT_INJECT_PLACE", `nothing can be written on ${host.name}`, {
    why: why === "" ? "neither the home directory nor /var/tmp or /tmp takes files" : why,
    fix: lineOn(sshTo(host), "df -h ~ /var/tmp /tmp; ls -ld ~ ~/.cache"),
  });
}

/** `byHand`: a script there that asks for the password itself. */
function noSudo(host: HostConfig, files: string, { shared }: Manifest, byHand: string | undefined): DebugtapError {
  const rule = `echo "$(id -un) ALL=(root) NOPASSWD: ALL" | sudo tee /etc/sudoers.d/debugtap-inject`;
  const needed = [files, shared ?? "", "systemctl daemon-reload"].filter((each) => each !== "");
  return new DebugtapError("DT_SUDO_NEEDED", `root is needed on ${host.name}, and sudo asks for a password there`, {
    why: `nothing was changed; it is needed for ${needed.join(", ")}`,
    fix: lineOn(sshTo(host), byHand ?? rule, true),
  });
}
