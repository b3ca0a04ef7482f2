"""Train server, workers, Redis and Cloud Storage together, and what happens when parts fail."""

import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from hexz.checkpoints import open_store
from hexz.trainserver.journal import Record, read_segment

from ..gcs_fixture import GcsEmulator, gcs
from ..redis_server import RedisServer
from .fleet import MODEL_NAME, TIMEOUT, Fleet, distinct_bodies
from .processes import spawned

__all__ = ["gcs"]


@pytest.fixture
def fleet(
    tmp_path: Path, gcs: GcsEmulator, redis_server: RedisServer, request: pytest.FixtureRequest
) -> Iterator[Fleet]:
    """A fleet with its checkpoints in Cloud Storage; nothing of it runs yet."""
    prefix = re.sub(r"\W+", "-", request.node.name)
    with Fleet(
        tmp_path,
        store=f"gs://{gcs.bucket}/{prefix}",
        redis_url=redis_server.url,
        minibatch_size=200,
        max_backlog=3,  # all that waits when the workers end is trained on
    ) as started:
        yield started


@contextlib.contextmanager
def posting(fleet: Fleet, threads: int = 4) -> Iterator[set[str]]:
    """Posts examples one by one, each until it is taken, while the block runs; yields the ids of
    all that were answered with 200."""
    accepted: set[str] = set()
    refused: list[int] = []
    bodies, lock, stop = distinct_bodies(), threading.Lock(), threading.Event()

    def post() -> None:
        while not stop.is_set():
            with lock:
                name, body = next(bodies)
            while not stop.is_set():
                code = fleet.post(body)
                if code == 200:
                    accepted.add(name)
                    break
                if code not in (None, 503):
                    refused.append(code)
                    return
                stop.wait(0.02)

    posters = [threading.Thread(target=post) for _ in range(threads)]
    for poster in posters:
        poster.start()
    try:
        yield accepted
    finally:
        stop.set()
        for poster in posters:
            poster.join()
    assert refused == [], fleet.bugs()


def queued_ids(fleet: Fleet) -> list[str]:
    """The examples in the journal of a server that has ended that were not trained on."""
    store = open_store(fleet.store, MODEL_NAME)
    directory = fleet.data_dir / "journal" / MODEL_NAME
    journal_id = (directory / "id").read_text().strip()
    newest = store.latest()
    assert newest is not None
    trained = store.info(newest).metadata["trained"].get(journal_id, 0)
    segments = [int(path.stem) for path in directory.glob("*.journal")]
    return [
        name
        for segment in segments
        if segment > trained
        for record in read_segment(directory, segment)
        for name in ids_of(record)
    ]


def ids_of(record: Record) -> list[str]:
    """The ids of its examples."""
    return [f"{record.id}-{move:03d}" for move in range(record.moves)] or [record.id]


def assert_nothing_lost(fleet: Fleet, accepted: set[str]) -> None:
    """Every accepted example is in one zip file or in the journal, and nowhere twice."""
    trained = fleet.trained_ids()
    queued = queued_ids(fleet)
    assert set(trained.values()) <= {1}
    assert len(queued) == len(set(queued))
    assert not trained.keys() & set(queued)
    assert accepted <= trained.keys() | set(queued)


def test_two_workers_follow_three_checkpoints(fleet: Fleet, redis_server: RedisServer) -> None:
    fleet.start_server()
    for _ in range(2):
        # Whole, or a game that is not posted to its end would be one that was dropped.
        fleet.start_worker("--post=games")
    status = fleet.wait_for(
        lambda status: (
            status["checkpoint"] >= 3
            and len(status["workers"]) == 2
            and all((worker["checkpoint"] or 0) >= 3 for worker in status["workers"])
        )
    )
    assert {worker["version"] for worker in status["workers"]} == {status["version"]}
    fleet.stop_workers()
    # A server that ends between saving a checkpoint and announcing it does so at its next start.
    fleet.wait_for(
        lambda status: (
            status["training"]["activity"] == "idle" and not status["journal"]["sealed_batches"]
        )
    )
    fleet.stop()
    assert [worker.returncode for worker in fleet.workers] == [0, 0]
    status_of_store = open_store(fleet.store, MODEL_NAME)
    newest = status_of_store.latest()
    assert newest is not None
    with redis_server.client() as client:
        prefix = f"hexz:flagz:{MODEL_NAME}"
        assert int(client.get(f"{prefix}:checkpoint")) == newest
        assert client.get(f"{prefix}:model:{newest}") == status_of_store.load(newest)
    trained = fleet.trained_ids()
    assert set(trained.values()) == {1}
    assert sum(trained.values()) == status_of_store.info(newest).metadata["examples"]
    assert_nothing_lost(fleet, set())
    # Games of both workers, whole: none was dropped for a swap.
    names = [*trained, *queued_ids(fleet)]
    assert len({name.rsplit("-", 2)[0] for name in names}) == 2
    moves: dict[str, set[int]] = {}
    for name in names:
        game, _, move = name.rpartition("-")
        moves.setdefault(game, set()).add(int(move))
    assert all(found == set(range(len(found))) for found in moves.values())


