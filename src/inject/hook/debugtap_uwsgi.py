"""uWSGI: its workers are debugged, its master is not.

Rules
- The master forks in C, without Python's lock. If another thread of Python had the lock in that moment, the worker would wait for it for
  ever, before any Python runs in it. So no thread of a debugger may run in the master: workers start their own.
- dap: one process must listen, before the workers do anything. That is debugtap_stand_in, a program of its own; the workers come to its
  adapter as its children. It ends when the master has ended or replaced itself, and all that it forked is gone.
- A worker starts its debugger at its first import (lazy-apps), or when uWSGI calls post_fork_hook (the application was loaded before).
  An application that sets post_fork_hook itself (uwsgidecorators does) gets its turn second.
- Without a master the first process is a worker too, and forks the others; alone, it starts its debugger before the application.
"""

import json
import os
import subprocess
import sys
import threading
import types

import debugtap_debugger
import debugtap_hook
import debugtap_listen

lifeline = None


def begin(config, state, root, above):
    """In the master. `above` is who is debugged already where that started this uWSGI (an emperor, a wrapper)."""
    debugtap_debugger.note(os.getpid() if above is None else above["root"], None)
    if above is not None:
        state.write("loaded")
    elif config["wire"] == "dap":
        state.write("waiting")
        above = stand_in(state)
    else:
        to = {"host": config["host"], "port": config["port"], "token": None, "client_token": None}
        above = debugtap_debugger.note(os.getpid(), to)
        state.write("waiting" if config["module"] else "loaded")
    os.environ[debugtap_hook.MARK] = json.dumps(above)
    worker = Worker(state, lambda: debugtap_hook.start(config, state, root, above))
    sys.meta_path.insert(0, worker)
    if config["module"] is None:
        worker.is_wanted()
    else:
        sys.meta_path.insert(0, debugtap_hook.AtImport(config["module"], worker.is_wanted))


def stand_in(state):
    """Who is debugged above the workers, when it listens. Raises where it cannot."""
    global lifeline
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "debugtap_stand_in.py")
    child = subprocess.Popen(
        [debugtap_listen.interpreter(), program, os.environ["DEBUGTAP_HOOK"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=debugtap_listen.environment(),
    )
    child.wait()  # it leaves the ground by a fork: else uWSGI would find a child that it does not know
    with child.stdout:
        told = json.loads(child.stdout.readline() or '{"error": "the process that listens ended at once"}')
        if "error" in told:
            child.stdin.close()
            raise RuntimeError(told["error"])
        state.debugger = told["name"]
        state.write("started")
        child.stdout.read()  # until a client is there, or `wait` is over
    lifeline = child.stdin
    return debugtap_debugger.note(os.getpid(), told["debugger"], told["pid"])


class Worker:
    """Finds nothing: at each import it looks whether this is a worker by now, and whether uWSGI's module is there."""

    def __init__(self, state, start):
        self.state = state
        self.start = start
        self.wanted = self.hooked = False
        self.started_in = None

    def is_wanted(self):
        self.wanted = True
        self.look()

    def find_spec(self, name, path=None, target=None):
        self.look()
        return None

    def look(self):
        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is None:
            return
        if not self.hooked:
            self.hooked = True
            take_turn(uwsgi, self.forked)
        alone = uwsgi.masterpid() == 0 and uwsgi.numproc == 1
        if alone or uwsgi.worker_id() > 0 or uwsgi.mule_id() > 0:
            self.forked()

    def forked(self):
        if not self.wanted or self.started_in == os.getpid():
            return
        self.started_in = os.getpid()
        if sub_interpreters():
            self.state.write("failed", "more than one interpreter in this uWSGI: it needs `single-interpreter = true`")
            return
        self.start()
        if "_pydevd_bundle.pydevd_constants" in sys.modules:
            trace_foreign_threads()


def trace_foreign_threads():
    """uWSGI's own threads: each asks for its threading.current_thread() first, to name it."""
    from _pydevd_bundle.pydevd_constants import get_global_debugger

    begin = threading._DummyThread.__init__

    def __init__(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        debugger = get_global_debugger()
        if debugger is not None:
            debugger.enable_tracing()

    threading._DummyThread.__init__ = __init__


def sub_interpreters():
    interpreters = sys.modules.get("_interpreters") or sys.modules.get("_xxsubinterpreters")
    return interpreters is not None and len(interpreters.list_all()) > 1


def take_turn(uwsgi, before):
    """`before` is called before the module's post_fork_hook, whichever that becomes."""

    class Uwsgi(types.ModuleType):
        def __setattr__(self, name, value):
            super().__setattr__(name, after(value) if name == "post_fork_hook" else value)

    def after(hook):
        def post_fork_hook():
            before()
            if hook is not None:
                return hook()

        return post_fork_hook

    uwsgi.__class__ = Uwsgi
    uwsgi.post_fork_hook = getattr(uwsgi, "post_fork_hook", None)
