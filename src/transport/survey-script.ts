// The shell command that looks at what runs on a host: every Python process, where it belongs, and what its interpreter can import.
//
//   MARK me=          who looks
//   MARK ports=       rows of /proc/net/tcp and tcp6 that listen
//   MARK pid=4711     begins a process; what follows is about it
//   MARK stat= uid= argv= cgroup= cwd= exe= env= green=0|1 python=KEY
//   MARK sockets=     inodes of its sockets; MARK hook= the file that DEBUGTAP_HOOK names
//   MARK pairs=       connections on loopback: local remote inode, in hex as /proc/net/tcp has them
//   MARK ask=KEY      an interpreter and its PYTHONPATH, a tab between; then one line of JSON that it printed itself
//   MARK contents=ID  the same of a container's
//   MARK units= down= `systemctl show` of the units, `systemctl list-units devstack@*`
//   MARK tabs=STY     the windows of a GNU screen, `0 c-api|1 c-sch|`
//   MARK docker=      `docker ps`, a line each with tabs; MARK dockererror= why there is none
//   MARK opt=         directories of /opt/stack
//
// Rules
// - POSIX sh and what every Linux has, busybox included; nothing is written, no sudo, every value is bounded.
// - The user's shell may be any, so the script travels as base64 in one quoted word.
// - An interpreter is asked in a process of its own, in `/` and for 5 s at most; it looks for packages and imports none of them.
// - What another user's process hides (cwd, exe, environment) is empty.

/** Processes that are looked at. */
const maxProcesses = 300;
const maxInterpreters = 24;
const maxContainers = 12;

/** What a run of {@link surveyCommand} may take at most, in ms. */
export const surveyTimeoutMs = 150_000;

/** `mark` is drawn anew for each command. */
export function surveyCommand(mark: string): string {
  const coded = Buffer.from(script.replaceAll("MARK", mark).replace("PROGRAM", interpreterProgram), "utf8").toString(
    "base64",
  );
  return `exec sh -c 'echo ${mark}; eval "$(echo ${coded} | base64 -d)"'`;
}

// For any Python from 2.7 on. A directory that only has a package's name is no package: it has no loader.
export const interpreterProgram = `
import json, os, sys
def there(name):
    try:
        import importlib.util
        spec = importlib.util.find_spec(name)
        return bool(spec and spec.loader and spec.origin)
    except ImportError:
        import pkgutil
        return bool(pkgutil.find_loader(name))
    except Exception:
        return False
maps = []
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith("__editable__"):
        maps += [os.path.dirname(v) if os.path.isfile(v) else v for v in (getattr(module, "MAPPING", None) or {}).values()]
roots = [p for p in maps + sys.path[1:] if os.path.isdir(p) and not p.startswith(sys.prefix) and "-packages" not in p and "lib-dynload" not in p and p != os.path.dirname(os.__file__)]
names = ("debugpy", "pydevd", "eventlet", "gevent")
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "roots": roots[:40], "has": [n for n in names if there(n)]}))
`;

