"""Decides whether this process is debugged, and when: at once, or at the first import of the configured module.

Rules
- The service runs on whatever happens here: errors go to the state file, and nothing is printed.
- Once a process is debugged, DEBUGTAP_DEBUGGED says so to every program that it starts: those join its debugger, and start none
  of their own. A program that replaces the first process (same pid) begins anew, as does one whose first process is gone.
- multiprocessing's tracker of resources is no program of the service's: it is left alone.
- A sub-interpreter (uWSGI's second application, mod_wsgi) is left alone: a debugger sees its main interpreter only.
- Formats: src/inject/layout.ts.
"""

import json
import os
import sys
import time

MARK = "DEBUGTAP_DEBUGGED"
MOST_STATES = 100


class State:
    """state/NAME/PID.json; that it cannot be written stops nothing."""

    def __init__(self, root, service):
        self.directory = os.path.join(root, "state", service)
        self.service = service
        self.loaded_in = os.getpid()
        self.argv = command_line()
        self.debugger = None

    def write(self, state, error=None):
        pid = os.getpid()
        told = {
            "version": 1,
            "service": self.service,
            "pid": pid,
            "ppid": os.getppid(),
            "argv": self.argv,
            "at": time.time(),
            "state": state,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "forked": pid != self.loaded_in,
            "seen": self.seen(),
        }
        where = namespace()
        if where is not None:
            told["namespace"] = where
        if self.debugger is not None:
            told["debugger"] = self.debugger
        if error is not None:
            told["error"] = error
        try:
            self.replace("%d.json" % pid, json.dumps(told) + "\n")
            self.sweep()
        except OSError:
            pass

    def replace(self, name, text):
        # Not made where it is missing: after eject nothing of ours comes back.
        whole = os.path.join(self.directory, name)
        # A name that nobody else uses: the directory may be another user's, and this process root's.
        part = "%s.%d.part" % (whole, time.monotonic() * 1e9)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
            file.write(text)
        os.replace(part, whole)

    def sweep(self):
        """A service may start programs for years: those of processes that are no more go."""
        names = os.listdir(self.directory)
        for name in names if len(names) > MOST_STATES else ():
            if not os.path.exists("/proc/" + name.split(".")[0]):
                os.unlink(os.path.join(self.directory, name))

    def seen(self):
        words = [os.path.basename(word) for word in self.argv[:3]]  # a Python, its -m, the server
        servers = [name for name in ("uwsgi", "gunicorn") if any(word.startswith(name) for word in words)]
        return servers + [name for name in ("eventlet", "gevent") if name in sys.modules]


class AtImport:
    """Finds the module by the other finders, and starts the debugger before its body runs."""

    def __init__(self, module, start):
        self.module = module
        self.start = start

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    self.start()
                return spec
        return None


def command_line():
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().rstrip(b"\0").split(b"\0")
    return [os.fsdecode(word) for word in words]


def namespace():
    """In which the pid is meant: a container's processes have numbers of their own. None: it does not show."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return "%s %s" % (file.read().strip(), os.readlink("/proc/self/ns/pid"))
    except OSError:
        return None


def in_sub_interpreter():
    for name in ("_interpreters", "_xxsubinterpreters"):  # from 3.13 and 3.8 on
        try:
            interpreters = __import__(name)
            return interpreters.get_current() != interpreters.get_main()
        except (ImportError, AttributeError):
            pass
    return False


def mark():
    """Who is debugged above this process: {root, pid, ppid, debugger}; None: nobody, so that this may be the first."""
    try:
        found = json.loads(os.environ[MARK])
        return None if found["root"] == os.getpid() or not os.path.exists("/proc/%d" % found["root"]) else found
    except (KeyError, ValueError, TypeError):
        return None


def soon(path):
    """Seconds that a restart which is under way lets this start wait: its client will come."""
    try:
        with open(path[: -len("json")] + "soon") as file:
            wait, until = (float(word) for word in file.read().split())
        return wait if time.time() < until else 0
    except (OSError, ValueError):
        return 0


def run():
    path = os.environ["DEBUGTAP_HOOK"]
    if in_sub_interpreter():
        return
    with open(path) as file:
        config = json.load(file)
    config["wait"] = max(config["wait"], soon(path))
    root = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    state = State(root, config["service"])
    above = mark()
    if above is not None and any(word.startswith("from multiprocessing.resource_tracker ") for word in state.argv):
        state.write("loaded")
        return
    if above is None and config["argv"] and config["argv"] not in " ".join(state.argv):
        state.write("loaded")
        return
    if above is not None and above["debugger"] is None:
        state.write("loaded", "the debugger of process %d did not start" % above["root"])
        return
    try:
        if "uwsgi" in state.seen():
            import debugtap_uwsgi

            debugtap_uwsgi.begin(config, state, root, above)
        elif above is not None or config["module"] is None:
            start(config, state, root, above)
        else:
            state.write("waiting")
            sys.meta_path.insert(0, AtImport(config["module"], lambda: start(config, state, root, None)))
    except Exception as error:
        state.write("failed", "%s: %s" % (type(error).__name__, error))


def start(config, state, root, above):
    try:
        import debugtap_debugger

        debugtap_debugger.start(config, state, os.path.join(root, "lent"), above)
    except Exception as error:
        state.write("failed", "%s: %s" % (type(error).__name__, error))
