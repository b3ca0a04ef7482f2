"""The journal: examples and games that were accepted and not yet trained on, on disk.

A directory with a file for each segment, `{segment:08d}.journal`, numbered from 1. The file with
the highest number is open; all others are sealed and never change. `{segment:08d}.ids` remembers
the examples of a segment that was trained on and deleted. `id` names the journal, `lock` guards it.

One thread writes, and nobody who appends needs to wait for it: what comes while it writes is the
next group, with one write and one fdatasync for all of it. A group is one frame of the file,
little-endian:

    magic, CRC-32 of what follows, bytes of the payload, number of records    4 x uint32
    payload, for each record: bytes of its id and of its data, its moves      3 x uint32
                              id, data

Frames of versions up to 0.2 begin with another magic, and their records have no moves.

A frame is written only when the one before it is on disk. So only the last frame of the open file
can be torn, and then nobody was told that it was accepted. Whatever else does not fit is damage.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import logging
import os
import secrets
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final, Literal, NamedTuple

import numpy as np

from hexz.errors import HexzError
from hexz.example import MAX_NAME
from hexz.files import atomic_file, read_file, sync

_log = logging.getLogger(__name__)

REMEMBERED_IDS: Final = 500_000
"""An example that comes again is recognised if it is among so many that were trained on last."""

_MAX_ID_BYTES: Final = 100
_MAGIC: Final = b"HXJ2"
_OLD_MAGIC: Final = b"HXJ1"
_HEADER: Final = struct.Struct("<4sIII")
_CHECKED: Final = struct.Struct("<II")  # the part of the header that the checksum covers
_RECORD: Final = struct.Struct("<III")
_OLD_RECORD: Final = struct.Struct("<II")

# macOS has no fdatasync.
_sync: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


class JournalError(HexzError):
    """The journal cannot be written or read: no space, no permission, a broken disk."""


class JournalInUse(JournalError):
    """Another process has the journal open."""


class JournalCorrupt(JournalError):
    """A file of the journal does not hold what was written to it."""

    is_final = True


class Record(NamedTuple):
    """An example or a game as it came from a worker.

    Attributes:
        id: a plain name; two records with one id are copies of each other.
        data: the serialized `NumpyExample` or `CompactGame`.
        moves: of the game; 0: it is an example.
    """

    id: str
    data: bytes
    moves: int = 0

    @property
    def examples(self) -> int:
        """How many examples it holds."""
        return self.moves or 1


Done = Callable[[int, str | None], None]
"""Is told how many of the examples were new and are on disk, or why they may not be."""


@dataclass(eq=False)
class _Append:
    """A call of `append_later`, until it is told how it went.

    Attributes:
        records, hashes: the new ones, which it has written.
        left: the calls, perhaps this one too, that write what it wants to be on disk.
        also: other calls that want what this one writes.
        failure: of any of those.
    """

    done: Done
    records: list[Record] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    left: int = 0
    also: list[_Append] = field(default_factory=list)
    failure: str | None = None

    @property
    def examples(self) -> int:
        return sum(record.examples for record in self.records)

    def tell(self, failure: str | None) -> None:
        """Takes note that one of those calls is written, and tells once all are."""
        self.failure = self.failure or failure
        self.left -= 1
        if self.left > 0:
            return
        try:
            self.done(0 if self.failure else self.examples, self.failure)
        except Exception:  # its fault; the thread writes for all others too
            _log.exception("what became of %d examples could not be told", self.examples)


@dataclass
class _OpenFile:
    """The file of the open segment."""

    segment: int
    descriptor: int
    size: int = 0
    count: int = 0
    torn: bool = False
    """Whether there may be bytes beyond `size`, of a frame that could not be written."""


class Journal:
    """The journal in a directory, for all threads of one process.

    Attributes:
        id: 16 random hexadecimal digits, which stay with the directory.
    """

    id: str
    _file: _OpenFile

    def __init__(self, directory: Path, minibatch_size: int) -> None:
        """Opens the journal and reads it back.

        Args:
            directory: is created if it does not exist.
            minibatch_size: the append that brings a segment to so many examples seals it.

        Raises:
            JournalInUse: another process has it open.
            JournalCorrupt: a file is damaged; names the file, the offset and what to do.
            JournalError: the directory cannot be read or written.
        """
        self._directory = directory
        self._minibatch_size = minibatch_size
        # Guards all fields but the open file, which belongs to the thread that writes.
        self._guard = threading.Lock()
        self._work: SimpleQueue[bool] = SimpleQueue()
        self._queue: deque[_Append] = deque()
        self._pending: dict[int, _Append] = {}
        # Ids are kept as hashes of 8 bytes. The last of the waiting segments is the open one.
        self._known: set[int] = set()
        self._waiting: dict[int, list[int]] = {}
        self._examples: dict[int, int] = {}
        self._trained: dict[int, list[int]] = {}
        with _reported(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(directory)
            try:
                self.id = _journal_id(directory)
                self._read_back()
            except BaseException:
                self._lock.close()
                raise
        self._writer = threading.Thread(target=self._write_groups, name="journal", daemon=True)
        self._writer.start()

    @property
    def sealed(self) -> list[int]:
        """The sealed segments that are not forgotten, in ascending order."""
        with self._guard:
            return list(self._waiting)[:-1]

    @property
    def open_count(self) -> int:
        """The number of examples in the open segment."""
        with self._guard:
            return self._examples[max(self._waiting)]

    @property
    def num_waiting(self) -> int:
        """The number of examples in all segments that are not forgotten, the open one included."""
        with self._guard:
            return sum(self._examples.values())

    def append(self, records: Sequence[Record]) -> int:
        """Adds records to one segment, all or nothing, and returns when they are on disk.

        A record whose id is known is skipped. If another thread is just about to write the first
        copy, its success or failure is that of both.

        Returns:
            The number of examples that were new.

        Raises:
            JournalError: the records may not be on disk. Appending them again is safe, and works
                once the cause is gone.
        """
        told: SimpleQueue[tuple[int, str | None]] = SimpleQueue()
        self.append_later(records, lambda new, failure: told.put((new, failure)))
        new, failure = told.get()
        if failure is not None:
            raise JournalError(failure)
        return new

    def append_later(self, records: Sequence[Record], done: Done) -> None:
        """Does what `append` does without waiting for it.

        Args:
            records: what to add.
            done: is called once, perhaps at once, and by the thread that writes; nothing else is
                written until it returns. What it raises there goes to the log.
        """
        hashes = [_hash_of(record.id) for record in records]
        with self._guard:
            mine = self._enqueue(records, hashes, done)
            is_known = not mine.left  # later, the writer may have told it
        if is_known:
            done(0, None)
        elif mine.records:
            self._work.put(True)

    def forget(self, segment: int) -> None:
        """Deletes all segments up to this one, which are trained on. Their ids stay known.

        Not for several threads at once. Nobody who appends waits for it.

        Raises:
            JournalError: the segment is not sealed, or a file cannot be written or deleted.
        """
        with self._guard:
            trained = {n: hashes for n, hashes in self._waiting.items() if n <= segment}
            if len(trained) == len(self._waiting):
                raise JournalError(
                    f"segment {segment} was trained on, but {self._directory} ends before it: it "
                    "is an old copy of the journal. Move it away to begin a new one"
                )
        with _reported(self._directory):
            for number, hashes in trained.items():
                with atomic_file(_path(self._directory, number, "ids")) as file:
                    file.write(np.array(hashes, "<u8").tobytes())
                _path(self._directory, number, "journal").unlink()
                with self._guard:
                    self._trained[number] = self._waiting.pop(number)
                    del self._examples[number]
            self._forget_old_ids()

    def close(self) -> None:
        """Writes what waits, and lets another process open the journal. No thread may append."""
        self._work.put(False)
        self._writer.join()
        os.close(self._file.descriptor)
        self._lock.close()

    # --- Appending ---------------------------------------------------------------------------

    def _enqueue(self, records: Sequence[Record], hashes: Sequence[int], done: Done) -> _Append:
        """Queues the records that are new, and lets their call wait for all that must be on disk
        for the whole sequence to be there."""
        mine = _Append(done)
        awaited: set[_Append] = set()
        for record, number in zip(records, hashes, strict=True):
            if number in self._known:
                continue
            if number not in self._pending:
                self._pending[number] = mine
                mine.records.append(record)
                mine.hashes.append(number)
            awaited.add(self._pending[number])
        for append in awaited:
            append.also.append(mine)
        mine.left = len(awaited)
        if mine.records:
            self._queue.append(mine)
        return mine

    def _write_groups(self) -> None:
        """Writes one group after the other, until the journal is closed."""
        while self._work.get():
            with self._guard:
                group = self._next_group()
            if not group:  # it went with the one before
                continue
            segment = 0
            failure: str | None = None
            try:
                segment = self._write(group)
            except Exception as error:  # whatever it is, those who wait must hear of it
                reason = error.strerror if isinstance(error, OSError) else None
                failure = f"cannot write to {self._directory}: {reason or error}"
            self._finish(group, segment, failure)

    def _next_group(self) -> list[_Append]:
        """What goes into the next frame: all that is queued, or what seals the segment."""
        group: list[_Append] = []
        room = self._minibatch_size - self._file.count
        while self._queue and (room > 0 or not group):
            group.append(self._queue.popleft())
            room -= group[-1].examples
        return group

    def _write(self, group: list[_Append]) -> int:
        """Brings a group to the disk and returns its segment; raises OSError if it cannot."""
        if self._is_full():
            self._begin_segment()
        file = self._file
        records = [record for append in group for record in append.records]
        frame = _frame_of(records)
        try:
            if file.torn:
                os.ftruncate(file.descriptor, file.size)
            file.torn = True
            _write_all(file.descriptor, frame, file.size)
            _sync(file.descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
            raise
        file.torn = False
        file.size += len(frame)
        file.count += sum(append.examples for append in group)
        if self._is_full():
            # The group is safe, so a failure is that of the next one, which tries again.
            with contextlib.suppress(OSError):
                self._begin_segment()
        return file.segment

    def _finish(self, group: list[_Append], segment: int, failure: str | None) -> None:
        """Tells all calls how it went."""
        hashes = [number for append in group for number in append.hashes]
        with self._guard:
            for number in hashes:
                del self._pending[number]
            if failure is None:
                self._known.update(hashes)
                self._waiting.setdefault(segment, []).extend(hashes)
                self._examples[segment] = self._examples.get(segment, 0) + sum(
                    append.examples for append in group
                )
            self._begin_counting()
        for append in group:
            for one in append.also:
                one.tell(failure)

    def _is_full(self) -> bool:
        return self._file.count >= self._minibatch_size

    def _begin_segment(self) -> None:
        """Seals the open segment by opening the next one."""
        sealed = self._file
        self._file = _create(self._directory, sealed.segment + 1)
        os.close(sealed.descriptor)

    # --- Reading back and forgetting ---------------------------------------------------------

    def _read_back(self) -> None:
        """Learns what is there and opens the last segment."""
        for rest in self._directory.glob(".*.tmp"):  # of an atomic_file that was killed
            rest.unlink()
        segments = _numbers(self._directory, "journal")
        # A segment with both files was about to be forgotten.
        for number in sorted(set(_numbers(self._directory, "ids")) - set(segments)):
            ids = np.fromfile(_path(self._directory, number, "ids"), "<u8")
            self._trained[number] = ids.tolist()
        for number in segments[:-1]:
            self._waiting[number], self._examples[number] = [], 0
            for frame in _read_frames(_path(self._directory, number, "journal")):
                self._waiting[number] += frame.hashes()
                self._examples[number] += frame.examples
        if segments:
            self._reopen(segments[-1])
        else:
            self._file = _create(self._directory, max(self._trained, default=0) + 1)
        if self._is_full():
            self._begin_segment()
        self._begin_counting()
        for hashes in (*self._trained.values(), *self._waiting.values()):
            self._known.update(hashes)

    def _reopen(self, segment: int) -> None:
        """Reads the open segment, and cuts off a frame that is torn."""
        path = _path(self._directory, segment, "journal")
        hashes: list[int] = []
        size = count = 0
        try:
            for frame in _read_frames(path):
                hashes += frame.hashes()
                count += frame.examples
                size = frame.end
        except JournalCorrupt:
            with open(path, "rb") as whole:
                whole.seek(size)
                rest = whole.read()
            if not _is_torn(rest) and _holds_frame(rest):
                raise
        file = _OpenFile(segment, os.open(path, os.O_RDWR | os.O_CLOEXEC), size, count)
        os.ftruncate(file.descriptor, size)
        os.fsync(file.descriptor)
        self._file = file
        self._waiting[segment], self._examples[segment] = hashes, count

    def _begin_counting(self) -> None:
        """Makes the open segment one of those that wait."""
        self._waiting.setdefault(self._file.segment, [])
        self._examples.setdefault(self._file.segment, 0)

    def _forget_old_ids(self) -> None:
        """Keeps the ids of the last trained segments, of as few as have REMEMBERED_IDS."""
        surplus = sum(map(len, self._trained.values())) - REMEMBERED_IDS
        for number in sorted(self._trained):
            surplus -= len(self._trained[number])
            if surplus < 0:
                return
            _path(self._directory, number, "ids").unlink()
            with self._guard:
                self._known.difference_update(self._trained.pop(number))


def read_segment(directory: Path, segment: int) -> list[Record]:
    """The records of a sealed segment, in the order in which they were accepted.

    Raises:
        JournalCorrupt: the file is damaged.
        JournalError: it is not there or cannot be read.
    """
    with _reported(directory):
        frames = _read_frames(_path(directory, segment, "journal"))
        return [record for frame in frames for record in frame.records]


# --- Files -----------------------------------------------------------------------------------


class _Frame(NamedTuple):
    records: list[Record]
    end: int
    """Offset of the first byte behind it."""

    def hashes(self) -> list[int]:
        return [_hash_of(record.id) for record in self.records]

    @property
    def examples(self) -> int:
        return sum(record.examples for record in self.records)


def _frame_of(records: Sequence[Record]) -> bytes:
    parts: list[bytes] = []
    for record in records:
        name = record.id.encode()
        parts += [_RECORD.pack(len(name), len(record.data), record.moves), name, record.data]
    payload = b"".join(parts)
    checked = _CHECKED.pack(len(payload), len(records))
    checksum = zlib.crc32(payload, zlib.crc32(checked))
    return _HEADER.pack(_MAGIC, checksum, len(payload), len(records)) + payload


def _read_frames(path: Path) -> Iterator[_Frame]:
    """Yields the frames of a file; raises JournalCorrupt at the first that is not whole."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while (offset := file.tell()) < size:
            frame = _read_frame(file, size)
            if frame is None:
                raise JournalCorrupt(
                    f"{path} is damaged at byte {offset}: bring it back from a copy, or move it "
                    "away to go on without its examples"
                )
            yield frame