const script = String.raw`
exec 2>/dev/null; LC_ALL=C; export LC_ALL; PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; cd /
mark() { printf '\nMARK %s=' "$1"; }
if command -v timeout >/dev/null; then limit() { timeout "$@" </dev/null; }
else limit() { shift; "$@" </dev/null & job=$!; (sleep 5; kill -9 $job) >/dev/null & watch=$!; wait $job; code=$?; kill $watch; return $code; }; fi
program='PROGRAM'
mark me; id -un
mark ports; grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 | head -c 100000
mark pairs; awk '$4 == "01" && $2 ~ /0100007F:|01000000:/ { print $2, $3, $10 }' /proc/net/tcp /proc/net/tcp6 | head -n 2000

pids=$( { ls -l /proc/[0-9]*/exe | grep -E ' -> .*(python|pypy|uwsgi|gunicorn)'; grep -lEa 'python|pypy|uwsgi|gunicorn' /proc/[0-9]*/cmdline; } \
  | sed -n 's|.*/proc/\([0-9]*\)/.*|\1|p' | sort -nu | head -n ${maxProcesses})
asked=; units=; containers=; screens=
for p in $pids; do
  [ $p != $$ ] && [ -r /proc/$p/stat ] || continue
  stat=$(head -c 2000 /proc/$p/stat); [ "$stat" ] || continue
  cwd=$(readlink /proc/$p/cwd); exe=$(readlink /proc/$p/exe)
  mark pid; echo $p; mark stat; printf '%s' "$stat"
  mark uid; sed -n 's/^Uid:[^0-9]*\([0-9]*\).*/\1/p' /proc/$p/status
  mark argv; head -c 2048 /proc/$p/cmdline
  mark cgroup; cgroup=$(head -c 1024 /proc/$p/cgroup); printf '%s\n' "$cgroup"
  mark cwd; printf '%s' "$cwd"; mark exe; printf '%s' "$exe"
  venv=; paths=; sty=
  env=$(tr '\n\000' ' \n' </proc/$p/environ | grep -E '^(STY|WINDOW|VIRTUAL_ENV|PYTHONPATH|GEVENT_SUPPORT|DEBUGTAP_HOOK)=' | head -c 1024)
  mark env; printf '%s\n' "$env"
  mark sockets; ls -l /proc/$p/fd | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p' | head -n 200
  while read -r v; do case $v in VIRTUAL_ENV=*) venv=${"$"}{v#*=};; PYTHONPATH=*) paths=${"$"}{v#*=};; STY=*) sty=${"$"}{v#*=};;
    DEBUGTAP_HOOK=*) mark hook; head -c 4096 "${"$"}{v#*=}"; echo;; esac; done <<END
$env
END
  mark green; [ -r /proc/$p/maps ] && grep -c -m1 greenlet /proc/$p/maps
  case $cgroup in *docker*|*libpod*|*containerd*|*lxc*) continue;; esac
  unit=$(printf '%s\n' "$cgroup" | sed -n 's|.*/\([A-Za-z0-9:_.@\\-]*\.service\).*|\1|p' | tail -n 1)
  case " $units " in *" $unit "*) ;; *) units="$units $unit";; esac
  case " $screens " in *" $sty "*) ;; *) screens="$screens $sty";; esac
  # Its first word tells a virtual environment, which the link of its program does not.
  first=$(tr '\000' '\n' </proc/$p/cmdline | head -n 1)
  case $first in *uwsgi)
    home=$(tr '\000' '\n' </proc/$p/cmdline | sed -n '/^\(-H\|--home\|--venv\|--virtualenv\|--pyhome\)$/{n;p;}; s/^--\(home\|venv\|virtualenv\|pyhome\)=//p' | tail -n 1)
    venv=${"$"}{home:-$venv};;
  esac
  case $first in /*python*|/*pypy*) python=$first;; */*python*) python=$cwd/$first;; *)
    if [ -x "$venv/bin/python" ]; then python=$venv/bin/python; else case $exe in *python*|*pypy*) python=$exe;; *) python=$(command -v python3);; esac; fi;;
  esac
  python=${"$"}{python% (deleted)}
  key="$python	$paths"; mark python; printf '%s' "$key"
  case "$asked" in *"|$key|"*) continue;; esac
  [ "$(printf %s "$asked" | tr -dc '|' | wc -c)" -lt ${maxInterpreters * 2} ] || continue
  asked="$asked|$key|"
  if [ "$python" ]; then mark ask; printf '%s\n' "$key"; PYTHONPATH=$paths limit 5 "$python" -c "$program" | head -c 20000; fi
done

if command -v systemctl >/dev/null; then
  mark units; [ "$units" ] && limit 5 systemctl show --no-pager -p Id -p Description -p FragmentPath -p MainPID $units | head -c 100000
  mark down; limit 5 systemctl list-units --all --plain --no-legend --no-pager 'devstack@*' | head -c 20000
fi
for s in $screens; do mark tabs; printf '%s\n' "$s"; limit 5 screen -S "$s" -Q windows '%n %t|' | head -c 4096; done
mark opt; ls -d /opt/stack/*/ | head -n 40

if command -v docker >/dev/null; then
  answer=$(limit 5 docker ps --no-trunc --format '{{.ID}}	{{.Names}}	{{.Image}}	{{.Ports}}	{{.Label "com.docker.compose.project"}}	{{.Label "com.docker.compose.service"}}	{{.Label "com.docker.compose.project.working_dir"}}' 2>&1); code=$?
  if [ $code = 0 ]; then
    mark docker; printf '%s\n' "$answer" | head -c 50000
    for c in $(printf '%s\n' "$answer" | cut -f 1 | head -n ${maxContainers}); do
      mark contents; printf '%s\n' "$c"; limit 5 docker exec "$c" python3 -c "$program" | head -c 20000
    done
  else mark dockererror; printf '%s\n' "$answer" | head -c 1000; fi
fi
mark end; echo ok
`;
