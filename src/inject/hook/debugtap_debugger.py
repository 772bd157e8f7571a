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
import sys
import threading
import time

import debugtap_forks
import debugtap_listen
from debugtap_hook import MARK


def start(config, state, lent, above):
    """Returns when the debugger runs, or with the reason in the state."""
    root = os.getpid() if above is None else above["root"]
    note(root, None)  # before anything is tried: what this process starts shall not try again
    with quiet():
        try:
            guard(config["guard"])
            pydevd = load(config["wire"], lent, state)
            state.write("waiting")
            tame(pydevd)
            debugtap_forks.follow(state, lambda: note(root, connection(pydevd)))
            if above is not None:
                join(pydevd, above)
            elif config["wire"] == "dap":
                debugtap_listen.listen(config["host"], config["port"])
            else:
                pydevd.settrace(config["host"], port=config["port"], **plainly)
            debugtap_forks.check()
        except (Exception, SystemExit) as error:
            debugtap_forks.give_up()
            state.write("failed", reason(error))
            return
        note(root, connection(pydevd))
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
    stand = pydevd.PyDB.do_wait_suspend

    def initialize_network(self, sock, *args, **kwargs):
        # It writes a message as two segments; without this the second waits 40 ms for the acknowledgement of the first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connected_in = os.getpid()
        network(self, sock, *args, **kwargs)

    def do_wait_suspend(self, *args, **kwargs):
        if self.connected_in == os.getpid():
            return stand(self, *args, **kwargs)
        # Forked by C code, and nobody told: it would stand at an inherited breakpoint for ever.
        return debugtap_forks.untrace()

    def run_on(self):
        if not self.py_db.ready_to_run:
            debugtap_forks.lost = True
            self.py_db.ready_to_run = True  # else it waits for ever
        closed(self)

    pydevd.PyDB.initialize_network = initialize_network
    pydevd.PyDB.do_wait_suspend = do_wait_suspend
    pydevd.ReaderThread._terminate_on_socket_close = run_on


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


def note(root, debugger, pid=None):
    """For the programs that this process starts. The debugger's token is in it, which the command line would have else."""
    told = {"root": root, "pid": pid or os.getpid(), "ppid": os.getppid(), "debugger": debugger}
    os.environ[MARK] = json.dumps(told)
    return told


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
    """What the debugger prints meanwhile, and later by the streams that it takes now, is lost; other threads print on."""
    kept = sys.stdout, sys.stderr
    muted = [None if stream is None else Muted(stream) for stream in kept]
    sys.stdout, sys.stderr = muted
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept
        for stream in filter(None, muted):
            stream.over = True


class Muted:
    def __init__(self, stream):
        self.stream = stream
        self.thread = threading.get_ident()
        self.over = False

    def write(self, text):
        mute = self.over or threading.get_ident() == self.thread
        return len(text) if mute else self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


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
