// The shell script that looks at what the survey has not: environments, sockets, settings, versions, what inject has left.
//
//   MARK me=0 all                            uid; `hidden`: /proc does not show what others run
//   MARK pid=4711                            a process; MARK env=NAME=value lines
//   MARK net=                                state local remote uid inode, in hex as /proc/net/tcp has them
//   MARK fds=                                inode pid; MARK name=pid command line
//   MARK file=w PATH                         then line, section, key, value, with tabs; `w` it can be written, `r` read, `-` neither.
//                                            A Match block of sshd is a section. Of authorized_keys the key is `options`
//   MARK ask=PYTHON PATHS                    then one line of JSON
//   MARK namespace=BOOT pid:[4026531836]     of this shell
//   MARK inner=                              of each process in a pid namespace within it: pid, the one that it has there, its namespace if that shows
//   MARK folder=m PATH                       then `services NAME`; MARK state=NAME PID + NAMESPACE, then its text; `-`: no process has that pid
//   MARK unit=                               `systemctl show` of a unit
//   MARK sshd=PID UID FILE                   the listener of this very connection
//   MARK left=PID                            an sshd of a relay that is gone, and which runs on
//
// Rules
// - As survey-script.ts: POSIX sh, nothing is written, no sudo, every value is bounded.
// - Of settings only the keys below are read, of environments only these names; of `transport_url` only that it is there.
import { shellQuote } from "../../protocol/shell.ts";
import { baseWords } from "../inject/folder.ts";

const keys =
  "rpc_response_timeout service_down_time heartbeat_timeout_threshold transport_url harakiri enable-threads threads master workers processes " +
  "osapi_volume_workers num_engine_workers cheaper ini yaml xml inherit timeout allowtcpforwarding permitopen permitlisten disableforwarding maxsessions clientaliveinterval include";
const variables =
  "DEBUGTAP_HOOK|GEVENT_SUPPORT|PYDEVD_DISABLE_FILE_VALIDATION|UWSGI_ENABLE_THREADS|UWSGI_MASTER|UWSGI_THREADS|UWSGI_HARAKIRI|UWSGI_PROCESSES|" +
  "UWSGI_WORKERS|UWSGI_INI|UWSGI_YAML|UWSGI_XML|UWSGI_JSON|OS_DEFAULT__RPC_RESPONSE_TIMEOUT|OS_DEFAULT__SERVICE_DOWN_TIME|" +
  "OS_OSLO_MESSAGING_RABBIT__HEARTBEAT_TIMEOUT_THRESHOLD|GUNICORN_CMD_ARGS|WEB_CONCURRENCY";

export const detailsTimeoutMs = 120_000;

export interface DetailsQuestion {
  readonly pids: readonly number[];
  /** Absolute. */
  readonly files: readonly string[];
  /** Interpreter and PYTHONPATH, a tab between. */
  readonly interpreters: readonly string[];
  /** One of `systemctl --user` is `user:NAME`. */
  readonly units: readonly string[];
  /** `pid start` of sshd processes, `start` as /proc/PID/stat has it. */
  readonly left: readonly string[];
}

/** For the standard input of `sh -s`. */
export function detailsScript(question: DetailsQuestion, mark: string): string {
  const list = (values: readonly string[]): string =>
    values.map((value) => `'${value.replaceAll("'", `'\\''`)}'`).join(" ");
  return script
    .replaceAll("MARK", mark)
    .replace("'PIDS'", list(question.pids.map(String)))
    .replace("'FILES'", () => list(question.files))
    .replace("'ASKS'", () => list(question.interpreters))
    .replace("'UNITS'", () => list(question.units))
    .replace("'LEFT'", () => list(question.left))
    .replace("PROGRAM", () => shellQuote(program));
}

// For any Python from 2.7 on; nothing is imported but the standard library.
const program = `
import json, os, sys
def version(name):
    try:
        from importlib import metadata
        return metadata.version(name)
    except Exception:
        return ""
def origin(name):
    try:
        import importlib.util
        spec = importlib.util.find_spec(name)
        return spec.origin if spec and spec.loader and spec.origin else ""
    except Exception:
        return ""
packages = {}
for name in ("debugpy", "pydevd", "eventlet", "gevent"):
    where = origin(name)
    if where:
        packages[name] = {"version": version(name), "origin": where}
base = getattr(sys, "base_prefix", sys.prefix)
lent = "/usr/lib/python3/dist-packages"
lendable = [n for n in ("debugpy", "pydevd") if base == "/usr" and sys.version_info[0] == 3 and os.path.isdir(lent) and (os.path.exists(lent + "/" + n) or os.path.exists(lent + "/" + n + ".py"))]
print(json.dumps({"packages": packages, "venv": sys.prefix if sys.prefix != base else "", "lendable": lendable}))
`;

const script = String.raw`
exec 2>/dev/null; LC_ALL=C; export LC_ALL; PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE
mark() { printf '\nMARK %s=' "$1"; }
if command -v timeout >/dev/null; then limit() { timeout "$@" </dev/null; }; else limit() { shift; "$@" </dev/null; }; fi
me=$(id -u)
sees=all; cat /proc/1/stat >/dev/null || sees=hidden
mark me; echo "$me $sees"
tab=$(printf '\t')

hooks=
for p in 'PIDS'; do
  [ -d /proc/$p ] || continue
  mark pid; echo "$p"
  cat /proc/$p/environ >/dev/null || continue
  mark env; env=$(tr '\n\000' ' \n' </proc/$p/environ | grep -E '^(${variables})=' | head -c 4096); printf '%s\n' "$env"
  hook=$(printf '%s\n' "$env" | sed -n 's|^DEBUGTAP_HOOK=\(/.*\)/services/[^/]*\.json$|\1|p')
  case "$hooks" in *"|$hook|"*) ;; *) hooks="$hooks|$hook|";; esac
