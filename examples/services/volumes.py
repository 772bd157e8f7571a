"""The table of volumes that the services share, as cinder's services share its database."""

import os
import sqlite3


class Volumes:
    def __init__(self):
        self.db = sqlite3.connect(os.environ["VOLUMES_DB"], timeout=10, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("CREATE TABLE IF NOT EXISTS volumes (id PRIMARY KEY, name, size, status, host)")

    def insert(self, volume):
        self.db.execute("INSERT INTO volumes VALUES (:id, :name, :size, :status, NULL)", volume)

    def get(self, volume_id):
        row = self.db.execute("SELECT * FROM volumes WHERE id = ?", (volume_id,)).fetchone()
        return dict(row) if row else None

    def update(self, volume_id, status, host=None):
        self.db.execute(
            "UPDATE volumes SET status = ?, host = coalesce(?, host) WHERE id = ?", (status, host, volume_id)
        )
