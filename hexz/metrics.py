"""What Prometheus reads of a server: metrics, each declared with where a status has its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

S = TypeVar("S")
"""The status of a server."""


@dataclass(frozen=True)
class Metric(Generic[S]):
    """A figure of a server.

    Attributes:
        name: as Prometheus shows it. With `_total` at the end it is a counter, else a gauge.
        help: what it is, in a line.
        read: its value in a status; with labels, the value of each tuple of theirs; None while
            there is none.
        labels: the names of its labels.
    """

    name: str
    help: str
    read: Callable[[S], float | Mapping[tuple[str, ...], float] | None]
    labels: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        """What Prometheus calls its type."""
        return "counter" if self.name.endswith("_total") else "gauge"

    def families(self, status: S) -> Iterator[Family]:
        """Yields it as Prometheus's client wants it, while it has a value."""
        found = self.read(status)
        if found is not None:
            of_kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
            family = of_kind(self.name, self.help, labels=self.labels)
            for values, value in (found if isinstance(found, Mapping) else {(): found}).items():
                family.add_metric(values, value)
            yield family


def registry_of(metrics: Sequence[Metric[S]], status: Callable[[], S]) -> CollectorRegistry:
    """A registry that asks for the status whenever it is read."""
    registry = CollectorRegistry()
    registry.register(_Collector(metrics, status))
    return registry


class _Collector(Collector, Generic[S]):
    def __init__(self, metrics: Sequence[Metric[S]], status: Callable[[], S]) -> None:
        self._metrics, self._status = metrics, status

    def collect(self) -> Iterator[Family]:
        status = self._status()
        for metric in self._metrics:
            yield from metric.families(status)
