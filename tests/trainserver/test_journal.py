"""The journal keeps what it has acknowledged, whatever happens to the process, the file or the
disk, and takes nothing twice."""

import contextlib
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from hexz.files import atomic_file
from hexz.trainserver import journal as journal_module
from hexz.trainserver.journal import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalInUse,
    Record,
    read_segment,
)

from ..waiting import wait_until

TIMEOUT = 30
BIG = 1000  # a segment that no test fills


def record(number: int, size: int = 100) -> Record:
    return Record(f"game-{number:05d}", random.Random(number).randbytes(size))


def records(*numbers: int) -> list[Record]:
    return [record(number) for number in numbers]


@contextlib.contextmanager
def opened(directory: Path, minibatch_size: int = BIG) -> Iterator[Journal]:
    journal = Journal(directory, minibatch_size)
    try:
        yield journal
    finally:
        journal.close()


def contents(directory: Path) -> list[Record]:
    """All records of a closed journal, torn ones not counted; opens it once."""
    with opened(directory):
        pass
    segments = sorted(int(path.stem) for path in directory.glob("*.journal"))
    return [record for segment in segments for record in read_segment(directory, segment)]


def segment_file(directory: Path, segment: int = 1) -> Path:
    return directory / f"{segment:08d}.journal"


# --- Batches -----------------------------------------------------------------------------------


def test_records_come_back_in_their_order(tmp_path):
    with opened(tmp_path) as journal:
        assert journal.append(records(3, 1)) == 2
        assert journal.append(records(2)) == 1
    assert contents(tmp_path) == records(3, 1, 2)


def test_a_segment_is_sealed_by_the_append_that_fills_it(tmp_path):
    journal = Journal(tmp_path, 3)
    for number in range(5):
        journal.append(records(number))
    assert (journal.sealed, journal.open_count) == ([1], 2)
    journal.append(records(5, 6, 7))  # a game is never split
    assert (journal.sealed, journal.open_count) == ([1, 2], 0)
    assert read_segment(tmp_path, 1) == records(0, 1, 2)
    assert read_segment(tmp_path, 2) == records(3, 4, 5, 6, 7)
    journal.append(records(8))
    assert journal.num_waiting == 9
    journal.close()


def test_a_restart_goes_on_where_it_was(tmp_path):
    with opened(tmp_path, 3) as journal:
        name = journal.id
        for number in range(5):
            journal.append(records(number))
    with opened(tmp_path, 3) as journal:
        assert journal.id == name
        assert (journal.sealed, journal.open_count, journal.num_waiting) == ([1], 2, 5)
        journal.append(records(5))
        assert journal.sealed == [1, 2]
    assert read_segment(tmp_path, 2) == records(3, 4, 5)


def test_journals_have_different_ids(tmp_path):
    with opened(tmp_path / "a") as a, opened(tmp_path / "b") as b:
        assert a.id != b.id
        assert len(a.id) == len(b.id) == 16


@pytest.mark.parametrize(("minibatch_size", "sealed", "open_count"), [(10, [1], 2), (2, [1, 2], 0)])
def test_another_size_changes_no_sealed_segment(tmp_path, minibatch_size, sealed, open_count):
    with opened(tmp_path, 3) as journal:
        for number in range(5):
            journal.append(records(number))
    with opened(tmp_path, minibatch_size) as journal:
        assert (journal.sealed, journal.open_count) == (sealed, open_count)


def test_a_full_segment_stays_sealed_when_the_size_grows(tmp_path):
    with opened(tmp_path, 3) as journal:
        journal.append(records(0, 1, 2))
    with opened(tmp_path, 10) as journal:
        assert (journal.sealed, journal.open_count) == ([1], 0)


