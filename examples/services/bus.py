"""The queue between the services: RabbitMQ in miniature. Run as a program it is the broker, imported it is a client.

One JSON object a line, over TCP. A client sends {"consume": TOPIC} once, or {"publish": TOPIC, "message": {...}} as often as
it likes. The broker gives each message of a topic to one consumer and keeps it until there is one.
"""

import json
import logging
import os
import queue
import select
import socket
import socketserver


class Conversation(socketserver.StreamRequestHandler):
    """One client of the broker, in a thread of its own."""

    def handle(self):
        for line in self.rfile:
            request = json.loads(line)
            if "publish" in request:
                self.topic(request["publish"]).put(request["message"])
            else:
                self.deliver(request["consume"])

    def deliver(self, name):
        topic = self.topic(name)
        while True:
            message = topic.get()
            if self.has_left():  # a service that was restarted: the message is for the one that came after it
                topic.put(message)
                return
            self.wfile.write(json.dumps(message).encode() + b"\n")

    def has_left(self):
        """A consumer says nothing more, so all that there can be to read is its end."""
        return select.select([self.connection], [], [], 0)[0] != []

    def topic(self, name):
        return self.server.topics.setdefault(name, queue.Queue())


class Broker(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port):
        self.topics = {}
        super().__init__(("127.0.0.1", port), Conversation)


class Bus:
    """A client's connection to the broker, at the port that BUS_PORT names."""

    def __init__(self):
        connection = socket.create_connection(("127.0.0.1", int(os.environ["BUS_PORT"])))
        self.stream = connection.makefile("rw")

    def send(self, request):
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()

    def cast(self, topic, method, **arguments):
        """Asks whoever serves `topic` to run `method`, and does not wait for it."""
        self.send({"publish": topic, "message": {"method": method, "arguments": arguments}})

    def serve(self, topic, manager):
        """Runs the methods that others cast to `topic`, one after the other, for as long as the broker is there."""
        self.send({"consume": topic})
        for line in self.stream:
            message = json.loads(line)
            getattr(manager, message["method"])(**message["arguments"])


def log_as(name):
    """Readable lines on stderr: time, service, process, text."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {name}[%(process)d] %(message)s")


if __name__ == "__main__":
    log_as("bus")
    with Broker(int(os.environ["BUS_PORT"])) as broker:
        logging.info("ready: the queue is at 127.0.0.1:%s", os.environ["BUS_PORT"])
        broker.serve_forever()
