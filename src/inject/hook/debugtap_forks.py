"""Follows forks: in the child the debugger begins a connection of its own.

Rules
- os.fork: pydevd's patched one calls `_on_forked_process`; here it is kept from failing, and the child's state is written.
- uWSGI forks in C, and nothing tells Python. With the application loaded before, its post_fork_hook is the first Python that the
  worker runs; with lazy-apps it is the first import, which finds another pid than before.
- uWSGI without threads of its own does not tell Python's core either, which then takes the debugger's threads for alive, and crashes:
  PyOS_AfterFork_Child is called for it. That would end sub-interpreters (of further applications), so with those nothing is followed.
- An application that sets post_fork_hook itself (uwsgidecorators does) gets its turn second.
"""

import _imp
import ctypes
import os
import sys
import threading
import types

_given_up = False
lost = False


def check():
    """Raises where the connection was lost before the other end said "run"; the service was let run then."""
    if lost:
        raise ConnectionError("the connection was lost before the debugger was told to run")


def give_up():
    """The debugger did not start: no child shall try."""
    global _given_up
    _given_up = True
    forget()


def untrace():
    tracing = sys.modules.get("pydevd_tracing")
    if tracing is not None:
        tracing.SetTrace(None)  # sys.settrace complains where pydevd is


def forget():
    untrace()
    threading.settrace(None)
    constants = sys.modules.get("_pydevd_bundle.pydevd_constants")
    if constants is not None:
        constants.set_global_debugger(None)


def follow(state, connected):
    """`connected` is called in each child that is debugged, its state is written after."""
    from _pydev_bundle import pydev_monkey

    begin = pydev_monkey._on_forked_process
    known = [os.getpid()]

    def on_forked_process(setup_tracing=True):
        known[0] = os.getpid()
        if _given_up:
            return
        try:
            begin(setup_tracing)
            if setup_tracing:
                check()
                connected()
                state.write("started")
        except (Exception, SystemExit) as error:
            forget()
            state.write("failed", "%s: %s" % (type(error).__name__, error))

    pydev_monkey._on_forked_process = on_forked_process
    if "uwsgi" not in state.seen():
        return

    core_knows = [os.getpid()]
    os.register_at_fork(after_in_child=lambda: core_knows.__setitem__(0, os.getpid()))

    def perhaps_forked():
        if os.getpid() == known[0]:
            return
        if sub_interpreters() and core_knows[0] != os.getpid():
            known[0] = os.getpid()
            forget()
            state.write("failed", "more than one interpreter in this uWSGI: it needs `single-interpreter = true`")
            return
        if core_knows[0] != os.getpid():
            tell_core()
        on_forked_process()

    sees = OnImport(perhaps_forked)
    sees.look()
    sys.meta_path.insert(0, sees)
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


def tell_core():
    held = 0
    while _imp.lock_held():  # by the import that brought us here; it is forgotten by what follows
        _imp.release_lock()
        held += 1
    ctypes.pythonapi.PyOS_AfterFork_Child()
    for _ in range(held):
        _imp.acquire_lock()


def sub_interpreters():
    interpreters = sys.modules.get("_interpreters") or sys.modules.get("_xxsubinterpreters")
    return interpreters is not None and len(interpreters.list_all()) > 1


class OnImport:
    """Finds nothing: it looks whether this is another process, and whether uWSGI's module is there."""

    def __init__(self, perhaps_forked):
        self.perhaps_forked = perhaps_forked
        self.hooked = False

    def find_spec(self, name, path=None, target=None):
        self.look()
        return None

    def look(self):
        self.perhaps_forked()
        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is not None and not self.hooked:
            self.hooked = True
            take_turn(uwsgi, self.perhaps_forked)


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
