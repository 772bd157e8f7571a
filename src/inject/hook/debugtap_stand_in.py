"""A program that listens in place of a uWSGI master: `python debugtap_stand_in.py services/NAME.json`.

Rules
- One line of JSON on stdout: {name, pid, debugger} when it listens, or {error}. Then it closes stdout: at once, or, with `wait`, when a
  client is there or the time is over.
- It says that it listens when the adapter knows it: a worker that came to the adapter first would be taken for the parent, and wait for
  a client before its first line.
- It does nothing else, and ends when nobody holds its standard input any more. The adapter ends with the last that it debugs.
"""

import contextlib
import json
import os
import sys
import threading
import types

import debugtap_debugger
import debugtap_listen


def main(path):
    if os.fork():
        os._exit(0)
    os.setsid()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the debugger prints is lost
    with open(path) as file:
        config = json.load(file)
    root = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    state = types.SimpleNamespace(debugger=None)
    with out:
        try:
            pydevd = debugtap_debugger.load("dap", os.path.join(root, "lent"), state)
            debugtap_debugger.tame(pydevd)
            known = when_known()
            debugtap_listen.listen(config["host"], config["port"])
            known.wait(10)
        except (Exception, SystemExit) as error:
            out.write(json.dumps({"error": debugtap_debugger.reason(error)}) + "\n")
            return
        told = {"name": state.debugger, "pid": os.getpid(), "debugger": debugtap_debugger.connection(pydevd)}
        with contextlib.suppress(BrokenPipeError):
            out.write(json.dumps(told) + "\n")
            out.flush()
        if config["wait"]:
            pydevd._wait_for_attach(cancel=debugtap_debugger.Deadline(config["wait"]))
    os._exit(len(os.read(0, 1)))  # one line: nobody can stop it in between


def when_known():
    """Set when the adapter has asked for pid and parent, which is the last before it takes a process in."""
    from _pydevd_bundle.pydevd_process_net_command_json import PyDevJsonCommandProcessor

    known = threading.Event()
    answer = PyDevJsonCommandProcessor.on_pydevdsysteminfo_request

    def on_pydevdsysteminfo_request(self, *args):
        known.set()
        return answer(self, *args)

    PyDevJsonCommandProcessor.on_pydevdsysteminfo_request = on_pydevdsysteminfo_request
    return known


if __name__ == "__main__":
    main(sys.argv[1])
