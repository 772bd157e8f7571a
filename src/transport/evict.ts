// The first command of a connection: it ends the sshd processes that earlier connections of ours left behind, then brings
// the facts.
//
// Rules
// - A connection that died in silence lives on at the VM, for minutes to hours, and keeps the ports that we need. Ending its
//   process is the only way to have them back at once.
// - A pid alone proves nothing. Ended is only what has the boot, the pid and the start time that we wrote down, and calls
//   itself `sshd: ` (`sshd-session: ` since OpenSSH 9.8), and what we may signal as the user that we are.
// - What is written down is checked before it goes into a command: a file may hold anything.
import { factsScript } from "./vm-facts.ts";
import type { VmFacts } from "./vm-facts.ts";

/** One sshd process on a VM, for all time. */
export interface SshdProcess {
  readonly bootId: string;
  readonly sshdPid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly sshdStart: string;
}

/** The sshd process of a connection, if the facts say enough to know it again. */
export function sshdProcess(facts: Partial<VmFacts>): SshdProcess | undefined {
  const { bootId, sshdPid, sshdStart } = facts;
  if (typeof bootId !== "string" || !/^[\w-]{1,64}$/.test(bootId)) return undefined;
  if (typeof sshdPid !== "number" || !Number.isSafeInteger(sshdPid) || sshdPid < 2) return undefined;
  if (typeof sshdStart !== "string" || !/^\d{1,20}$/.test(sshdStart)) return undefined;
  return { bootId, sshdPid, sshdStart };
}

// `exec sh -c` is understood alike by sh, bash, zsh, fish and csh, and leaves $PPID as it is.
export function firstCommand(evict: readonly SshdProcess[]): string {
  return `exec sh -c '${evict.map(evictScript).join("")}${factsScript}'`;
}

/** For one process; without /proc nothing is ended. */
function evictScript({ bootId, sshdPid, sshdStart }: SshdProcess): string {
  const proc = `/proc/${sshdPid}`;
  return (
    `b=; s=; { read -r b </proc/sys/kernel/random/boot_id; read -r s <${proc}/stat; } 2>/dev/null; set -- $s; ` +
    `if [ "$b" = "${bootId}" ] && [ "\${22}" = "${sshdStart}" ]; then ` +
    `case "$(tr -d "\\000" <${proc}/cmdline)" in "sshd: "*|"sshd-session: "*) ` +
    `kill -KILL ${sshdPid};; esac; fi; `
  );
}
