"""Starts debugpy or pydevd in this process, so that it cannot harm the service.

Rules
- dap: the first process listens; programs that it starts join its adapter. pydevd: each process dials the same port.
- What the debugger prints or raises does not reach the service. A debugger that could not start is taken out again.
- pydevd follows os.fork by itself. It would also rewrite the command lines of programs that are started, which then fail where
  the debugger cannot be reached; here their own hook joins instead.
- A connection that is lost before the IDE said "run" lets the service run.
"""

import contextlib
import fnmatch
import importlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

import debugtap_forks
from debugtap_hook import MARK

# A restarted service waits so long for the adapter of the one before to leave the port, in seconds.
PORT_TIME = 5


def start(config, state, lent, above):
    """Returns when the debugger runs, or with the reason in the state."""
    note(above, None)  # before anything is tried: what this process starts shall not try again
    with quiet():
        try:
            guard(config["guard"])
            pydevd = load(config["wire"], lent, state)
            state.write("waiting")
            tame(pydevd)
            debugtap_forks.follow(state, lambda: forked(above))
            if above is not None:
                join(pydevd, above)
            elif config["wire"] == "dap":
                listen(config)
            else:
                pydevd.settrace(config["host"], port=config["port"], **plainly)
        except (Exception, SystemExit) as error:
            debugtap_forks.give_up()
            state.write("failed", reason(error))
            return
        note(above, connection(pydevd))
        state.write("started")
        if above is None and config["wire"] == "dap" and config["wait"]:
            pydevd._wait_for_attach(cancel=Deadline(config["wait"]))


plainly = {
    "suspend": False,
    "stdoutToServer": False,
    "stderrToServer": False,
    "trace_only_current_thread": False,
    "patch_multiprocessing": True,
    "notify_stdin": False,
}


def load(wire, lent, state):
    """pydevd; of debugpy, the copy that it brings. The host's own come first."""
    tried = []
    for where in ("", lent):
        if where and os.path.isdir(where):
            sys.path.append(where)
        try:
            return import_debugger(wire, state, " (lent)" if where else "")
        except Exception as error:
            tried.append(reason(error))
        finally:
            if where in sys.path[-1:]:
                sys.path.pop()
    raise ImportError("; ".join(dict.fromkeys(tried)))


def import_debugger(wire, state, lent):
    if wire == "pydevd":
        with contextlib.suppress(ImportError):
            pydevd = importlib.import_module("pydevd")
            state.debugger = "pydevd %s%s" % (pydevd.__version__, lent)
            return pydevd
    debugpy = importlib.import_module("debugpy")
    importlib.import_module("debugpy.server.api")
    import pydevd

    if wire == "dap":
        state.debugger = "debugpy %s%s" % (debugpy.__version__, lent)
        return pydevd
    # debugpy has made it speak DAP.
    from _pydevd_bundle import pydevd_constants, pydevd_defaults

    pydevd_constants.MAXIMUM_VARIABLE_REPRESENTATION_SIZE = 1000
    custom = pydevd_defaults.PydevdCustomization
    custom.DEFAULT_PROTOCOL, custom.DEBUG_MODE, custom.PREIMPORT = pydevd_constants.QUOTED_LINE_PROTOCOL, "", ""
    state.debugger = "pydevd %s%s" % (pydevd.__version__, lent)
    return pydevd


def tame(pydevd):
    from _pydev_bundle import pydev_log, pydev_monkey

    if not os.environ.get("PYDEVD_DEBUG"):
        pydev_log.initialize_debug_stream = lambda reinitialize=False: None  # that would be the service's stderr
    pydev_monkey.patch_args = lambda args, is_exec=False: args
    pydev_monkey.send_process_about_to_be_replaced = lambda: None
    network = pydevd.PyDB.initialize_network
    closed = pydevd.ReaderThread._terminate_on_socket_close

    def initialize_network(self, sock, *args, **kwargs):
        # It writes a message as two segments; without this the second waits 40 ms for the acknowledgement of the first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        network(self, sock, *args, **kwargs)

    def run_on(self):
        self.py_db.ready_to_run = True  # else it waits for ever
        closed(self)

    pydevd.PyDB.initialize_network = initialize_network
    pydevd.ReaderThread._terminate_on_socket_close = run_on


