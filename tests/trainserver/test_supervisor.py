"""The trainer process: whatever ends it, the server goes on and each batch is trained on once."""

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec import structs

from hexz import processes
from hexz.checkpoints import NewCheckpoint, open_store
from hexz.training.losses import LOSS_NAMES
from hexz.trainserver.app import make_app
from hexz.trainserver.journal import JournalError
from hexz.trainserver.service import TrainingService
from hexz.wire.archive import read_examples
from hexz.wire.example import decode_example, encode_example

from ..games import game_examples
from ..system.processes import spawned
from ..waiting import wait_until
from ..wire.sample import old_message
from .conftest import QUICK, running_service, tiny_config
from .trainer_thread import TrainerThread, trainers_in_threads

BATCH = 150

pytestmark = pytest.mark.usefixtures("forked_children")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.2)


@pytest.fixture(scope="module")
def batches(games) -> Iterator[list[bytes]]:
    """Batches of examples that no test has posted yet."""
    bodies = itertools.chain.from_iterable(games)
    return iter(lambda: list(itertools.islice(bodies, BATCH)), [])


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[TrainingService]:
    config = tiny_config(
        tmp_path_factory.mktemp("server"),
        minibatch_size=BATCH,
        training=structs.replace(QUICK, reuse=20.0),
    )
    with running_service(config) as service:
        wait_until(lambda: service.checkpoint is not None)
        yield service


@pytest.fixture(autouse=True)
def _settled(request) -> Iterator[None]:
    """Each test leaves the shared server as it found it."""
    yield
    if "service" in request.fixturenames:
        service = request.getfixturevalue("service")
        wait_until(lambda: service.status().training.activity == "idle")
        assert service.problems() == []


@pytest.fixture
def in_threads() -> Iterator[None]:
    """The trainers of a test are no processes."""
    with trainers_in_threads():
        yield


def post(service: TrainingService, bodies: list[bytes]) -> None:
    wait_until(lambda: service.checkpoint is not None)
    for body in bodies:
        assert service.accept_example(body).result().accepted == 1


def checkpoint_is(service: TrainingService, number: int) -> bool:
    return service.checkpoint == number


def activity(service: TrainingService) -> str:
    return str(service.status().training.activity)


def trainer() -> psutil.Process:
    """The trainer of the service in this process."""
    children = psutil.Process().children(recursive=True)
    return spawned(children, "run_trainer")[0]


def trained_ids(config: Any) -> list[str]:
    """The ids in the zips of all checkpoints."""
    store = open_store(config.store, config.model_name)
    names = []
    for info in store.list():
        for batch in store.batches(info.number):
            with store.examples(info.number, batch) as path:
                names += [decode_example(data).example_id for _, data in read_examples(path)]
    return names


def ids_of(bodies: list[bytes]) -> set[str]:
    return {decode_example(body).example_id for body in bodies}


def assert_trained_once(service: TrainingService, bodies: list[bytes]) -> None:
    names = trained_ids(service.config)
    assert len(names) == len(set(names))
    assert ids_of(bodies) <= set(names)


def test_a_trainer_in_a_thread_may_end_later_than_a_process():
    """As on a busy machine; the real one is killed then."""
    may_end = threading.Event()
    trainer = TrainerThread(lambda _: may_end.wait())
    threading.Timer(0.2, may_end.set).start()
    trainer.end(0.01)


def test_rates_are_those_of_the_moment(batches, in_threads, tmp_path):
    shares = iter([1.0, 0.25])
    config = tiny_config(tmp_path, minibatch_size=BATCH)
    with running_service(config, rate_share=lambda: next(shares)) as service:
        for number in 1, 2:
            post(service, next(batches))
            wait_until(partial(checkpoint_is, service, number))
    reports = [info.record.report for info in open_store(config.store, "flagz").list()]
    assert [report and report.rate_share for report in reports] == [None, 1.0, 0.25]


def test_a_batch_becomes_a_checkpoint_and_leaves_the_journal(service, batches):
    before, bodies = service.checkpoint, next(batches)
    post(service, bodies)
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)
    status = service.status()
    newest = status.checkpoints[-1]
    assert newest.number == before + 1
    assert newest.losses.keys() == set(LOSS_NAMES)
    assert status.journal.waiting == 0
    info = open_store(service.config.store, "flagz").info(before + 1)
    assert info.metadata["parent"] == before
    assert info.metadata["examples"] == status.examples.trained
    assert service.model(before) != service.model(before + 1)


