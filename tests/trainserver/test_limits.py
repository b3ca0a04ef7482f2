"""The status says which part limits, and the fleet searches deeper while there is a surplus."""

import dataclasses
import itertools
import time

import pytest
from msgspec import structs

from hexz.checkpoints import open_store
from hexz.metrics import registry_of
from hexz.schema.fleet import FleetSettings, Heartbeat, WorkerSettings
from hexz.schema.fleet_profile import NETWORKS
from hexz.schema.status import LimitStatus
from hexz.trainserver import service as service_module
from hexz.trainserver import surplus
from hexz.trainserver.journal import Journal, Record
from hexz.trainserver.limits import Activities, Measured, WorkersWaiting, limit_of
from hexz.trainserver.metrics import METRICS
from hexz.trainserver.surplus import deepened, larger_than, next_level
from hexz.version import __version__

from ..waiting import wait_until
from .conftest import running_service, tiny_config
from .trainer_thread import trainers_in_threads

FINE = Measured(
    workers=3, workers_waiting=0.0, posted="games", trainer_waiting=0.1, trainer_saving=0.0,
    has_trained=True, behind=0, max_backlog=64, is_deepest=False, device="cpu", grow=False,
    larger=NETWORKS[2],
)  # fmt: skip

CROWDED_GPU = {"behind": 64, "is_deepest": True, "device": "cuda"}


@pytest.mark.parametrize(
    ("changes", "part", "words"),
    [
        ({}, "nothing", "keep each other busy"),
        ({"trainer_waiting": 0.6}, "workers", "waits 60 % of the time for examples: add workers"),
        ({"workers": 0, "trainer_waiting": 1.0}, "workers", "no worker plays: start some"),
        ({"workers_waiting": 0.8}, "server", "workers wait 80 % of the time for the server"),
        ({"workers_waiting": 0.8}, "server", "to take games: give it more cores"),
        (
            {"workers_waiting": 0.8, "posted": "examples"},
            "server",
            "examples: start them with --post games, which cost it less, or give it more cores",
        ),
        ({"trainer_waiting": 1.0, "has_trained": False}, "workers", "play the first minibatch"),
        # The server is slow, and so the trainer waits as well.
        ({"workers_waiting": 0.8, "trainer_waiting": 0.6}, "server", "more cores"),
        ({"behind": 7}, "trainer", "behind by 7 of at most 64 minibatches: searches become"),
        # Where the queue is full, workers wait because of the trainer.
        ({"behind": 64, "workers_waiting": 0.9, "is_deepest": True}, "trainer", "fewer workers"),
        (
            {"behind": 64, "is_deepest": True},
            "trainer",
            "as deep as they may become: train with "
            "more --train-processes, or on a GPU with --device cuda, or use fewer workers",
        ),
        (
            CROWDED_GPU,
            "trainer",
            "let the network grow with --grow, or at once with --blocks 6 "
            "--filters 64, train with more --train-processes, a GPU each, or use fewer workers",
        ),
        (CROWDED_GPU | {"grow": True}, "trainer", "the network grows to 6 x 64 if that lasts"),
        # The largest does not grow, and a larger one would slow down a CPU even more.
        (
            CROWDED_GPU | {"grow": True, "larger": None},
            "trainer",
            "as deep as they may become: train with more --train-processes, a GPU each",
        ),
        # There is no more than one process on Apple's GPUs.
        ({"behind": 7, "device": "mps"}, "trainer", "learns more on an NVIDIA GPU with --device"),
        # Where the store is slow, so does the trainer, and all others.
        ({"trainer_saving": 0.3, "behind": 9}, "store", "waits 30 % of the time for the store"),
    ],
)
def test_the_part_that_limits_is_named_with_what_to_change(changes, part, words):
    measured = dataclasses.replace(FINE, **changes)
    limit = limit_of(measured)
    assert limit.part == part
    assert words in limit.text
    assert limit.workers_waiting == measured.workers_waiting


def heartbeat(worker: str, seconds: float, waited: float, processes: int = 1) -> Heartbeat:
    return Heartbeat(
        worker=worker, version=__version__, model_name="flagz", checkpoint=0, device="cpu",
        processes=processes, games=0, evaluations=0, examples=0, pending=0, seconds=seconds,
        waited=waited,
    )  # fmt: skip


def test_workers_wait_as_they_did_in_the_last_minute():
    waiting = WorkersWaiting()
    for second in range(0, 600, 5):  # ten minutes without, then ten in which half is lost
        waiting.take(heartbeat("a", second, 0.0))
    assert waiting.share([heartbeat("a", 600, 0)]) == 0
    for second in range(600, 1200, 5):
        waiting.take(heartbeat("a", second, (second - 600) / 2))
        waiting.take(heartbeat("b", second, 0.0, processes=3))
    newest = [heartbeat("a", 1195, 300), heartbeat("b", 1195, 0, processes=3)]
    assert waiting.share(newest) == pytest.approx(0.5 / 4, abs=0.01)
    waiting.take(heartbeat("a", 2, 1))  # started again under its name
    assert 0 <= waiting.share(newest) <= 1
    waiting.forget("a")
    assert waiting.share(newest) == 0