def listen(config):
    import debugpy

    host, port = config["host"], config["port"]
    wait_for_port(host, port)
    here = os.path.dirname(os.path.abspath(__file__))
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEBUGTAP_")}
    path = [part for part in env.pop("PYTHONPATH", "").split(os.pathsep) if part and os.path.abspath(part) != here]
    if path:
        env["PYTHONPATH"] = os.pathsep.join(path)
    debugpy.configure({"pythonEnv": env, "python": interpreter()})
    begin = subprocess.Popen

    def apart(args, *more, **how):
        if "--for-server" in args:  # the adapter: it outlives the service, and would hold its streams
            how.update(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return begin(args, *more, **how)

    subprocess.Popen = apart
    try:
        debugpy.listen((host, port))
    finally:
        subprocess.Popen = begin


def wait_for_port(host, port):
    end = time.monotonic() + PORT_TIME
    while True:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
                return
            except OSError:
                if time.monotonic() > end:
                    raise
        time.sleep(0.05)


def interpreter():
    """sys.executable, unless that is the server which has Python built in."""
    if os.path.basename(sys.executable or "").startswith(("python", "pypy")):
        return sys.executable
    for base in (sys.prefix, sys.base_prefix):
        for name in ("python%d.%d" % sys.version_info[:2], "python3"):
            if os.path.exists(os.path.join(base, "bin", name)):
                return os.path.join(base, "bin", name)
    raise RuntimeError("no python below %s: %s is none" % (sys.prefix, sys.executable))


def join(pydevd, above):
    to = above["debugger"]
    token = {"access_token": to["token"], "client_access_token": to["client_token"]}
    setup = {"client": to["host"], "server": False, "port": to["port"], "multiprocess": True, "skip-notify-stdin": True}
    # By it the adapter knows whose child this is.
    setup["ppid"] = above["ppid"] if above["pid"] == os.getpid() else above["pid"]
    setup["access-token"], setup["client-access-token"] = to["token"], to["client_token"]
    pydevd.settrace(to["host"], port=to["port"], __setup_holder__=setup, **dict(plainly, **token))


def connection(pydevd):
    setup = pydevd.SetupHolder.setup
    tokens = {"token": setup.get("access-token"), "client_token": setup.get("client-access-token")}
    return dict(tokens, host=setup["client"], port=setup["port"])


def note(above, debugger):
    """For the programs that this process starts."""
    root = os.getpid() if above is None else above["root"]
    told = {"root": root, "pid": os.getpid(), "ppid": os.getppid(), "debugger": debugger}
    os.environ[MARK] = json.dumps(told)


def forked(above):
    """In the child, which pydevd has connected."""
    import pydevd

    root = json.loads(os.environ[MARK])["root"]
    note({"root": root} if above is None else above, connection(pydevd))


def guard(names):
    """Threads of these names stand still for nobody: pydevd takes them for its own."""
    if not names:
        return

    def spare(thread):
        if any(fnmatch.fnmatchcase(thread.name, name) for name in names):
            thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True

    begin = threading.Thread.start

    def start(self):
        spare(self)
        return begin(self)

    threading.Thread.start = start
    for thread in threading.enumerate():
        spare(thread)


@contextlib.contextmanager
def quiet():
    """What the debugger says meanwhile, and later by the streams that it takes now, is lost."""
    kept = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = open(os.devnull, "w")
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept


def reason(error):
    return "%s: %s" % (type(error).__name__, error)


class Deadline:
    """As pydevd wants an event: set when the time is over."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def is_set(self):
        return time.monotonic() > self.end

    def set(self):
        self.end = 0
