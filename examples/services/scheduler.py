"""cinder-scheduler in miniature: decides which backend gets a new volume, then hands it on."""

import logging
import os

from bus import Bus, log_as

BACKENDS = [
    {"host": "vm@lvm-1", "free_gb": 40},
    {"host": "vm@lvm-2", "free_gb": 250},
    {"host": "vm@lvm-3", "free_gb": 0},
]


class SchedulerManager:
    def __init__(self, bus):
        self.bus = bus

    def create_volume(self, context, volume_id, size):
        candidates = [backend for backend in BACKENDS if backend["free_gb"] >= size]
        chosen = max(candidates, key=lambda backend: backend["free_gb"])
        self.bus.cast("volume", "create_volume", context=context, volume_id=volume_id, host=chosen["host"])
        logging.info("volume %s goes to %s", volume_id, chosen["host"])


def main():
    log_as("cinder-scheduler")
    if "DEBUGTAP_PYDEVD_PORT" in os.environ:
        import pydevd

        port = int(os.environ["DEBUGTAP_PYDEVD_PORT"])
        pydevd.settrace("127.0.0.1", port=port, suspend=False, patch_multiprocessing=True)
    manager = SchedulerManager(Bus())
    logging.info("ready: consumes the topic scheduler")
    Bus().serve("scheduler", manager)


if __name__ == "__main__":
    main()