def test_a_worker_of_2023_still_trains(in_threads, tmp_path):
    """One that sends no heartbeat, and examples of the first fields only."""
    examples = [example for game in game_examples(4) for example in game[:10]]
    config = tiny_config(tmp_path, minibatch_size=len(examples))
    with running_service(config) as service:
        wait_until(lambda: service.checkpoint == 0)
        client = make_app(service).test_client()
        for example in examples:
            body = old_message(example).SerializeToString()
            answer = client.post("/training/examples", data=body)
            assert answer.status_code == 200, answer.text
            assert answer.json["accepted"] == 1
        wait_until(lambda: service.checkpoint == 1)
    report = open_store(config.store, "flagz").info(1).record.report
    assert report is not None
    assert report.new_examples + report.new_held_out == len(examples)
    assert report.steps > report.skipped_steps == 0
    learnt = {name for name, loss in report.losses.items() if loss > 0}
    assert {"total", "policy", "value"} <= learnt
    assert all(map(isfinite, report.losses.values()))


def test_hours_are_those_since_the_last_checkpoint_or_the_first_game(service, batches):
    """Games that ended long ago, later than now, and just now."""
    hours = []
    begun = time.time()
    for ended in (1.0, begun + 1e6, None):
        before = service.checkpoint
        micros = int(1e6 * (time.time() - 1.0 if ended is None else ended))
        post(service, [at(body, micros) for body in next(batches)])
        wait_until(lambda n=before + 1: service.checkpoint == n)  # type: ignore[misc]
        hours.append(open_store(service.config.store, "flagz").info(before + 1).metadata["hours"])
    elapsed = (time.time() - begun) / 3600
    assert hours[0] > 0
    assert hours[1] == hours[0]
    assert hours[1] < hours[2] < hours[1] + elapsed + 1e-4


def test_a_clock_that_jumps_a_day_makes_nothing_longer(batches, in_threads, tmp_path, monkeypatch):
    config, clock = tiny_config(tmp_path, minibatch_size=BATCH), time.time
    with running_service(config) as service:
        wait_until(partial(checkpoint_is, service, 0))
        bodies = next(batches)
        monkeypatch.setattr(time, "time", lambda: clock() + 86_400.0)
        post(service, bodies)
        wait_until(partial(checkpoint_is, service, 1))
        uptime = service.status().uptime_seconds
        hours = open_store(config.store, "flagz").info(1).record.hours
    assert 0 < uptime < 3600
    assert hours is not None
    assert 0 < hours < 1


def at(body: bytes, micros: int) -> bytes:
    """An example of a game that ended at another time."""
    return encode_example(replace(decode_example(body), unix_micros=micros))


def test_fast_searches_are_kept_but_not_trained_on(service, batches):
    before, bodies = service.checkpoint, next(batches)
    fast = [replace(decode_example(body), full_search=False) for body in bodies[: BATCH // 3]]
    bodies[: BATCH // 3] = map(encode_example, fast)
    post(service, bodies)
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)
    report = open_store(service.config.store, "flagz").info(before + 1).metadata["report"]
    assert report["new_examples"] + report["new_held_out"] == BATCH - len(fast)


def test_a_trainer_that_is_killed_in_training_is_replaced(service, batches):
    before, bodies = service.checkpoint, next(batches)
    post(service, bodies)
    wait_until(lambda: service.status().training.progress is not None)
    trainer().kill()
    wait_until(lambda: service.status().training.failures == 1)
    assert any("SIGKILL" in problem for problem in service.problems())
    assert service.accept_example(bodies[0]).result().accepted == 0
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)
    assert service.checkpoint == before + 1


def test_an_idle_trainer_that_is_killed_is_replaced(service, batches):
    before, bodies = service.checkpoint, next(batches)
    trainer().kill()
    post(service, bodies)
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)


