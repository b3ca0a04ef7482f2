"""Checkpoints are saved beside training: in order, however slow the store, and none is lost."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hexz.checkpoints import CheckpointInfo, NewCheckpoint, open_store
from hexz.errors import CheckpointExists, StoreUnavailable
from hexz.processes import ChildFailed
from hexz.trainserver import saver as saver_module
from hexz.trainserver.journal import Journal, Record
from hexz.trainserver.saver import CheckpointSaver, Trained
from hexz.trainserver.service import TrainingService
from hexz.trainserver.supervisor import MAX_UNSAVED
from hexz.wire.archive import read_examples

from ..waiting import wait_until
from .conftest import running_service, tiny_config
from .test_supervisor import assert_trained_once, trained_ids
from .trainer_thread import trainers_in_threads

BATCH = 60


class SlowStore:
    """Takes a checkpoint once `open` is set, and says until then that it cannot be reached."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.saved: list[NewCheckpoint] = []
        self.examples: list[str] = []

    def save(self, new: NewCheckpoint) -> CheckpointInfo:
        if not self.open.is_set():
            raise StoreUnavailable("the store is away")
        if any(known.number == new.number for known in self.saved):
            raise CheckpointExists("somebody else writes here")
        self.saved.append(new)
        [path] = new.batches.values()
        self.examples += [name for name, _ in read_examples(path)]
        return CheckpointInfo(
            number=new.number, sha256=None, size=0, unix_seconds=0.0, metadata=new.metadata
        )


class Saving:
    """A saver and what it tells."""

    def __init__(self, directory: Path) -> None:
        self.store = SlowStore()
        self.numbers: list[int] = []
        journal = Journal(directory / "journal", 1)
        for number in range(1, 4):
            journal.append([Record(f"e{number}", b"data")])
        journal.close()
        self.archives = directory / "archives"
        self.archives.mkdir()
        self.problems: list[str | None] = []
        self.saver = CheckpointSaver(
            self.store,  # type: ignore[arg-type]
            directory / "journal",
            self.archives,
            archivers=2,
            on_saved=lambda info, model: self.numbers.append(info.number),
            on_problem=self.problems.append,
        )

    def save(self, number: int, batch: int | None = None) -> None:
        self.saver.archive(batch or number, f"{number:06d}-j")
        self.saver.save(Trained(number=number, model=b"m", training_state=b"s", metadata={}))


@pytest.fixture
def saving(tmp_path, monkeypatch) -> Iterator[Saving]:
    monkeypatch.setattr(saver_module, "RETRY_SECONDS", 0.01)
    with trainers_in_threads():
        yield Saving(tmp_path)


def test_a_store_that_is_away_holds_nobody_up_and_gets_all_in_order(saving):
    with saving.saver:
        for number in (1, 2, 3):
            saving.save(number)
        wait_until(lambda: len(saving.problems) > 2)
        assert set(saving.problems) == {"the store is away"}
        assert saving.numbers == []
        saving.store.open.set()
        wait_until(lambda: saving.numbers == [1, 2, 3])
        assert saving.problems[-1] is None
    assert saving.store.examples == ["e1.pb", "e2.pb", "e3.pb"]
    assert list(saving.archives.iterdir()) == []


def test_at_the_end_what_waits_is_saved_if_the_store_can_be_reached(saving):
    with saving.saver:
        saving.store.open.set()
        for number in (1, 2, 3):
            saving.save(number)
    assert saving.numbers == [1, 2, 3]


def test_at_the_end_a_store_that_is_away_is_not_waited_for(saving):
    with saving.saver:
        saving.save(1)
    assert saving.numbers == []
    saving.saver.check()


def test_what_makes_saving_impossible_is_raised_where_it_is_asked_for(saving):
    saving.store.open.set()
    with saving.saver:
        saving.save(1)
        saving.save(1)
        wait_until(lambda: not saving.saver._thread.is_alive())
        with pytest.raises(CheckpointExists, match="somebody else"):
            saving.saver.check()


def test_examples_that_cannot_be_archived_are_such_a_reason(saving):
    saving.store.open.set()
    with saving.saver:
        saving.save(1, batch=99)
        wait_until(lambda: not saving.saver._thread.is_alive())
        with pytest.raises(ChildFailed, match="cannot be archived: cannot use the journal"):
            saving.saver.check()


def test_an_archiver_that_is_killed_is_such_a_reason(tmp_path):
    """Here it is a process."""
    saving = Saving(tmp_path)
    saving.store.open.set()
    with saving.saver:
        saving.save(1)
        wait_until(lambda: saving.numbers == [1])
        saving.saver._archivers[1].process.kill()
        saving.save(2)
        wait_until(lambda: not saving.saver._thread.is_alive())
        with pytest.raises(ChildFailed, match="cannot be archived: killed by SIGKILL"):
            saving.saver.check()


def test_training_goes_on_without_the_store_until_enough_waits(tmp_path, games, monkeypatch):
    """The server ends while checkpoints wait, and the next one makes them again."""
    monkeypatch.setattr(saver_module, "RETRY_SECONDS", 0.05)
    bodies = list(itertools.islice(itertools.chain.from_iterable(games), (MAX_UNSAVED + 1) * BATCH))
    config = tiny_config(tmp_path / "server", minibatch_size=BATCH, max_backlog=1)
    models, away = config.data_dir / "models", tmp_path / "away"

    def post(service: TrainingService, batch: int) -> None:
        for body in bodies[batch * BATCH : (batch + 1) * BATCH]:
            assert service.accept_example(body).result().accepted == 1

    with trainers_in_threads():
        with running_service(config) as service:
            wait_until(lambda: service.checkpoint == 0)
            models.rename(away)
            models.write_text("not a directory")
            for batch in range(MAX_UNSAVED):
                post(service, batch)  # which a backlog of one batch would not allow otherwise
                wait_until(lambda n=batch + 1: service.status().training.unsaved == n)  # type: ignore[misc]
            assert service.status().training.activity == "idle"
            post(service, MAX_UNSAVED)
            wait_until(lambda: service.status().training.activity == "saving")
            assert str(models) in service.problems()[0]
            assert (service.checkpoint, service.status().training.unsaved) == (0, MAX_UNSAVED)
        models.unlink()
        away.rename(models)
        with running_service(config) as service:
            wait_until(lambda: service.checkpoint == MAX_UNSAVED + 1)
            assert service.status().training.unsaved == 0
            assert service.status().journal.waiting == 0
            assert_trained_once(service, bodies)
            assert len(trained_ids(config)) == len(bodies)
    store = open_store(config.store, config.model_name)
    parents = [info.record.parent for info in store.list()]
    assert parents == [None, *range(MAX_UNSAVED + 1)]
