"""`--profile fleet`: the sizes that keep so many workers and a trainer busy with each other.

docs/scaling.md has the derivation. Rates are of one core of an AMD EPYC with AVX-512 VNNI and of
one NVIDIA H200; with others, the fleet's own rule for a surplus takes care of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from hexz.schema.fleet import FleetSettings
from hexz.schema.training import TrainingConfig

_SEARCH: Final = FleetSettings().search

SHALLOW: Final = _SEARCH.simulations
DEEP: Final = 256
"""Simulations of a move that is trained on, at least and at most."""

REUSE: Final = TrainingConfig().reuse
MOST_REUSE: Final = 8.0
"""How often each example is used where the trainer is busy, and where it would wait for workers."""

LEAST_LEARNT: Final = 1000.0
"""Examples a second that must be learnt from, about as many as the smallest network has on two
cores: a million in a quarter of an hour."""

CHECKPOINT_SECONDS: Final = 60.0
"""About as long as a game of a worker takes: with more checkpoints, games would have many."""

SMALLEST_BATCH: Final = 4096
LARGEST_BATCH: Final = 131_072

BACKLOG: Final = 8
"""Minibatches that may wait for training: two make searches deeper, and this many of the largest
take 8 GB of disk if all examples are posted alone."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A size of network and what was measured with it: benchmarks/fleet_profile.py.

    Attributes:
        evaluated: positions that a core of a worker evaluates a second, search included.
        trained: examples that one core trains on a second.
        trained_on_gpu: examples that a GPU trains on a second.
    """

    blocks: int
    filters: int
    evaluated: float
    trained: float
    trained_on_gpu: float

    def played(self, simulations: int) -> float:
        """Examples a second that one core of a worker makes with searches of so many simulations,
        those of fast searches among them."""
        return self.evaluated / replace(_SEARCH, simulations=simulations).mean_simulations

    def learnt(self, device: str, processes: int = 1) -> float:
        """Examples a second, those of fast searches among them, that processes which train
        together on this device use once each."""
        one = self.trained if device == "cpu" else self.trained_on_gpu
        return processes * one / _SEARCH.full_search_share


NETWORKS: Final = (
    # On the GPU only 8 x 96 was measured. A smaller network does not take longer, and its trainer
    # waits for the launch of its kernels as well.
    Network(blocks=4, filters=32, evaluated=16_554, trained=2_679, trained_on_gpu=10_200),
    Network(blocks=4, filters=64, evaluated=8_808, trained=1_091, trained_on_gpu=10_200),
    Network(blocks=6, filters=64, evaluated=6_864, trained=765, trained_on_gpu=10_200),
    Network(blocks=8, filters=96, evaluated=3_392, trained=382, trained_on_gpu=10_200),
)
"""In the order of their size."""


def fleet_defaults(worker_cores: int, device: str, train_processes: int) -> dict[str, Any]:
    """The defaults of a train server for a fleet, by the names of settings.

    Args:
        worker_cores: cores of all workers.
        device: of the trainer.
        train_processes: that train together.
    """
    worker_cores = max(1, worker_cores)  # what is wrong is for the settings to say
    network = NETWORKS[0]
    for larger in NETWORKS[1:]:
        played = worker_cores * larger.played(SHALLOW)
        learnt = larger.learnt(device, train_processes)
        if played >= learnt / MOST_REUSE and min(played, learnt / REUSE) >= LEAST_LEARNT:
            network = larger
    learnt = network.learnt(device, train_processes)
    reuse = min(MOST_REUSE, max(REUSE, learnt / (worker_cores * network.played(SHALLOW))))
    simulations = _simulations(worker_cores * network.evaluated / (learnt / reuse))
    rate = min(worker_cores * network.played(simulations), learnt / reuse)
    return {
        "blocks": network.blocks,
        "filters": network.filters,
        "simulations": simulations,
        "reuse": round(reuse, 1),
        "minibatch_size": _minibatch(rate * CHECKPOINT_SECONDS),
        "max_backlog": BACKLOG,
    }


def _simulations(evaluations: float) -> int:
    """The simulations that cost so many evaluations an example, within bounds."""
    full = _SEARCH.full_search_share
    wanted = (evaluations - (1 - full) * _SEARCH.fast_simulations) / full
    return int(min(DEEP, max(SHALLOW, 16 * round(wanted / 16))))


def _minibatch(examples: float) -> int:
    """The next power of two, within bounds."""
    size = SMALLEST_BATCH
    while size < examples and size < LARGEST_BATCH:
        size *= 2
    return size