def test_trained_segments_are_deleted(tmp_path):
    with opened(tmp_path, 2) as journal:
        for number in range(5):
            journal.append(records(number))
        journal.forget(1)
        journal.forget(1)
        assert (journal.sealed, journal.num_waiting) == ([2], 3)
    assert not segment_file(tmp_path).exists()
    with opened(tmp_path, 2) as journal:
        assert (journal.sealed, journal.num_waiting) == ([2], 3)
        journal.forget(2)
    with opened(tmp_path, 2) as journal:  # numbers are never used again
        journal.append(records(5))
        assert journal.sealed == [3]
        with pytest.raises(JournalError, match="old copy"):
            journal.forget(4)


def test_nobody_waits_for_a_segment_to_be_forgotten(tmp_path, monkeypatch):
    """One who appends is perhaps the thread that reads for all clients."""
    told: SimpleQueue[tuple[int, str | None]] = SimpleQueue()

    def write(path: Path):
        thread = threading.Thread(
            target=lambda: journal.append_later(records(3), lambda *result: told.put(result)),
            daemon=True,
        )
        thread.start()
        assert told.get(timeout=TIMEOUT) == (1, None)
        return atomic_file(path)

    with opened(tmp_path, 2) as journal:
        journal.append(records(1, 2))
        monkeypatch.setattr(journal_module, "atomic_file", write)
        journal.forget(1)
    assert contents(tmp_path) == records(3)


# --- Copies ------------------------------------------------------------------------------------


def test_an_id_is_accepted_once(tmp_path):
    with opened(tmp_path) as journal:
        assert journal.append(records(1, 2, 1)) == 2
        assert journal.append(records(2, 3)) == 1
        assert journal.append(records(1, 2, 3)) == 0
        assert journal.append([]) == 0
    with opened(tmp_path) as journal:
        assert journal.append(records(1, 2, 3, 4)) == 1
    assert contents(tmp_path) == records(1, 2, 3, 4)


def test_an_id_is_known_after_its_segment_was_trained_on(tmp_path):
    with opened(tmp_path, 2) as journal:
        journal.append(records(1, 2))
        journal.forget(1)
        assert journal.append(records(1, 2)) == 0
    with opened(tmp_path, 2) as journal:
        assert journal.append(records(1, 2)) == 0
        assert journal.num_waiting == 0


def test_the_oldest_ids_of_trained_segments_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "REMEMBERED_IDS", 4)
    with opened(tmp_path, 2) as journal:
        for number in range(8):
            journal.append(records(number))
        journal.forget(3)
        assert journal.append(records(0)) == 1
        assert journal.append(records(2, 4, 6)) == 0
    assert sorted(path.name for path in tmp_path.glob("*.ids")) == ["00000002.ids", "00000003.ids"]
    with opened(tmp_path, 2) as journal:
        assert journal.append(records(1, 2, 4, 6)) == 1


@pytest.mark.parametrize("minibatch_size", [3, 12])
def test_no_fewer_ids_are_remembered_than_are_promised(tmp_path, monkeypatch, minibatch_size):
    monkeypatch.setattr(journal_module, "REMEMBERED_IDS", 10)
    count = 5 * minibatch_size
    with opened(tmp_path, minibatch_size) as journal:
        for number in range(count):
            journal.append(records(number))
        journal.forget(5)
        assert journal.append(records(*range(count - 10, count))) == 0
        assert journal.append(records(0)) == 1


def test_a_crash_while_forgetting_loses_no_segment(tmp_path, monkeypatch):
    with opened(tmp_path, 2) as journal:
        journal.append(records(1, 2))
        shutil.copy(segment_file(tmp_path), tmp_path / "copy")
        journal.forget(1)
    shutil.move(tmp_path / "copy", segment_file(tmp_path))  # the ids were written, no more
    with opened(tmp_path, 2) as journal:
        assert (journal.sealed, journal.num_waiting) == ([1], 2)
        with monkeypatch.context() as patch:
            patch.setattr(journal_module, "REMEMBERED_IDS", 0)
            journal.forget(0)
        assert journal.append(records(1, 2)) == 0
        journal.forget(1)
        assert (journal.sealed, journal.append(records(1, 2))) == ([], 0)


