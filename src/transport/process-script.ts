// The shell command that looks a process up on its host, by the two ports of its connection or by its pid.
//
//   MARK pid=4711                   begins a process; what follows is about it
//   MARK ppid= started= uid= passwd=UID PASSWD argv= cwd= exe= cgroup= env= ancestors=PID:STARTED PID:STARTED …
//   MARK socket=UID PASSWD          the socket is another user's: each process that follows could be it
//
// Each stands behind a newline, and its value is raw up to the next mark, NULs and newlines included. MARK is drawn anew for
// each command, so no command line can hold it. PASSWD begins with the user's name and a colon.
// Rules
// - POSIX sh and what every Linux has, busybox included: ls, sed, grep, tr, head, sort, readlink; `ss` if it is there.
// - The user's shell may be any: `exec sh -c '…'` on one line, without `'`, `!` and `\\`, is read alike by sh, zsh, fish, csh.
// - Only numbers and checked names of variables are put into it. Every file is read to a limit, and few processes are shown.
// - Processes vanish while we look: each read may fail, and says nothing then.
// - Each program started costs more than all that the shell does itself.

/** Bytes of one value, e.g. of a command line. */
const maxValue = 16_384;
/** Processes that share the socket, and processes that could be the one. */
const maxHolders = 4;
const maxCandidates = 8;
const maxAncestors = 5;

/** A newline inside a variable's value. */
export const newlineMark = "\u0001";

/** The processes that hold the connection from `srcPort` to `dstPort`. */
export function connectionCommand(mark: string, srcPort: number, dstPort: number, env: readonly string[]): string {
  const entry = `${hexPort(srcPort)} [0-9A-F]*${hexPort(dstPort)} `;
  return shell(mark, env, [
    // ss -pe:  ESTAB 0 0 127.0.0.1:43210 127.0.0.1:5678 users:(("python3",pid=4711,fd=3),("python3",pid=4712,fd=3)) uid:1000 ino:9876 sk:…
    `line=$(ss -Htnpe "sport = :${srcPort} and dport = :${dstPort}") && seen=1; rest=$line;`,
    `while :; do case $rest in *,pid=*) rest=\${rest#*,pid=}; show \${rest%%,*};; *) break;; esac; done;`,
    `[ "$shown" ] && exit;`,

    // It is another user's: of root's, no uid is printed.
    `found=; case $line in *" ino:"[1-9]*) inode=\${line#* ino:}; uid=0; case $line in *" uid:"*) uid=\${line#* uid:};; esac;`,
    `found="\${uid%% *} \${inode%% *}";; esac;`,
    // No ss. /proc/net/tcp:  sl local remote st tx:rx tr:when retrnsmt uid timeout inode …
    `socket() { grep -ih "${entry}" $1/net/tcp $1/net/tcp6 | while read -r a b c d e f g uid h inode i; do`,
    `[ "$inode" -gt 0 ] && echo $uid $inode && break; done; };`,
    `[ "$found$seen" ] || found=$(socket /proc);`,
    // A container with a network of its own: one look into each other network, through one process in it.
    `[ "$found" ] || own=$(readlink /proc/self/ns/net);`,
    `[ "$found" ] || for p in $(ls -l /proc/[0-9]*/ns/net | sed -n "s|.* /proc/\\([0-9]*\\)/ns/net -> \\(.*\\)|\\2 \\1|p"`,
    `| sort -u -k1,1 | grep -vFe "\${own:-none} " | sed -e "s/.* //" -e 32q); do found=$(socket /proc/$p); [ "$found" ] && break; done;`,
    `[ "$found" ] || exit 0;`,
    `uid=\${found% *}; inode=\${found#* };`,
    // ls prints the directory `/proc/4711/fd:` before its links `… 3 -> socket:[12345]`.
    `for p in $(ls -l /proc/[0-9]*/fd | sed -n -e "/^.proc.[0-9]*.fd:$/h" -e "/ socket:.$inode]$/{g;s/[^0-9]//gp;}");`,
    `do show $p; done;`,
    `[ "$shown" ] && exit;`,

    // Another user's: /proc still shows who runs, so the Pythons of that user are who it could be. Not this very command.
    `mark socket; passwd $uid;`,
    `all=$(grep -ls "^Uid:[^0-9]*$uid[^0-9]" /proc/[0-9]*/status | sed "s/status$/cmdline/"); limit=${maxCandidates};`,
    `[ "$all" ] && for p in $(grep -l -e "[p]ython" -e "[p]ypy" $all | tr -dc "0-9\\n"); do show $p; done`,
  ]);
}

/** One process by its pid. */
export function pidCommand(mark: string, pid: number, env: readonly string[]): string {
  return shell(mark, env, [`show ${pid}`]);
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}

function shell(mark: string, env: readonly string[], body: readonly string[]): string {
  const names = env.filter((name) => /^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name)).slice(0, 32);
  const script = [
    `exec 2>/dev/null; LC_ALL=C; export LC_ALL; shown=; limit=${maxHolders};`,
    `mark() { printf "\\n${mark} $1="; };`,
    // What follows the last `)`, which ends the program's name:  state ppid … (17 fields) … starttime
    `stat() { s=; while read -r l; do s="$s $l"; done </proc/$1/stat; [ "$s" ] || return 1;`,
    `set -- \${s##*)}; ppid=$2; started=\${20}; };`,
    `passwd() { printf "%s " $1; while IFS=: read -r n x u l; do [ "$u" = "$1" ] && echo "$n:" && return; done </etc/passwd;`,
    `getent passwd $1; };`,
    // Once each, up to the limit.
    `show() { case "$shown " in *" $1 "*) return;; esac; [ $limit -gt 0 ] && stat $1 || return;`,
    `shown="$shown $1"; limit=$((limit-1));`,
    `mark pid; echo $1; mark ppid; echo $ppid; mark started; echo $started;`,
    `mark argv; head -c ${maxValue} /proc/$1/cmdline; mark cgroup; while read -r l; do printf "%s\\n" "$l"; done </proc/$1/cgroup;`,
    `mark cwd; readlink /proc/$1/cwd; mark exe; readlink /proc/$1/exe;`,
    `id=; while read -r k id l; do [ "$k" = Uid: ] && break; done </proc/$1/status; mark uid; echo $id; mark passwd; passwd $id;`,
    names.length === 0
      ? ""
      : `mark env; tr "\\n\\000" "\\001\\n" </proc/$1/environ | grep -E "^(${names.join("|")})=" | head -c ${maxValue};`,
    `mark ancestors; i=0; while [ $i -lt ${maxAncestors} ] && [ "$ppid" -gt 1 ]; do p0=$ppid; stat $p0 || break;`,
    `echo $p0:$started; i=$((i+1)); done; };`,
    ...body,
  ];
  return `exec sh -c '${script.filter((part) => part !== "").join(" ")}'`;
}
