"""The quarantine: who is in it and why, and what was posted from there, in a SQLite database.

What is set aside is on disk when it is answered. It stays until the worker is released, and then
leaves it body by body, each once it is in the journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hexz.errors import HexzError

MAX_BYTES: Final = 1 << 30
"""Beyond so many bytes nothing more is set aside, and posts are answered with 503."""

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS workers (
    name TEXT PRIMARY KEY, quarantined INTEGER NOT NULL, reason TEXT NOT NULL, since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bodies (
    number INTEGER PRIMARY KEY, worker TEXT NOT NULL, path TEXT NOT NULL, digest BLOB NOT NULL,
    examples INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (worker, digest)
);
"""


class QuarantineError(HexzError):
    """The database cannot be read or written: no space, no permission, a broken disk."""


class Verdict(NamedTuple):
    """What was decided about a worker last.

    Attributes:
        quarantined: whether what it posts is set aside; if not, it was released, and statistics
            do not count against it any more.
        reason: in words.
        since: when, in seconds since 1970.
    """

    quarantined: bool
    reason: str
    since: float


class SetAside(NamedTuple):
    """What a worker posted in quarantine.

    Attributes:
        number: of the body, ascending.
        worker: its name.
        path: that it was posted to.
        body: what was posted.
    """

    number: int
    worker: str
    path: str
    body: bytes


class Quarantine:
    """The quarantine in a directory, for all threads of one process.

    Raises:
        QuarantineError: it cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "quarantine.sqlite"
        self._lock = threading.Lock()
        with self._reported():
            directory.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self._file, check_same_thread=False, isolation_level=None
            )
            self._database.executescript(_SCHEMA)
            rows = self._database.execute("SELECT name, quarantined, reason, since FROM workers")
            self._verdicts = {
                name: Verdict(bool(quarantined), reason, since)
                for name, quarantined, reason, since in rows
            }
            self._examples = dict(
                self._database.execute("SELECT worker, SUM(examples) FROM bodies GROUP BY worker")
            )
            self._bytes = self._database.execute(
                "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM bodies"
            ).fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._database.close()

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """What was decided, by worker; nothing was about those that are not there."""
        return dict(self._verdicts)

    @property
    def examples(self) -> dict[str, int]:
        """The number of examples that are set aside, by worker; some may be there twice."""
        return dict(self._examples)

    def verdict(self, worker: str) -> Verdict | None:
        return self._verdicts.get(worker)

    def decide(self, worker: str, *, quarantined: bool, reason: str) -> None:
        """Puts a worker into quarantine, or releases it.

        Raises:
            QuarantineError: it cannot be kept. It holds nevertheless, until the process ends.
        """
        verdict = self._verdicts[worker] = Verdict(quarantined, reason, time.time())
        with self._reported():
            self._database.execute(
                "INSERT OR REPLACE INTO workers VALUES (?, ?, ?, ?)", (worker, *verdict)
            )

    def set_aside(self, worker: str, path: str, body: bytes, examples: int) -> None:
        """Keeps a body; returns once it is on disk. One that is there already is kept once.

        Raises:
            QuarantineError: it cannot be kept.
        """
        if self._bytes + len(body) > MAX_BYTES:
            raise QuarantineError(
                f"the quarantine has its {MAX_BYTES >> 20} MB: release workers, or delete "
                f"{self._file} while the server is stopped"
            )
        digest = hashlib.sha256(body).digest()
        with self._reported():
            cursor = self._database.execute(
                "INSERT OR IGNORE INTO bodies (worker, path, digest, examples, body) "
                "VALUES (?, ?, ?, ?, ?)",
                (worker, path, digest, examples, body),
            )
            if cursor.rowcount:
                self._count(worker, examples, len(body))

    def released(self) -> SetAside | None:
        """The oldest body of a worker that is not in quarantine any more; None if there is none.

        Raises:
            QuarantineError: the database cannot be read.
        """
        free = [name for name in self.examples if not self.is_quarantined(name)]
        if not free:
            return None
        with self._reported():
            row = self._database.execute(
                "SELECT number, worker, path, body FROM bodies WHERE worker = ? ORDER BY number",
                (free[0],),
            ).fetchone()
        return None if row is None else SetAside(*row)

    def remove(self, number: int) -> None:
        """Deletes a body that was set aside; does nothing if it is not there.

        Raises:
            QuarantineError: the database cannot be written.
        """
        with self._reported():
            row = self._database.execute(
                "DELETE FROM bodies WHERE number = ? RETURNING worker, examples, LENGTH(body)",
                (number,),
            ).fetchone()
            if row is not None:
                worker, examples, size = row
                self._count(worker, -examples, -size)

    def is_quarantined(self, worker: str) -> bool:
        """Tells whether what a worker posts is set aside."""
        verdict = self._verdicts.get(worker)
        return verdict is not None and verdict.quarantined

    def _count(self, worker: str, examples: int, size: int) -> None:
        self._bytes += size
        self._examples[worker] = self._examples.get(worker, 0) + examples
        if self._examples[worker] <= 0:
            del self._examples[worker]

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise QuarantineError(f"cannot use {self._file}: {error}") from None
