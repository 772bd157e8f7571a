"""A program that listens in place of a uWSGI master: `python debugtap_stand_in.py services/NAME.json`.

Rules
- One line of JSON on stdout: {name, pid, debugger} when it listens, or {error}. Then it closes stdout: at once, or, with `wait`, when a
  client is there or the time is over.
- It does nothing else, and ends when nobody holds its standard input any more. The adapter ends with the last that it debugs.
"""

import contextlib
import json
import os
import sys
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
            debugtap_listen.listen(config["host"], config["port"])
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


if __name__ == "__main__":
    main(sys.argv[1])