def test_a_journal_that_cannot_forget_is_asked_again(service, batches, monkeypatch):
    """As when the disk is full: the batch is trained on, and must not be a second time."""
    before, bodies = service.checkpoint, next(batches)
    forget: Callable[[int], None] = service._journal.forget
    answers = iter([JournalError("no space left")])

    def forget_later(batch: int) -> None:
        error = next(answers, None)
        if error is not None:
            raise error
        forget(batch)

    monkeypatch.setattr(service._journal, "forget", forget_later)
    post(service, bodies)
    wait_until(lambda: "no space left" in service.problems())
    wait_until(lambda: service.checkpoint == before + 1)
    wait_until(lambda: service._journal.num_waiting == 0)
    assert_trained_once(service, bodies)
    post(service, following := next(batches))
    wait_until(lambda: service.checkpoint == before + 2)
    assert_trained_once(service, bodies + following)


def test_a_store_that_fails_is_waited_for(service, batches, tmp_path):
    before, bodies = service.checkpoint, next(batches)
    models = service.config.data_dir / "models"
    models.rename(tmp_path / "models")
    models.write_text("not a directory")
    post(service, bodies)
    wait_until(lambda: service.status().training.store_problem)
    assert str(models) in service.problems()[0]
    assert service.checkpoint == before
    assert service.model(before) is not None
    assert service.accept_example(bodies[0]).result().accepted == 0
    models.unlink()
    (tmp_path / "models").rename(models)
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)


def test_a_trainer_does_not_begin_anew_in_a_store_that_is_lost(service, batches, tmp_path):
    before, bodies = service.checkpoint, next(batches)
    models = service.config.data_dir / "models"
    models.rename(tmp_path / "models")
    trainer().kill()
    post(service, bodies)
    wait_until(lambda: any("is gone" in problem for problem in service.problems()))
    assert not models.exists()
    assert service.checkpoint == before
    (tmp_path / "models").rename(models)
    wait_until(lambda: service.checkpoint == before + 1)
    assert_trained_once(service, bodies)


@pytest.mark.usefixtures("in_threads")
def test_a_process_that_trains_along_is_killed_and_training_goes_on(tmp_path, batches):
    bodies = next(batches)
    config = tiny_config(tmp_path, minibatch_size=BATCH, train_processes=2)
    with running_service(config) as service:
        wait_until(lambda: service.checkpoint == 0)
        [along] = [p for p in psutil.Process().children(recursive=True) if _is_along(p)]
        along.kill()
        wait_until(lambda: service.status().training.failures == 1)
        assert "process 2 of 2 that train failed: killed by SIGKILL" in service.problems()[0]
        post(service, bodies)
        wait_until(lambda: service.checkpoint == 1)
        assert service.problems() == []
        assert_trained_once(service, bodies)


def _is_along(process: psutil.Process) -> bool:
    return any("hexz.training.crew" in argument for argument in process.cmdline())


@pytest.mark.usefixtures("in_threads")
def test_training_that_fails_keeps_the_old_model_and_the_examples(tmp_path, batches):
    """No loss is finite with such a weight."""
    bodies = next(batches)
    broken = structs.replace(QUICK, value_weight=3e38)
    with running_service(tiny_config(tmp_path, minibatch_size=BATCH, training=broken)) as service:
        wait_until(lambda: service.checkpoint == 0)
        model = service.model(0)
        post(service, bodies)
        wait_until(lambda: service.status().training.failures >= 2)
        assert any("finite" in problem for problem in service.problems())
        assert (service.checkpoint, service.model(0)) == (0, model)
        assert service.status().journal.waiting == BATCH
        assert service.accept_example(bodies[0]).result().accepted == 0
    with running_service(tiny_config(tmp_path, minibatch_size=BATCH)) as service:
        wait_until(lambda: service.checkpoint == 1)
        assert service.problems() == []
        assert_trained_once(service, bodies)


@pytest.fixture(scope="module")
def three(games) -> list[list[bytes]]:
    """Batches for the servers below, which do not know that others had the same ones."""
    bodies = list(itertools.chain.from_iterable(games))
    return [bodies[start : start + BATCH] for start in range(0, 3 * BATCH, BATCH)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, three) -> Path:
    """A store with the checkpoints 0 to 2."""
    directory = tmp_path_factory.mktemp("trained")
    config = tiny_config(directory, minibatch_size=BATCH)
    with trainers_in_threads(), running_service(config) as service:
        for number in (1, 2):
            post(service, three[number - 1])
            wait_until(lambda n=number: service.checkpoint == n)  # type: ignore[misc]
    return directory