def test_temporary_files_of_a_killed_process_are_deleted(tmp_path):
    (tmp_path / ".00000001.ids.abc.tmp").write_bytes(b"x")
    with opened(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "00000001.journal",
            "id",
            "lock",
        ]


# --- Threads -----------------------------------------------------------------------------------


def run_threads(*functions):
    """Runs functions in threads of their own; returns what they returned or raised."""
    results: list[object] = [None] * len(functions)

    def run(i: int) -> None:
        try:
            results[i] = functions[i]()
        except JournalError as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    return results


def test_threads_append_at_the_same_time(tmp_path):
    """Eight threads, each with games of its own and with one that all of them have."""
    journal = Journal(tmp_path, 50)

    def work(thread: int) -> int:
        new = 0
        for turn in range(40):
            first = 1000 * thread + 3 * turn
            new += journal.append(records(first, first + 1, first + 2, 100_000 + turn))
        return new

    new = run_threads(*(lambda thread=thread: work(thread) for thread in range(8)))
    assert sum(new) == 8 * 40 * 3 + 40
    journal.close()
    ids = Counter(record.id for record in contents(tmp_path))
    assert len(ids) == sum(new)
    assert set(ids.values()) == {1}
    assert journal.sealed == list(range(1, max(journal.sealed) + 1))
    assert all(50 <= len(read_segment(tmp_path, segment)) < 54 for segment in journal.sealed)


class SlowDisk:
    """Stands in for fdatasync: holds the first call back until it is let go, then fails or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.calls = 0
        self.busy, self.go = threading.Event(), threading.Event()
        self.error = error
        self.really_sync = journal_module._sync
        monkeypatch.setattr(journal_module, "_sync", self)

    def __call__(self, descriptor: int) -> None:
        self.calls += 1
        if self.calls == 1:
            self.busy.set()
            assert self.go.wait(TIMEOUT)
            if self.error is not None:
                raise self.error
        self.really_sync(descriptor)


def test_appends_that_wait_share_one_sync(tmp_path, monkeypatch):
    disk = SlowDisk(monkeypatch)
    with opened(tmp_path) as journal:

        def first() -> int:
            return journal.append(records(0))

        def other(number: int) -> int:
            assert disk.busy.wait(TIMEOUT)
            return journal.append(records(number))

        def let_go() -> None:
            wait_until(lambda: len(journal._queue) == 7, TIMEOUT)
            disk.go.set()

        others = (lambda number=number: other(number) for number in range(1, 8))
        results = run_threads(first, let_go, *others)
    assert results == [1, None, *[1] * 7]
    assert disk.calls == 2


def test_who_fails_to_be_told_keeps_nobody_else_from_writing(tmp_path, caplog):
    def fail(_new: int, _failure: str | None) -> None:
        raise RuntimeError("no ears")

    with opened(tmp_path) as journal:
        journal.append_later(records(1), fail)
        told: SimpleQueue[tuple[int, str | None]] = SimpleQueue()
        journal.append_later(records(2), lambda *result: told.put(result))
        assert told.get(timeout=TIMEOUT) == (1, None)
        assert journal.append(records(3)) == 1
        assert journal.num_waiting == 3
    assert "no ears" in caplog.text
    assert contents(tmp_path) == records(1, 2, 3)


class _LetsGo:
    """A journal's lock. Once this thread has left it, the disk goes on, and who waits for it is
    told before anything else happens."""

    def __init__(self, disk: SlowDisk, lock: threading.Lock, told: threading.Event) -> None:
        self.disk, self.lock, self.told = disk, lock, told
        self.copy = threading.current_thread()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        if threading.current_thread() is self.copy:
            self.disk.go.set()
            assert self.told.wait(TIMEOUT)


def test_a_copy_is_told_once_if_the_first_one_is_written_just_then(tmp_path, monkeypatch):
    disk, told = SlowDisk(monkeypatch), threading.Event()
    answers: list[tuple[int, str | None]] = []

    def tell(*answer) -> None:
        answers.append(answer)
        told.set()

    with opened(tmp_path) as journal:
        journal.append_later(records(1), lambda *_: None)
        assert disk.busy.wait(TIMEOUT)
        monkeypatch.setattr(journal, "_guard", _LetsGo(disk, journal._guard, told))
        journal.append_later(records(1), tell)
    assert answers == [(0, None)]


@pytest.mark.parametrize("error", [None, OSError(5, "Input/output error")])
def test_a_copy_is_acknowledged_with_the_first_one_only(tmp_path, monkeypatch, error):
    disk = SlowDisk(monkeypatch, error)
    with opened(tmp_path) as journal:
        order: list[str] = []

        def first() -> int:
            return journal.append(records(0))

        def copy() -> int:
            assert disk.busy.wait(TIMEOUT)
            try:
                return journal.append(records(0))
            finally:
                order.append("copy")

        def let_go() -> None:
            assert disk.busy.wait(TIMEOUT)
            [append] = set(journal._pending.values())
            wait_until(lambda: len(append.also) == 2, TIMEOUT)
            order.append("disk")
            disk.go.set()

        results = run_threads(first, copy, let_go)
        assert order == ["disk", "copy"]
        if error is None:
            assert results[:2] == [1, 0]
        else:
            assert all("Input/output error" in str(result) for result in results[:2])
            assert journal.num_waiting == 0
            assert journal.append(records(0)) == 1  # a third attempt
    assert contents(tmp_path) == records(0)


# --- Crashes -----------------------------------------------------------------------------------

WRITER = """
import os, random, sys, threading
from pathlib import Path
from hexz.trainserver.journal import Journal, Record
directory, run = Path(sys.argv[1]), sys.argv[2]
journal = Journal(directory, 20)
def write(thread):
    rng = random.Random(thread)
    for turn in range(10**6):
        records = [Record(f"{run}-{thread}-{turn}-{i}", rng.randbytes(rng.randrange(9000)))
                   for i in range(rng.choice([1, 1, 5]))]
        journal.append(records)
        os.write(1, "".join(f"{record.id}\\n" for record in records).encode())
        if thread == 0 and len(journal.sealed) > 3:
            journal.forget(journal.sealed[1])