def random_kills(fleet: Fleet, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    fleet.start_server()
    with posting(fleet) as accepted:
        for kill in range(kills):
            if kill % 3 == 0:
                # While it trains or saves: this small a network is at it most of the time.
                fleet.wait_for(lambda status: status["training"]["activity"] == "training")
            time.sleep(rng.uniform(0, 1.5))
            fleet.kill_server()
            fleet.start_server()
        before = fleet.status()
        assert before is not None
        fleet.wait_for_checkpoint(before["checkpoint"] + 1)
    fleet.stop()
    assert len(accepted) > 200
    assert_nothing_lost(fleet, accepted)


def test_a_killed_server_loses_nothing(fleet: Fleet) -> None:
    random_kills(fleet, kills=3, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
def test_a_server_killed_ten_times_loses_nothing(fleet: Fleet, seed: int) -> None:
    random_kills(fleet, kills=10, seed=seed)


@pytest.mark.soak
def test_a_trainer_killed_while_it_trains(fleet: Fleet) -> None:
    fleet.start_server()
    with posting(fleet) as accepted:
        for number in (1, 2):
            fleet.wait_for_checkpoint(number)
            fleet.wait_for(lambda status: status["training"]["activity"] == "training")
            for process in spawned(fleet.server_processes()):
                process.kill()
            fleet.wait_for(lambda status: status["training"]["failures"])
        status = fleet.wait_for_checkpoint(4)
        assert status["problems"] == []
    fleet.stop()
    assert_nothing_lost(fleet, accepted)


def outage(
    fleet: Fleet, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> None:
    """Two workers play through an outage; afterwards both swap, and nothing was lost."""
    fleet.start_server()
    for _ in range(2):
        fleet.start_worker()
    fleet.wait_for_checkpoint(1)
    begin()
    time.sleep(seconds)
    end()
    now = fleet.wait_for(lambda status: len(status["workers"]) == 2)["checkpoint"]
    fleet.wait_for(
        lambda status: (
            status["checkpoint"] >= now + 2
            and not status["problems"]
            and all((worker["checkpoint"] or 0) >= now + 1 for worker in status["workers"])
        )
    )
    fleet.stop()
    assert [worker.returncode for worker in fleet.workers] == [0, 0]
    assert_nothing_lost(fleet, set())


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [3.0, 60.0])
def test_redis_is_killed_and_comes_back_empty(
    fleet: Fleet, redis_server: RedisServer, seconds: float
) -> None:
    outage(fleet, redis_server.kill, redis_server.start, seconds)


@pytest.mark.soak
def test_redis_is_flushed(fleet: Fleet, redis_server: RedisServer) -> None:
    def flush() -> None:
        with contextlib.closing(redis.Redis.from_url(redis_server.url)) as client:
            client.flushall()

    outage(fleet, flush, lambda: None, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [60.0])
def test_the_store_fails(fleet: Fleet, gcs: GcsEmulator, seconds: float) -> None:
    outage(fleet, gcs.stop, gcs.start, seconds)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [60.0])
def test_the_server_is_away_while_workers_play(fleet: Fleet, seconds: float) -> None:
    outage(fleet, fleet.kill_server, fleet.start_server, seconds)


@pytest.mark.soak
def test_a_worker_is_killed(fleet: Fleet) -> None:
    fleet.start_server()
    first, second = (fleet.start_worker() for _ in range(2))
    fleet.wait_for_checkpoint(1)
    first.kill()
    status = fleet.wait_for_checkpoint(2)
    fleet.wait_for_checkpoint(status["checkpoint"] + 2)
    assert second.poll() is None
    fleet.stop()
    assert_nothing_lost(fleet, set())


@pytest.mark.soak
def test_a_worker_ends_after_its_time_with_everything_posted(fleet: Fleet) -> None:
    fleet.start_server()
    worker = fleet.start_worker("--max-seconds=12")
    assert worker.wait(TIMEOUT) == 0
    status = fleet.status()
    assert status is not None
    assert status["examples"]["accepted"] > 0
