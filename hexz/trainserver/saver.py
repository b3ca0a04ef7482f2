"""Saves checkpoints beside the training of the next ones."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hexz.checkpoints import CheckpointInfo, NewCheckpoint
from hexz.checkpoints.store import CheckpointStore
from hexz.errors import CheckpointExists, StoreError
from hexz.processes import Child, ChildFailed, ToldToEnd
from hexz.trainserver.archiver import Archive, run_archiver

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
    """

    number: int
    model: bytes = field(repr=False)
    training_state: bytes = field(repr=False)
    metadata: dict[str, Any]


class CheckpointSaver:
    """Saves checkpoints in their order, in a thread of its own, however long the store cannot be
    reached. Processes write the zip files of their examples. What is left is saved at the end of
    the `with` block, unless the store cannot be reached.

    Args:
        store: where they are saved; nobody else writes to it.
        journal_dir: of the journal that their examples are in.
        directory: where zip files lie until they are saved. What an earlier process left there must
            be gone.
        archivers: how many processes write zip files.
        on_saved: is told in that thread of each checkpoint that is saved, with the content of its
            `model.pt`.
        on_problem: is told in that thread why the store cannot be reached, and with None that it
            can be again.
    """

    def __init__(
        self,
        store: CheckpointStore,
        journal_dir: Path,
        directory: Path,
        *,
        archivers: int,
        on_saved: Callable[[CheckpointInfo, bytes], None],
        on_problem: Callable[[str | None], None],
    ) -> None:
        self._store = store
        self._journal_dir = journal_dir
        self._num_archivers = archivers
        self._archivers: list[Child] = []
        # Each batch that is archived becomes the next checkpoint that is saved.
        self._archived = 0
        self._saved = 0
        self._directory = directory
        self._on_saved = on_saved
        self._on_problem = on_problem
        self._queue: queue.SimpleQueue[Trained | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="saver")

    def __enter__(self) -> Self:
        for _ in range(self._num_archivers):
            self._archivers.append(Child(run_archiver, self._journal_dir))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._ending.set()
        self._queue.put(None)
        self._thread.join()
        for archiver in self._archivers:
            archiver.kill()

    def archive(self, batch: int, name: str) -> None:
        """Begins to write the zip file of the batch that the next checkpoint is trained on.

        Args:
            batch: of the journal.
            name: of the batch in the store.
        """
        archiver = self._archivers[self._archived % self._num_archivers]
        archiver.send(Archive(batch, self._directory / f"{name}.zip"))
        self._archived += 1

    def save(self, checkpoint: Trained) -> None:
        """Saves a checkpoint after those that wait already. Returns at once."""
        self._queue.put(checkpoint)

    def check(self) -> None:
        """Raises what makes it impossible to save any more, if there is something."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (checkpoint := self._queue.get()) is not None:
                self._save(checkpoint)
        except ToldToEnd:
            pass
        except BaseException as error:
            self._failure = error

    def _save(self, checkpoint: Trained) -> None:
        archive = self._next_archive()
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

    def _next_archive(self) -> Path:
        """Waits for the zip file of the next checkpoint that is saved."""
        archiver = self._archivers[self._saved % self._num_archivers]
        self._saved += 1
        try:
            path: Path = archiver.receive()
        except EOFError:
            raise ChildFailed("the process that archives examples ended", False) from None
        except ChildFailed as failure:
            raise ChildFailed(
                f"examples cannot be archived: {failure.reason}", failure.is_final
            ) from None
        return path

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
