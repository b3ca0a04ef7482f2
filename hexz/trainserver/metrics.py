"""What Prometheus reads: the figures of the status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hexz.schema.status import CheckpointStatus, JournalStatus, LimitStatus
from hexz.trainserver.service import TrainingService

WANTED_BATCHES: Final = 2.0
"""Minibatches that wait for training where there are neither too few workers nor too many."""


def registry_of(service: TrainingService) -> CollectorRegistry:
    """A registry that asks the service whenever it is read."""
    registry = CollectorRegistry()
    registry.register(_ServiceCollector(service))
    return registry


class _ServiceCollector(Collector):
    def __init__(self, service: TrainingService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        status = self._service.status()
        counts = status.examples
        yield CounterMetricFamily(
            "hexz_examples_accepted", "Examples taken since the start", counts.accepted
        )
        yield CounterMetricFamily(
            "hexz_examples_duplicate", "Examples posted again", counts.duplicates
        )
        refused = CounterMetricFamily(
            "hexz_requests_refused", "Requests that were refused", labels=["status"]
        )
        for code, count in sorted(counts.refused.items()):
            refused.add_metric([str(code)], count)
        yield refused
        yield GaugeMetricFamily(
            "hexz_examples_waiting", "Examples not yet trained on", status.journal.waiting
        )
        yield GaugeMetricFamily(
            "hexz_examples_set_aside", "Examples of workers in quarantine",
            sum(worker.set_aside for worker in status.conduct),
        )  # fmt: skip
        yield GaugeMetricFamily(
            "hexz_workers_quarantined", "Workers whose examples are set aside",
            sum(worker.state == "quarantined" for worker in status.conduct),
        )  # fmt: skip
        yield GaugeMetricFamily(
            "hexz_worker_demand", "Workers that are wanted for each that there is",
            _worker_demand(status.journal),
        )  # fmt: skip
        yield GaugeMetricFamily("hexz_ready", "Whether examples are taken", status.ready)
        yield GaugeMetricFamily("hexz_problems", "Things out of order", len(status.problems))
        yield GaugeMetricFamily(
            "hexz_training", "Whether a training run goes on",
            status.training.activity == "training",
        )  # fmt: skip
        if status.limit is not None:
            yield from _of_limit(status.limit)
        yield GaugeMetricFamily(
            "hexz_checkpoints_unsaved", "Trained checkpoints that wait for the store",
            status.training.unsaved,
        )  # fmt: skip
        if status.checkpoints and counts.trained is not None:
            yield from _of_checkpoint(status.checkpoints[-1], counts.trained)
        yield GaugeMetricFamily(
            "hexz_workers", "Workers of the last half minute", len(status.workers)
        )
        yield GaugeMetricFamily(
            "hexz_worker_evaluations_per_second", "Positions evaluated by all workers",
            status.evaluations_per_second,
        )  # fmt: skip


def _worker_demand(journal: JournalStatus) -> float:
    """1 while as many examples wait as shall: one minibatch in training, and one that is ready when
    it ends. At most doubles or halves the fleet."""
    waiting = journal.waiting / journal.minibatch_size
    return min(2.0, max(0.5, WANTED_BATCHES / waiting)) if waiting else 2.0


def _of_limit(limit: LimitStatus) -> Iterator[Metric]:
    shares = GaugeMetricFamily(
        "hexz_waiting_share", "Share of its time that a part waits for another one",
        labels=["part", "for"],
    )  # fmt: skip
    shares.add_metric(["workers", "server"], limit.workers_waiting)
    shares.add_metric(["trainer", "workers"], limit.trainer_waiting)
    shares.add_metric(["trainer", "store"], limit.trainer_saving)
    yield shares
    limiting = GaugeMetricFamily("hexz_limit", "1 for the part that limits", labels=["part"])
    limiting.add_metric([limit.part], 1)
    yield limiting


def _of_checkpoint(newest: CheckpointStatus, trained: int) -> Iterator[Metric]:
    yield GaugeMetricFamily("hexz_checkpoint", "Newest checkpoint", newest.number)
    yield CounterMetricFamily("hexz_examples_trained", "Examples trained on", trained)
    loss = GaugeMetricFamily("hexz_loss", "Of the newest checkpoint", labels=["set", "loss"])
    for name, losses in (("training", newest.losses), ("held_out", newest.held_out_losses)):
        for kind, value in losses.items():
            loss.add_metric([name, kind], value)
    yield loss
