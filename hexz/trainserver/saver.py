"""Saves checkpoints beside the training of the next ones."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hexz.checkpoints import CheckpointInfo, NewCheckpoint
from hexz.checkpoints.store import CheckpointStore
from hexz.errors import CheckpointExists, StoreError
from hexz.processes import ToldToEnd
from hexz.trainserver.batches import archive_entries
from hexz.trainserver.journal import Record
from hexz.wire.archive import write_examples

RETRY_SECONDS: Final = 5.0
"""How long after a failed attempt the store is tried again."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A checkpoint that is trained, but not in the store yet.

    Attributes:
        number: of the checkpoint.
        model: the content of `model.pt`.
        training_state: what training needs beside the model to go on from here.
        metadata: of the checkpoint.
        archive: the zip file of its examples, once it is written.
    """

    number: int
    model: bytes = field(repr=False)
    training_state: bytes = field(repr=False)
    metadata: dict[str, Any]
    archive: Future[Path]


class CheckpointSaver:
    """Saves checkpoints in their order, in a thread of its own, however long the store cannot be
    reached. Another thread writes the zip files of their examples. What is left is saved at the end
    of the `with` block, unless the store cannot be reached.

    Args:
        store: where they are saved; nobody else writes to it.
        directory: where zip files lie until they are saved. What an earlier process left there must
            be gone.
        on_saved: is told in that thread of each checkpoint that is saved, with the content of its
            `model.pt`.
        on_problem: is told in that thread why the store cannot be reached, and with None that it
            can be again.
    """

    def __init__(
        self,
        store: CheckpointStore,
        directory: Path,
        *,
        on_saved: Callable[[CheckpointInfo, bytes], None],
        on_problem: Callable[[str | None], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._on_saved = on_saved
        self._on_problem = on_problem
        self._queue: queue.SimpleQueue[Trained | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._archiver = ThreadPoolExecutor(1, "archiver")
        self._thread = threading.Thread(target=self._run, name="saver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ending.set()
        self._queue.put(None)
        self._thread.join()
        self._archiver.shutdown(cancel_futures=True)

    def archive(self, name: str, records: list[Record]) -> Future[Path]:
        """Begins to write the zip file of a batch of examples."""
        return self._archiver.submit(self._write_archive, self._directory / f"{name}.zip", records)

    def save(self, checkpoint: Trained) -> None:
        """Saves a checkpoint after those that wait already. Returns at once."""
        self._queue.put(checkpoint)

    def check(self) -> None:
        """Raises what makes it impossible to save any more, if there is something."""
        if self._failure is not None:
            raise self._failure

    @staticmethod
    def _write_archive(path: Path, records: list[Record]) -> Path:
        write_examples(path, archive_entries(records))
        return path

    def _run(self) -> None:
        try:
            while (checkpoint := self._queue.get()) is not None:
                self._save(checkpoint)
        except ToldToEnd:
            pass
        except BaseException as error:
            self._failure = error

    def _save(self, checkpoint: Trained) -> None:
        archive = checkpoint.archive.result()
        new = NewCheckpoint(
            number=checkpoint.number,
            model=checkpoint.model,
            training_state=checkpoint.training_state,
            batches={archive.stem: archive},
            metadata=checkpoint.metadata,
        )
        info = self._save_at_last(new)
        with contextlib.suppress(OSError):
            archive.unlink()
        self._on_saved(info, checkpoint.model)

    def _save_at_last(self, new: NewCheckpoint) -> CheckpointInfo:
        while True:
            try:
                info = self._store.save(new)
                self._on_problem(None)
                return info
            except CheckpointExists:
                raise
            except StoreError as error:
                self._on_problem(str(error))
            if self._ending.wait(RETRY_SECONDS):
                raise ToldToEnd
