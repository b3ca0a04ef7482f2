"""What Prometheus reads: the figures of the status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hexz.trainserver.service import TrainingService


def registry_of(service: TrainingService) -> CollectorRegistry:
    """A registry that asks the service whenever it is read."""
    registry = CollectorRegistry()
    registry.register(_ServiceCollector(service))
    return registry


class _ServiceCollector(Collector):
    def __init__(self, service: TrainingService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        status, counters = self._service.status(), self._service.counters
        yield CounterMetricFamily(
            "hexz_examples_accepted", "Examples taken since the start", counters.accepted.total
        )
        yield CounterMetricFamily(
            "hexz_examples_duplicate", "Examples posted again", counters.duplicates.total
        )
        refused = CounterMetricFamily(
            "hexz_requests_refused", "Requests that were refused", labels=["status"]
        )
        for code, count in sorted(counters.refused.items()):
            refused.add_metric([str(code)], count)
        yield refused
        yield GaugeMetricFamily(
            "hexz_examples_waiting", "Examples not yet trained on", status["journal"]["waiting"]
        )
        yield GaugeMetricFamily("hexz_ready", "Whether examples are taken", status["ready"])
        yield GaugeMetricFamily("hexz_problems", "Things out of order", len(status["problems"]))
        yield GaugeMetricFamily(
            "hexz_training", "Whether a training run goes on",
            status["training"]["activity"] == "training",
        )  # fmt: skip
        yield from self._of_checkpoint(status["checkpoints"][-1:], status["examples"]["trained"])
        yield from self._of_workers()

    def _of_checkpoint(self, newest: list[dict[str, Any]], trained: int | None) -> Iterator[Metric]:
        if not newest or trained is None:
            return
        yield GaugeMetricFamily("hexz_checkpoint", "Newest checkpoint", newest[0]["number"])
        yield CounterMetricFamily("hexz_examples_trained", "Examples trained on", trained)
        loss = GaugeMetricFamily("hexz_loss", "Of the newest checkpoint", labels=["set", "loss"])
        for name in ("losses", "held_out_losses"):
            for kind, value in newest[0][name].items():
                loss.add_metric(["training" if name == "losses" else "held_out", kind], value)
        yield loss

    def _of_workers(self) -> Iterator[Metric]:
        workers = [heartbeat for _, heartbeat in self._service.workers()]
        yield GaugeMetricFamily("hexz_workers", "Workers of the last half minute", len(workers))
        yield GaugeMetricFamily(
            "hexz_worker_evaluations_per_second", "Positions evaluated by all workers",
            sum(worker.evaluations_per_second for worker in workers),
        )  # fmt: skip
