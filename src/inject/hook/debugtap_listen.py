"""Makes debugpy listen: its adapter is a process of its own, started here as if debugtap were not there.

Rules
- The adapter gets no hook, none of the service's streams (it outlives it), and a real python where the service is a server that has
  Python built in.
- A restarted service gives the adapter of the one before PORT_TIME seconds to leave the port.
"""

import errno
import os
import socket
import subprocess
import sys
import time

PORT_TIME = 5


def listen(host, port):
    """Raises what debugpy does, and OSError where the port is taken."""
    import debugpy

    wait_for_port(host, port)
    debugpy.configure({"pythonEnv": environment(), "python": interpreter()})
    begin = subprocess.Popen

    def apart(args, *more, **how):
        if "--for-server" not in args:
            return begin(args, *more, **how)
        how.update(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        adapter = begin(args, *more, **how)
        if adapter.wait() != 0:  # it leaves the ground by a fork; debugpy would wait 30 s for one that has failed
            raise RuntimeError("debugpy's adapter ended at once, with %d: too new for this Python?" % adapter.returncode)
        return adapter

    subprocess.Popen = apart
    try:
        debugpy.listen((host, port))
    finally:
        subprocess.Popen = begin


def environment():
    """Of the adapter: the service's, without the hook."""
    here = os.path.dirname(os.path.abspath(__file__))
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEBUGTAP_")}
    path = [part for part in env.pop("PYTHONPATH", "").split(os.pathsep) if part and os.path.abspath(part) != here]
    if path:
        env["PYTHONPATH"] = os.pathsep.join(path)
    return env


def wait_for_port(host, port):
    end = time.monotonic() + PORT_TIME
    while True:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                    raise OSError(error.errno, "%s:%d: %s" % (host, port, error.strerror)) from None
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