done

# Twice: while sockets come and go, the kernel may leave out a row of one reading.
net=$(for again in 1 2; do cat /proc/net/tcp /proc/net/tcp6; done | awk 'seen[$2, $3, $10]++ { next } $4 == "0A" || ($4 == "01" && ($2 ~ /^0100007F:/ || $2 ~ /0100007F:/ || $2 ~ /01000000:/)) { print $4, $2, $3, $8, $10 }' | head -n 2000)
mark net; printf '%s\n' "$net"
mark fds
fds=$(ls -l /proc/[0-9]*/fd | awk -v want="$(printf '%s\n' "$net" | awk '{ print $5 }' | tr '\n' ' ')" '
  BEGIN { n = split(want, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
  /^\/proc\// { split($0, part, "/"); pid = part[3] }
  match($0, /socket:\[[0-9]+\]/) { inode = substr($0, RSTART + 8, RLENGTH - 9); if (inode in wanted) print inode, pid }')
printf '%s\n' "$fds"
for p in $(printf '%s\n' "$fds" | cut -d ' ' -f 2 | sort -u); do mark name; printf '%s ' "$p"; tr '\000\n' '  ' </proc/$p/cmdline | head -c 300; done

listener=$PPID; config=/etc/ssh/sshd_config
while [ "$listener" ] && [ "$listener" -gt 1 ]; do
  line=$(tr '\000' ' ' </proc/$listener/cmdline)
  case $line in *'[listener]'*|*/sshd\ *|*/sshd)
    case " $line " in *" -f "*) config=$(printf '%s' "$line" | sed 's/.* -f \([^ ]*\).*/\1/');; esac
    mark sshd; echo "$listener $(sed -n 's/^Uid:[^0-9]*\([0-9]*\).*/\1/p' /proc/$listener/status) $config"; break;;
  esac
  listener=$(sed 's/.*) . //' /proc/$listener/stat | cut -d ' ' -f 1)
done

dropins=; [ "$config" = /etc/ssh/sshd_config ] && dropins='/etc/ssh/sshd_config.d/*.conf'
settings() {
  f=$1
  if [ -d "$f" ] && [ -x "$f" ]; then for g in "$f"/*.conf; do settings "$g"; done; return; fi
  if [ ! -r "$f" ]; then
    d=${"$"}{f%/*}; [ -e "$f" ] || { [ -d "$d" ] && [ ! -x "$d" ]; } && { mark file; echo "- $f"; }
    return
  fi
  [ -f "$f" ] || return
  mark file; if [ -w "$f" ]; then echo "w $f"; else echo "r $f"; fi
  head -c 500000 "$f" | awk -v keys='${keys}' '
    BEGIN { n = split(keys, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
    { sub(/\r$/, ""); sub(/^[ \t]+/, "") }
    /^\[.*\]/ { section = $0; sub(/^\[[ \t]*/, "", section); sub(/[ \t]*\].*/, "", section); print NR "\t" section "\t[\t"; next }
    /^[Mm][Aa][Tt][Cc][Hh][ \t]+[^= \t]/ { section = $0; next }
    /^[<{]?[ \t]*"?uwsgi"?(:[ \t{]*|[ \t]*>)$/ { section = "uwsgi"; print NR "\t" section "\t[\t"; next }
    /^[#;]/ || /^$/ { next }
    /^"/ { gsub(/"/, ""); sub(/,$/, "") }
    /^<[a-z0-9-]+\/?>/ { sub(/^</, ""); sub(/<\/.*/, ""); sub(/\/?>/, "=") }
    { key = $0; value = ""; at = match($0, /[ \t]*[=: \t][ \t]*/)
      if (at) { key = substr($0, 1, at - 1); value = substr($0, at + RLENGTH) }
      key = tolower(key); if (key == "transport_url") value = ""
      if (key in wanted) print NR "\t" section "\t" key "\t" substr(value, 1, 200) }'
}
# Of sshd the first counts, and it is Include at the top of its own file that names the others.
for f in 'FILES' $dropins "$config"; do settings "$f"; done