def _read_frame(file: BinaryIO, size: int) -> _Frame | None:
    """The frame at the position of a file of so many bytes, or None if there is no whole one."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, checksum, length, count = _HEADER.unpack(header)
    if magic not in (_MAGIC, _OLD_MAGIC) or length > size - file.tell():
        return None
    payload = file.read(length)
    if zlib.crc32(payload, zlib.crc32(header[-_CHECKED.size :])) != checksum:
        return None
    records: list[Record] = []
    offset = 0
    head = _RECORD if magic == _MAGIC else _OLD_RECORD
    try:
        for _ in range(count):
            id_length, data_length, *moves = head.unpack_from(payload, offset)
            start = offset + head.size + id_length
            offset = start + data_length
            name = payload[start - id_length : start].decode()
            records.append(Record(name, payload[start:offset], *moves))
    except (struct.error, UnicodeDecodeError):  # whoever wrote this made a checksum of nonsense
        return None
    return _Frame(records, file.tell())


def _is_torn(data: bytes) -> bool:
    """Whether data that are no whole frame are the beginning of one and nothing else: the header
    says that it ends no sooner, and the heads of the records, as far as they go, agree with it. So
    what a worker hides in a record is not taken for a frame, and a length that is damaged does not
    hide the frames behind it."""
    if len(data) < _HEADER.size:
        return True
    magic, _, length, count = _HEADER.unpack_from(data)
    end: int = _HEADER.size + length
    if magic not in (_MAGIC, _OLD_MAGIC) or end < len(data):
        return False
    head = _RECORD if magic == _MAGIC else _OLD_RECORD
    written = len(data.rstrip(b"\0"))  # a file may be extended before its data arrives
    offset = _HEADER.size
    for _ in range(count):
        if offset + head.size > written:
            return True
        id_length, data_length, *_ = head.unpack_from(data, offset)
        offset += head.size + id_length + data_length
        if id_length > MAX_NAME or offset > end:
            return False
    return offset == end


def _holds_frame(data: bytes) -> bool:
    """Whether a whole frame begins somewhere in the data."""
    rest = io.BytesIO(data)
    position = data.find(_MAGIC[:3])
    while position >= 0:
        rest.seek(position)
        if _read_frame(rest, len(data)) is not None:
            return True
        position = data.find(_MAGIC[:3], position + 1)
    return False


def _create(directory: Path, segment: int) -> _OpenFile:
    """Creates the empty file of a segment, such that it survives a crash of the machine."""
    path = _path(directory, segment, "journal")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        sync(directory)
    except OSError:
        os.close(descriptor)
        raise
    return _OpenFile(segment, descriptor)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written


def _path(directory: Path, segment: int, kind: Literal["journal", "ids"]) -> Path:
    return directory / f"{segment:08d}.{kind}"


def _numbers(directory: Path, kind: Literal["journal", "ids"]) -> list[int]:
    """The segments that have a file of this kind, in ascending order."""
    return sorted(int(path.stem) for path in directory.glob(f"*.{kind}") if path.stem.isdecimal())


def _journal_id(directory: Path) -> str:
    """The id of a journal, made when there is none yet."""
    path = directory / "id"
    if not path.exists():
        with atomic_file(path) as file:
            file.write(secrets.token_hex(8).encode())
    return read_file(path, _MAX_ID_BYTES).decode()


def _locked(directory: Path) -> BinaryIO:
    """The lock of a directory; it ends when the file is closed or the process ends."""
    lock = open(directory / "lock", "wb")  # noqa: SIM115  stays open
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        if not isinstance(error, BlockingIOError):
            raise
        raise JournalInUse(
            f"another train server uses {directory}: stop it, or give this one another directory"
        ) from None
    return lock


def _hash_of(name: str) -> int:
    """64 bits of an id. Among 500,000 ids a new one meets an equal hash once in 10**13 times."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


@contextlib.contextmanager
def _reported(directory: Path) -> Iterator[None]:
    """Turns errors of the file system into JournalError."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot use the journal in {directory}: {error.strerror or error}"
        ) from None