@pytest.fixture
def checkpoints(trained, tmp_path) -> Path:
    """A copy of them, in the server's directory."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "models/flagz/flagz/checkpoints"


@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize("gone", ["1", "1/examples", "2/examples"])
def test_training_goes_on_without_old_examples(checkpoints, tmp_path, three, caplog, gone):
    shutil.rmtree(checkpoints / gone)
    with running_service(tiny_config(tmp_path, minibatch_size=BATCH)) as service:
        post(service, three[2])
        wait_until(lambda: service.checkpoint == 3)
    [warning] = [record.message for record in caplog.records if "replay window" in record.message]
    assert warning.startswith("there is no ")
    assert f"checkpoint{'s' if '/' in gone else ''}" in warning
    report = open_store(str(tmp_path), "flagz").info(3).metadata["report"]
    assert report["total_examples"] > report["window_size"]


@pytest.mark.usefixtures("in_threads")
def test_training_goes_on_without_its_state(checkpoints, tmp_path, three):
    [state] = (checkpoints / "2").glob("training-*.pt")
    state.unlink()
    with running_service(tiny_config(tmp_path, minibatch_size=BATCH)) as service:
        post(service, three[2])
        wait_until(lambda: service.checkpoint == 3)
    report = open_store(str(tmp_path), "flagz").info(3).metadata["report"]
    assert report["total_examples"] == report["new_examples"]


@pytest.mark.usefixtures("in_threads")
def test_damaged_examples_end_the_server_with_advice(checkpoints, tmp_path):
    [examples] = (checkpoints / "2/examples").iterdir()
    examples.write_bytes(b"nonsense")
    assert f"{examples} is damaged (" in (reason := _fatal_reason(tmp_path))
    assert "delete it to go on" in reason


@pytest.mark.usefixtures("in_threads")
def test_a_damaged_state_ends_the_server_with_advice(checkpoints, tmp_path):
    store = open_store(str(tmp_path), "flagz")
    store.save(
        NewCheckpoint(
            number=3,
            model=store.load(2),
            training_state=store.load_training_state(2)[:-9],
        )
    )
    reason = _fatal_reason(tmp_path)
    assert reason.startswith(f"{checkpoints}/3: the training state is damaged")
    assert "delete training-*.pt to go on" in reason


def _fatal_reason(directory: Path) -> str:
    fatal: list[str] = []
    service = TrainingService(tiny_config(directory), on_fatal=fatal.append)
    try:
        wait_until(lambda: fatal)
    finally:
        service.close()
    return fatal[0]


@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize(
    ("asked", "got", "word"),
    [
        ({"blocks": None, "filters": None}, (1, 8), None),
        ({"blocks": 2, "filters": 16}, (2, 16), "grows from 1 x 8 to 2 x 16"),
        ({"blocks": 2, "filters": 4}, (2, 8), "do not become smaller"),
    ],
)
def test_a_resumed_network_has_the_size_asked_for_or_more(
    asked, got, word, checkpoints, tmp_path, three, caplog
):
    with running_service(tiny_config(tmp_path, minibatch_size=BATCH, **asked)) as service:
        post(service, three[2])
        wait_until(lambda: service.checkpoint == 3)
    metadata = open_store(str(tmp_path), "flagz").info(3).metadata
    assert metadata["model"] == {"blocks": got[0], "filters": got[1], "kernel": "ring"}
    assert metadata["report"]["total_examples"] > metadata["report"]["new_examples"]
    assert any("network" in line for line in caplog.messages) == (word is not None)
    assert word is None or word in caplog.text


@pytest.mark.usefixtures("in_threads")
def test_old_examples_are_refused_with_the_current_number(tmp_path, games):
    old, new = games[-1][0], _of_checkpoint(games[-1][1], 1)
    config = tiny_config(tmp_path, minibatch_size=2, max_checkpoint_lag=0)
    with running_service(config) as service:
        post(service, games[-1][10:12])
        wait_until(lambda: service.checkpoint == 1)
        with pytest.raises(Exception, match="the current one is 1") as caught:
            service.accept_example(old)
        assert caught.value.status == 409  # type: ignore[attr-defined]
        assert service.accept_example(new).result().checkpoint == 1


def _of_checkpoint(body: bytes, checkpoint: int) -> bytes:
    return encode_example(replace(decode_example(body), checkpoint=checkpoint))
