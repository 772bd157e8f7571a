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
 * A script for `sh`. Where there is /proc it starts no program at all: a link that comes back waits for it, and on a VM that
 * is busy each program costs more than the login.
 */
export const factsScript =
  "u= s= b= n= o= r=; " +
  "while read -r k v x; do case $k in Uid:) u=$v;; esac; done </proc/$$/status; read -r s </proc/$PPID/stat; " +
  "read -r b </proc/sys/kernel/random/boot_id; read -r n </proc/sys/kernel/hostname; " +
  "read -r o </proc/sys/kernel/ostype; read -r r </proc/sys/kernel/osrelease; set -- $s; r=${r:+$o $r}; " +
  "echo dt.sshdPid=$PPID; echo dt.sshdStart=${22}; echo dt.bootId=$b; echo dt.hostname=${n:-$(uname -n)}; " +
  "echo dt.kernel=${r:-$(uname -sr)}; echo dt.uid=${u:-$(id -u)}; echo dt.user=${LOGNAME:-$(id -un)}";

export function parseFacts(output: string): VmFacts {
  const facts = new Map([...output.matchAll(/^dt\.(\w+)=(.+?)\r?$/gm)].map(([, key, value]) => [key, value]));
  const integer = (key: string): number | undefined => {
    const value = facts.get(key);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  return {
    user: facts.get("user"),
    hostname: facts.get("hostname"),
    bootId: facts.get("bootId"),
    sshdPid: integer("sshdPid"),
    sshdStart: facts.get("sshdStart"),
    uid: integer("uid"),
    kernel: facts.get("kernel"),
  };
}
