"""Follows forks: in the child the debugger begins a connection of its own.

Rules
- os.fork: pydevd's patched one calls `_on_forked_process`; here it is kept from failing, and the child's state is written.
- What C code forks is not seen here; uWSGI's workers start a debugger of their own (debugtap_uwsgi).
"""

import sys
import threading

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

    def on_forked_process(setup_tracing=True):
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
