"""What Prometheus reads: the figures of the status."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hexz.player.service import PlayerService


def registry_of(service: PlayerService) -> CollectorRegistry:
    """A registry that asks the service whenever it is read."""
    registry = CollectorRegistry()
    registry.register(_ServiceCollector(service))
    return registry


class _ServiceCollector(Collector):
    def __init__(self, service: PlayerService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        status = self._service.status()
        answers = CounterMetricFamily("hexz_player_answers", "Moves suggested", labels=["how"])
        for how, count in status.answers.items():
            answers.add_metric([how], count)
        yield answers
        refused = CounterMetricFamily(
            "hexz_player_refused", "Requests that were refused", labels=["status"]
        )
        for code, count in status.refused.items():
            refused.add_metric([str(code)], count)
        yield refused
        yield CounterMetricFamily(
            "hexz_player_simulations", "Simulations of all searches", status.simulations
        )
        model = status.model
        if model is None:
            return
        yield CounterMetricFamily(
            "hexz_player_evaluations", "Positions evaluated by the network", model.evaluations
        )
        yield GaugeMetricFamily("hexz_player_searches", "Searches under way", model.searches)
        yield GaugeMetricFamily(
            "hexz_player_tree_nodes", "Nodes of the trees kept between moves",
            model.trees.nodes,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "hexz_player_checkpoint", "Number of the checkpoint in use", model.checkpoint
        )
        yield GaugeMetricFamily(
            "hexz_player_problem", "Whether a newer network cannot be used",
            model.problem is not None,
        )  # fmt: skip
