"""cinder-volume in miniature: makes the volume (a sparse file) and marks it available.

It is the one of the three that listens for its debugger: debugpy.listen instead of pydevd.settrace.
"""

import logging
import os

from bus import Bus, log_as
from volumes import Volumes


class SparseFileDriver:
    def __init__(self, directory):
        self.directory = directory

    def create_volume(self, volume):
        path = os.path.join(self.directory, "volume-" + volume["id"])
        with open(path, "wb") as file:
            file.truncate(volume["size"] * 1024**3)
        return path


class VolumeManager:
    def __init__(self, driver):
        self.driver = driver
        self.volumes = Volumes()

    def create_volume(self, context, volume_id, host):
        volume = self.volumes.get(volume_id)
        path = self.driver.create_volume(volume)
        self.volumes.update(volume_id, "available", host)
        logging.info("volume %s is available at %s", volume_id, path)


def main():
    log_as("cinder-volume")
    if "DEBUGTAP_DEBUGPY_PORT" in os.environ:
        import debugpy

        port = int(os.environ["DEBUGTAP_DEBUGPY_PORT"])
        debugpy.listen(("127.0.0.1", port))
        logging.info("debugpy listens on 127.0.0.1:%s", port)
    manager = VolumeManager(SparseFileDriver(os.path.dirname(os.environ["VOLUMES_DB"])))
    logging.info("ready: consumes the topic volume")
    Bus().serve("volume", manager)


if __name__ == "__main__":
    main()
