// The Python program that lists, on a host, the source files that a service may run: who it is, where it imports from, and a hash
// of each file below.
//
//   in    JSON in ARGUMENTS: {pids, port, words, dirs, files, seconds}
//   out   base64 of zlib of JSON: {how, pid, argv, python, roots, cut, files: {DIR: [[NAME, HASH], …]}}; HASH: 16 digits of sha256
//
// Rules
// - Python runs there anyway. Its standard library from 3.5 on, nothing is written, everything is bounded.
// - The service itself is not touched: its own interpreter is asked for sys.path in a process of its own, with its working
//   directory and PYTHONPATH. What another user's process hides (cwd, environment) is done without.
// - Files are called as the service imports them: symlinks in a root are not followed away.

/** Python, and then a shell line that finds one and runs it. */
export function sourceCommand(question: object): string {
  const coded = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  const program = `import base64;A=base64.b64decode("${coded(JSON.stringify(question))}");exec(base64.b64decode("${coded(script)}"))`;
  return `exec sh -c 'for p in python3 /usr/bin/python3 /usr/libexec/platform-python; do command -v $p >/dev/null && exec $p -c "$0"; done; exit 127' '${program}'`;
}

const script = String.raw`
import base64, hashlib, json, os, re, subprocess, sys, time, zlib
q = json.loads(A.decode())
end = time.time() + q["seconds"]

def read(path, most=1 << 20):
    try:
        with open(path, "rb") as f:
            return f.read(most)
    except OSError:
        return b""

def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None

def argv(pid):
    return [os.fsdecode(a) for a in read("/proc/%d/cmdline" % pid).split(b"\0")[:-1]]

def pids():
    return sorted(int(p) for p in os.listdir("/proc") if p.isdigit())

def rows(state):
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in read(table, 1 << 24).decode("ascii", "replace").splitlines()[1:]:
            f = row.split()
            if len(f) > 9 and f[3] == state:
                yield int(f[1].rsplit(":", 1)[1], 16), int(f[2].rsplit(":", 1)[1], 16), "socket:[%s]" % f[9]

def held(pid):
    try:
        return {link("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)}
    except OSError:
        return set()

def holder(inodes, but=None):
    return next((p for p in pids() if p != but and held(p) & inodes), None) if inodes else None

def listener(port):
    pid = holder({inode for local, _, inode in rows("0A") if local == port})
    if not any("debugpy" in a and "adapter" in a for a in (argv(pid) if pid else ())):
        return pid
    # debugpy's adapter listens for the service, which is connected to another port of the adapter's.
    own = held(pid)
    ports = {local for local, _, inode in rows("0A") if inode in own and local != port}
    return holder({inode for _, remote, inode in rows("01") if remote in ports}, pid)

def is_python(pid):
    return re.search("python|pypy", os.path.basename(link("/proc/%d/exe" % pid) or (argv(pid) or [""])[0]))

def named(words):
    mine = {os.getpid(), os.getppid()}
    found = [p for p in pids() if p not in mine and is_python(p) and any(w in " ".join(argv(p)) for w in words)]
    # The adapter and the workers of a service stand below it.
    return found[0] if found else None

pid, how = None, "the directories named"
if not q["dirs"]:
    how = "its process"
    pid = next((p for p in q["pids"] if argv(p)), None)
    if pid is None and q["port"]:
        pid = listener(q["port"])
    if pid is None and q["words"]:
        pid = named(q["words"])

args, roots, python = argv(pid) if pid else [], [], None
ask = (
    "import json,sys,sysconfig as c;"
    "m=[v for k in list(sys.modules.values()) for v in (getattr(k,'MAPPING',None) or {}).values()"
    " if getattr(k,'__name__','').startswith('__editable__')];"
    "print(json.dumps({'path':sys.path[1:],'std':[c.get_path('stdlib'),c.get_path('platstdlib')],'maps':m}))"
)
late = []
if pid:
    cwd = link("/proc/%d/cwd" % pid)
    env = dict(os.environ)
    env.pop("PYTHONPATH", None)
    for pair in read("/proc/%d/environ" % pid).split(b"\0"):
        if pair.startswith((b"PYTHONPATH=", b"VIRTUAL_ENV=", b"PYTHONHOME=")):
            name, _, value = os.fsdecode(pair).partition("=")
            env[name] = value
    python = os.path.join(cwd or "/", args[0]) if args and "/" in args[0] and is_python(pid) else link("/proc/%d/exe" % pid)
    for a in args[1:]:
        path = os.path.join(cwd or "/", a)
        if os.path.isfile(path):
            roots.append(os.path.dirname(path))
            break
    told = {"path": [], "std": [], "maps": []}
    try:
        told = json.loads(subprocess.check_output([python or sys.executable, "-c", ask], cwd=cwd if cwd and os.access(cwd, os.X_OK) else "/", env=env, stderr=subprocess.DEVNULL, timeout=10).decode().splitlines()[-1])
    except Exception:
        pass
    for p in [os.path.dirname(m) if os.path.isfile(m) else m for m in told["maps"] if isinstance(m, str)] + told["path"]:
        if p in told["std"] or os.path.basename(p) == "lib-dynload":
            continue
        (late if re.search("(site|dist)-packages", p) else roots).append(p)
    if cwd:
        roots.append(cwd)
else:
    roots = list(q["dirs"])

skip = {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".venv", "venv", "site-packages", "dist-packages"}
files, seen, walked, count, cut = {}, set(), [], 0, False
for root in roots + late:
    if cut or not os.path.isdir(root) or os.path.normpath(root) == "/":
        continue
    walked.append(os.path.normpath(root))
    for at, dirs, names in os.walk(walked[-1]):
        try:
            s = os.stat(at)
        except OSError:
            continue
        if (s.st_dev, s.st_ino) in seen:
            dirs[:] = []
            continue
        seen.add((s.st_dev, s.st_ino))
        dirs[:] = sorted(d for d in dirs if d not in skip)
        for name in sorted(names):
            if not name.endswith(".py"):
                continue
            if count >= q["files"] or time.time() > end:
                cut = True
                break
            text = read(os.path.join(at, name))
            if text:
                files.setdefault(at, []).append([name, hashlib.sha256(text).hexdigest()[:16]])
                count += 1
        if cut:
            break
out = {"how": how, "pid": pid, "argv": args[:20], "python": python, "roots": walked, "cut": cut, "files": files}
print(base64.b64encode(zlib.compress(json.dumps(out).encode("utf-8", "replace"))).decode())
`;