def test_activities_have_shares_of_the_last_minutes():
    activities = Activities("starting", now=0.0)
    activities.take("idle", now=10.0)
    activities.take("idle", now=20.0)
    activities.take("training", now=25.0)
    assert activities.share("idle", now=30.0) == pytest.approx(0.5)
    assert activities.share("training", now=1000.0) == 1.0
    assert activities.share("idle", now=1000.0) == 0.0
    assert activities.seen == {"starting", "idle", "training"}


def test_searches_become_deeper_in_steps_while_the_trainer_is_behind_and_then_less_deep():
    level, levels = 0, []
    for behind, waiting in [(9, 0), (9, 0), (9, 0), (9, 0), (9, 0), (1, 0), (0, 0.1), (0, 0.5)]:
        level = next_level(level, behind=behind, waiting=waiting, deepest=4.0)
        levels.append(level)
    # Four steps of the square root of two are four times as deep; between the bounds all stays.
    assert levels == [1, 2, 3, 4, 4, 4, 4, 3]
    for _ in range(5):
        level = next_level(level, behind=0, waiting=0.9, deepest=4.0)
    assert level == 0


def test_the_depth_keeps_to_bounds_that_change():
    assert next_level(0, behind=9, waiting=0, deepest=1.0) == 0
    assert next_level(4, behind=0, waiting=0, deepest=2.0) == 2
    settings = WorkerSettings()
    assert deepened(settings, 0) == settings
    assert deepened(settings, 3).search.simulations == 181
    deep = structs.replace(settings.search, simulations=900_000)
    assert deepened(structs.replace(settings, search=deep), 4).search.simulations == 1_000_000


def test_a_fleet_searches_deeper_while_the_trainer_is_behind(tmp_path, games, caplog):
    """From the journal to the orders, the status and the metrics."""
    caplog.set_level("INFO")
    batches = 12  # more than are trained on before the first checkpoint is saved
    bodies = list(itertools.islice(itertools.chain.from_iterable(games), 20 * (batches + 1)))
    config = tiny_config(tmp_path, minibatch_size=20)
    journal = Journal(config.journal_dir, config.minibatch_size)
    for start in range(0, 20 * batches, 20):
        journal.append([Record(f"e{i}", bodies[i]) for i in range(start, start + 20)])
    journal.close()
    usual = FleetSettings().at(0).search.simulations
    with trainers_in_threads(), running_service(config) as service:
        wait_until(lambda: service.checkpoint == batches)
        assert "searches have 4.0 times the simulations of the settings" in caplog.messages
        service._level = 4
        orders = service.take_heartbeat(heartbeat("w", 5.0, 0.0), is_local=True)
        assert orders.settings.search.simulations == 4 * usual
        status = service.status()
        assert status.settings == orders.settings
        assert isinstance(status.limit, LimitStatus)
        registry = registry_of(METRICS, service.status)
        assert registry.get_sample_value("hexz_limit", {"part": status.limit.part}) == 1
        waiting = {"part": "trainer", "for": "workers"}
        assert registry.get_sample_value("hexz_waiting_share", waiting) is not None
        # Now it has waited long for the next batch.
        service._supervisor.activities = Activities("idle", now=time.monotonic() - 1000)
        for body in bodies[20 * batches :]:
            service.accept_example(body).result()
        wait_until(lambda: service.checkpoint == batches + 1)
        after = service.take_heartbeat(heartbeat("w", 10.0, 0.0), is_local=True)
        assert usual < after.settings.search.simulations < 4 * usual


def test_networks_grow_through_the_sizes_of_the_profile():
    sizes = [(4, 32)]
    while (larger := larger_than(*sizes[-1])) is not None:
        sizes.append((larger.blocks, larger.filters))
    assert sizes == [(network.blocks, network.filters) for network in NETWORKS]
    assert larger_than(5, 40) == NETWORKS[2]  # neither number becomes less


def test_a_surplus_that_lasts_makes_the_network_larger(tmp_path, games, monkeypatch):
    monkeypatch.setattr(service_module, "GROW_AFTER", 1)
    tiny = dataclasses.replace(NETWORKS[0], blocks=2, filters=12)
    monkeypatch.setattr(surplus, "NETWORKS", [tiny])
    bodies = list(itertools.islice(itertools.chain.from_iterable(games), 20 * 10))
    config = tiny_config(tmp_path, minibatch_size=10, grow=True)
    journal = Journal(config.journal_dir, config.minibatch_size)
    for start in range(0, len(bodies), 10):
        journal.append([Record(f"e{i}", bodies[i]) for i in range(start, start + 10)])
    journal.close()
    with trainers_in_threads(), running_service(config) as service:
        wait_until(lambda: service.checkpoint == 20)
    infos = open_store(str(tmp_path), "flagz").list()
    assert [info.number for info in infos] == list(range(21))
    sizes = [info.record.model["filters"] for info in infos]
    assert sizes == sorted(sizes)
    assert set(sizes) == {8, 12}
    assert list(infos[-1].record.trained.values()) == [20]