# What stands before a key of one's own may forbid as well; the keys themselves are not read.
names=$(sed -n 's/^[[:space:]]*authorizedkeysfile[[:space:]]*//Ip' $dropins "$config" | head -n 1)
for f in ${"$"}{names:-.ssh/authorized_keys}; do
  f=$(printf %s "$f" | sed "s|%h|$HOME|g; s|%u|$(id -un)|g"); case $f in /*) ;; *) f=$HOME/$f;; esac
  [ -r "$f" ] || continue
  mark file; if [ -w "$f" ]; then echo "w $f"; else echo "r $f"; fi
  awk '/^[^#]*(restrict|no-port-forwarding|permitopen=|permitlisten=)/ { sub(/(ssh|ecdsa|sk)-[a-z0-9@.-]+[ \t].*/, ""); if ($0 != "") print NR "\t\toptions\t" substr($0, 1, 500) }' "$f"
done

cd /
program=PROGRAM
for key in 'ASKS'; do
  python=${"$"}{key%%"$tab"*}; paths=${"$"}{key#*"$tab"}
  mark ask; printf '%s\n' "$key"; PYTHONPATH=$paths limit 5 "$python" -c "$program" | head -c 20000
done

mark namespace; echo "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid)"
mark inner
grep -H '^NSpid:[^0-9]*[0-9][0-9]*[^0-9][^0-9]*[0-9]' /proc/[0-9]*/status | head -n 1000 | while IFS=: read -r file key pids; do
  p=${"$"}{file#/proc/}; p=${"$"}{p%/status}; echo "$p ${"$"}{pids##*"$tab"} $(readlink /proc/$p/ns/pid)"
done

folder() {
  [ -d "$1" ] || return
  mark folder; if [ -f "$1/manifest.json" ]; then echo "m $1"; else echo "- $1"; fi
  for s in "$1"/services/*.json; do
    name=${"$"}{s##*/}; [ -f "$s" ] && echo "services ${"$"}{name%.json}"
  done
  for s in "$1"/state/*/*.json; do
    [ -f "$s" ] || continue
    p=${"$"}{s##*/}; p=${"$"}{p%.json}; name=${"$"}{s%/*}; name=${"$"}{name##*/}
    where=$(sed -n 's/.*"namespace": "\([^"]*\)".*/\1/p' "$s" | head -c 100)
    if [ -d "/proc/$p" ]; then mark state; echo "$name $p + $where"; head -c 8192 "$s"; else mark state; echo "$name $p - $where"; fi
  done
}
for base in ${baseWords} /var/lib/debugtap; do for d in "$base"/??????????; do folder "$d"; case "$hooks" in *"|$d|"*) hooks=$(printf %s "$hooks" | sed "s|[|]$d[|]||");; esac; done; done
printf '%s' "$hooks" | tr '|' '\n' | while read -r d; do [ "$d" ] && folder "$d"; done

XDG_RUNTIME_DIR=${"$"}{XDG_RUNTIME_DIR:-/run/user/$me}; export XDG_RUNTIME_DIR
for u in 'UNITS'; do
  manager=--system; case $u in user:*) manager=--user; u=${"$"}{u#user:};; esac
  mark unit; limit 5 systemctl $manager show --no-pager -p Id -p WatchdogUSec -p ActiveState "$u" | head -c 2000
done
for l in 'LEFT'; do
  p=${"$"}{l%% *}; [ "$(sed 's/.*) //' /proc/$p/stat | cut -d ' ' -f 20)" = "${"$"}{l#* }" ] || continue
  case $(tr '\000' ' ' </proc/$p/cmdline) in "sshd: "*|"sshd-session: "*) mark left; echo "$p";; esac
done
mark end; echo ok
`;