for thread in range(4):
    threading.Thread(target=write, args=(thread,)).start()
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path):
    """Twenty times in the same directory, at random moments."""
    rng = random.Random(0)
    acknowledged: set[str] = set()
    for run in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, str(run)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(rng.randrange(1, 300)):
            acknowledged.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=TIMEOUT)
        acknowledged |= set(rest.split("\n")[:-1])
        with opened(tmp_path) as journal:
            # Nothing that was acknowledged is new, and so a copy is never accepted again.
            assert journal.append([Record(name, b"") for name in acknowledged]) == 0
            waiting = journal.num_waiting
        ids = [record.id for record in contents(tmp_path)]
        assert len(ids) == len(set(ids)) == waiting
        assert all(read_segment(tmp_path, segment) for segment in journal.sealed)
    assert len(acknowledged) > 2000


def test_a_frame_torn_anywhere_is_cut_off(tmp_path):
    with opened(tmp_path / "whole") as journal:
        journal.append(records(0, 1))
        size = segment_file(tmp_path / "whole").stat().st_size
        journal.append(records(2, 3))
    data = segment_file(tmp_path / "whole").read_bytes()
    for length in range(size, len(data)):
        directory = tmp_path / str(length)
        shutil.copytree(tmp_path / "whole", directory)
        # A file may also be extended before its data arrives.
        tail = bytes(len(data) - length) if length % 2 else b""
        segment_file(directory).write_bytes(data[:length] + tail)
        with opened(directory) as journal:
            assert journal.num_waiting == 2
            assert segment_file(directory).stat().st_size == size
            assert journal.append(records(1, 2)) == 1
        assert contents(directory) == records(0, 1, 2)


