// What one command right after the login tells about the VM.
//
// Rules
// - `$PPID` of that command is the sshd process of this connection. With its start time it stays recognisable, so that a
//   later connection may end it when it still holds our ports.
// - The user's shell may be any, may print what it likes, and may not let us run anything: lines that are not ours are
//   passed over, and a fact that is missing is undefined.

export interface VmFacts {
  readonly user: string | undefined;
  readonly hostname: string | undefined;
  readonly bootId: string | undefined;
  readonly sshdPid: number | undefined;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly sshdStart: string | undefined;
  readonly uid: number | undefined;
  readonly kernel: string | undefined;
}

/**
 * A script for `sh`, without single quotes. It starts as few programs as it can: a link that comes back waits for it.
 * `id` alone would look up the name of every group.
 */
export const factsScript =
  "echo dt.sshdPid=$PPID; b=; s=; read -r b </proc/sys/kernel/random/boot_id; echo dt.bootId=$b; " +
  "read -r s </proc/$PPID/stat; set -- $s; echo dt.sshdStart=${22}; " +
  "echo dt.uid=$(id -u); echo dt.user=$(id -un); echo dt.uname=$(uname -snr)";

export function parseFacts(output: string): VmFacts {
  const facts = new Map([...output.matchAll(/^dt\.(\w+)=(.+?)\r?$/gm)].map(([, key, value]) => [key, value]));
  const integer = (key: string): number | undefined => {
    const value = facts.get(key);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  // `Linux devstack 6.1.0-18-amd64`: system, name, release
  const [system, hostname, ...release] = facts.get("uname")?.split(" ") ?? [];
  return {
    user: facts.get("user"),
    hostname,
    bootId: facts.get("bootId"),
    sshdPid: integer("sshdPid"),
    sshdStart: facts.get("sshdStart"),
    uid: integer("uid"),
    kernel: system === undefined ? undefined : [system, ...release].join(" "),
  };
}
