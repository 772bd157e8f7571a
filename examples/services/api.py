"""cinder-api in miniature: POST /v3/volumes and GET /v3/volumes/ID.

Like oslo.service's launcher it forks a worker that does the work, so a breakpoint in API.create is hit in the child:
patch_multiprocessing=True makes pydevd follow the fork, and the child opens a debug connection of its own.
"""

import json
import logging
import os
import signal
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

from bus import Bus, log_as
from volumes import Volumes


class API:
    def __init__(self):
        self.bus = Bus()
        self.volumes = Volumes()

    def create(self, context, name, size):
        volume = {"id": str(uuid.uuid4()), "name": name, "size": size, "status": "creating"}
        self.volumes.insert(volume)
        self.bus.cast("scheduler", "create_volume", context=context, volume_id=volume["id"], size=size)
        return volume


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        if self.path != "/v3/volumes":
            return self.answer(404, {"error": "not found"})
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        context = {"request_id": f"req-{uuid.uuid4()}", "auth_token": self.headers["X-Auth-Token"]}
        volume = self.server.api.create(context, body["volume"]["name"], body["volume"]["size"])
        return self.answer(202, {"volume": volume})

    def do_GET(self):
        volume = self.server.api.volumes.get(self.path.rpartition("/")[2])
        if volume is None:
            return self.answer(404, {"error": "no such volume"})
        return self.answer(200, {"volume": volume})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        logging.info(format, *arguments)


def work(server):
    """The worker: everything that it holds is opened after the fork."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server.api = API()
    logging.info("ready: a worker serves http://127.0.0.1:%s", server.server_port)
    server.serve_forever()


def supervise(worker):
    """The parent: ends when its worker ends, and ends it when it is asked to end. It restarts nothing."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGTERM))
    os.waitpid(worker, 0)
    logging.info("the worker has ended")


def main():
    log_as("cinder-api")
    if "DEBUGTAP_PYDEVD_PORT" in os.environ:
        import pydevd

        port = int(os.environ["DEBUGTAP_PYDEVD_PORT"])
        pydevd.settrace("127.0.0.1", port=port, suspend=False, patch_multiprocessing=True)
    server = HTTPServer(("127.0.0.1", int(os.environ["API_PORT"])), Handler)
    worker = os.fork()
    if worker == 0:
        work(server)
    else:
        supervise(worker)


if __name__ == "__main__":
    main()