@pytest.mark.parametrize("extended", [False, True])
def test_a_frame_that_a_worker_hides_in_a_record_is_cut_off_with_it(tmp_path, extended):
    with opened(tmp_path / "other") as journal:
        journal.append(records(9))
    hidden = segment_file(tmp_path / "other").read_bytes()
    with opened(tmp_path / "whole") as journal:
        journal.append(records(0))
        size = segment_file(tmp_path / "whole").stat().st_size
        journal.append([Record("a", hidden), Record("b", b"x" + hidden + b"x"), *records(1)])
    data = segment_file(tmp_path / "whole").read_bytes()
    for length in range(size, len(data)):
        directory = tmp_path / str(length)
        shutil.copytree(tmp_path / "whole", directory)
        tail = bytes(len(data) - length) if extended else b""
        segment_file(directory).write_bytes(data[:length] + tail)
        assert contents(directory) == records(0)
        assert segment_file(directory).stat().st_size == size


def test_a_damaged_head_hides_no_frame_behind_it(tmp_path):
    """Any bit of the head of a frame and of its first record, on disk or in the reader's memory."""
    with opened(tmp_path) as journal:
        journal.append(records(0, 1))
        journal.append(records(2))
    path = segment_file(tmp_path)
    data = path.read_bytes()
    for bit in range(8 * (16 + 12)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(JournalCorrupt):
            Journal(tmp_path, BIG)
        assert path.read_bytes() == changed


@pytest.mark.parametrize("segment", [1, 2])
def test_damage_is_named(tmp_path, segment):
    with opened(tmp_path, 3) as journal:
        for number in range(5):
            journal.append(records(number))
    path = segment_file(tmp_path, segment)
    data = path.read_bytes()
    for offset in range(0, len(data) // 2, 7):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
        with pytest.raises(
            JournalCorrupt, match=rf"{path} is damaged at byte \d+: .* move it away"
        ):
            Journal(tmp_path, 3)
        with pytest.raises(JournalCorrupt):
            read_segment(tmp_path, segment)
        assert path.stat().st_size == len(data)
    path.unlink()
    with opened(tmp_path, 3) as journal:
        assert journal.num_waiting == 5 - len(range(5)[3 * segment - 3 : 3 * segment])


def test_numbers_go_on_when_the_open_segment_was_moved_away(tmp_path):
    with opened(tmp_path, 1) as journal:
        journal.append(records(1))
        journal.append(records(2))
        journal.forget(2)
    segment_file(tmp_path, 3).unlink()
    with opened(tmp_path, 1) as journal:
        journal.append(records(3))
        assert journal.sealed == [3]


def test_a_sealed_segment_that_was_cut_off_is_damaged(tmp_path):
    with opened(tmp_path, 2) as journal:
        for number in range(4):
            journal.append(records(number))
    os.truncate(segment_file(tmp_path), segment_file(tmp_path).stat().st_size - 1)
    with pytest.raises(JournalCorrupt):
        Journal(tmp_path, 2)


# --- Disks and directories ---------------------------------------------------------------------


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Stands in for a full disk: writes beyond this size fail in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_acknowledges_nothing_and_leaves_no_trace(tmp_path):
    with opened(tmp_path) as journal:
        journal.append(records(0))
        size = segment_file(tmp_path).stat().st_size
        with file_size_limit(size + 250):
            with pytest.raises(JournalError, match=f"cannot write to {tmp_path}: File too large"):
                journal.append(records(1, 2, 3))
            assert segment_file(tmp_path).stat().st_size == size
            assert (journal.open_count, journal.append(records(0))) == (1, 0)
            assert journal.append(records(4)) == 1  # a small one still fits
        assert journal.append(records(1, 2, 3)) == 3
    assert contents(tmp_path) == records(0, 4, 1, 2, 3)


def test_a_failure_to_cut_off_is_made_good_before_the_next_append(tmp_path, monkeypatch):
    def fail(descriptor: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    with opened(tmp_path, 1) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", fail)
            patch.setattr(journal_module, "_sync", lambda descriptor: fail(descriptor, 0))
            for _ in range(2):
                with pytest.raises(JournalError, match="Input/output error"):
                    journal.append(records(1, 2, 3))
        journal.append(records(4))
    assert read_segment(tmp_path, 1) == records(4)


def test_a_segment_that_cannot_be_begun_is_begun_later(tmp_path, monkeypatch):
    def fail(directory: Path, segment: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "_create", fail)
        journal.append(records(1, 2))
        assert journal.sealed == []
        with pytest.raises(JournalError, match="No space left"):
            journal.append(records(3))
    assert journal.append(records(3)) == 1
    assert journal.sealed == [1]
    journal.close()
    assert read_segment(tmp_path, 1) == records(1, 2)
    assert contents(tmp_path) == records(1, 2, 3)


def test_a_journal_is_for_one_process(tmp_path):
    journal = Journal(tmp_path, BIG)
    with pytest.raises(JournalInUse, match=f"another train server uses {tmp_path}"):
        Journal(tmp_path, BIG)
    journal.close()
    Journal(tmp_path, BIG).close()


def test_a_directory_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot use the journal in .*file"):
        Journal(tmp_path / "file", BIG)
    with pytest.raises(JournalError, match="No such file"):
        read_segment(tmp_path, 1)


def test_what_waits_takes_little_memory(tmp_path):
    """Of records only the ids are kept in memory, whatever they hold."""
    data = random.Random(0).randbytes(5000)
    with opened(tmp_path, 1000) as journal:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for game in range(400):
                journal.append([Record(f"{game}-{i}", data, moves=75) for i in range(50)])
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert journal.num_waiting == 400 * 50 * 75
        assert after - before < 400 * 50 * 200


def test_records_of_examples_and_games_fill_a_segment_together(tmp_path):
    game = Record("game", b"moves", moves=75)
    with opened(tmp_path, 80) as journal:
        assert journal.append([game]) == 75
        assert journal.append([game]) == 0
        assert journal.append(records(*range(4))) == 4
        assert (journal.sealed, journal.open_count, journal.num_waiting) == ([], 79, 79)
        journal.append(records(5))
        assert (journal.sealed, journal.open_count) == ([1], 0)
    with opened(tmp_path, 80) as journal:
        assert (journal.sealed, journal.num_waiting) == ([1], 80)
    assert read_segment(tmp_path, 1) == [game, *records(0, 1, 2, 3, 5)]


def test_a_journal_of_before_games_is_taken_over(tmp_path):
    """As versions up to 0.2 wrote it: frames with another magic, records without moves."""
    payload = b"".join(
        struct.pack("<II", len(one.id), len(one.data)) + one.id.encode() + one.data
        for one in records(0, 1)
    )
    checked = struct.pack("<II", len(payload), 2)
    checksum = zlib.crc32(payload, zlib.crc32(checked))
    frame = b"HXJ1" + struct.pack("<I", checksum) + checked + payload
    segment_file(tmp_path).write_bytes(frame)
    with opened(tmp_path) as journal:
        assert journal.append([*records(1), Record("game", b"moves", moves=9)]) == 9
        assert journal.num_waiting == 11
    assert contents(tmp_path) == [*records(0, 1), Record("game", b"moves", 9)]
    # What is cut off before a whole old frame is damage.
    segment_file(tmp_path).write_bytes(frame[:-1] + frame)
    with pytest.raises(JournalCorrupt):
        Journal(tmp_path, BIG)


@pytest.mark.soak
def test_a_hundred_thousand_examples_are_read_back_in_seconds(tmp_path):
    data = random.Random(0).randbytes(7000)
    with opened(tmp_path, 4096) as journal:
        for game in range(1_400):
            journal.append([Record(f"{game}-{move}", data) for move in range(72)])
    start = time.monotonic()
    with opened(tmp_path, 4096) as journal:
        assert journal.num_waiting == 1_400 * 72
    assert time.monotonic() - start < 10
