"""`--profile fleet`: the sizes that keep so many workers and a trainer busy with each other.

docs/scaling.md has the derivation. Rates are of one core of an AMD EPYC with AVX-512 VNNI and of
one NVIDIA H200; with others, the fleet's own rule for a surplus takes care of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

FULL_SHARE: Final = 0.25
FAST_SIMULATIONS: Final = 12
"""Of the settings document's defaults: so many moves are trained on, and the others cost this."""

SHALLOW: Final = 64
DEEP: Final = 256
"""Simulations of a move that is trained on, at least and at most."""

REUSE: Final = 4.0
MOST_REUSE: Final = 8.0
"""How often each example is used where the trainer is busy, and where it would wait for workers."""

LEAST_LEARNT: Final = 250.0
"""Examples a second that must be learnt from: a million in about an hour."""

CHECKPOINT_SECONDS: Final = 60.0
"""About as long as a game of a worker takes: with more checkpoints, games would have many."""

SMALLEST_BATCH: Final = 4096
LARGEST_BATCH: Final = 131_072


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


NETWORKS: Final = (
    # On the GPU only 8 x 96 was measured. A smaller network does not take longer, and its trainer
    # waits for the launch of its kernels as well.
    Network(blocks=4, filters=32, evaluated=11_679, trained=1_174, trained_on_gpu=10_200),
    Network(blocks=4, filters=64, evaluated=5_272, trained=413, trained_on_gpu=10_200),
    Network(blocks=6, filters=64, evaluated=3_558, trained=273, trained_on_gpu=10_200),
    Network(blocks=8, filters=96, evaluated=1_415, trained=107, trained_on_gpu=10_200),
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
        played = worker_cores * _played(larger, SHALLOW)
        learnt = _learnt(larger, device, train_processes)
        if played >= learnt / MOST_REUSE and min(played, learnt / REUSE) >= LEAST_LEARNT:
            network = larger
    learnt = _learnt(network, device, train_processes)
    reuse = min(MOST_REUSE, max(REUSE, learnt / (worker_cores * _played(network, SHALLOW))))
    simulations = _simulations(worker_cores * network.evaluated / (learnt / reuse))
    rate = min(worker_cores * _played(network, simulations), learnt / reuse)
    return {
        "blocks": network.blocks,
        "filters": network.filters,
        "simulations": simulations,
        "reuse": round(reuse, 1),
        "minibatch_size": _minibatch(rate * CHECKPOINT_SECONDS),
    }


def _learnt(network: Network, device: str, processes: int) -> float:
    """Examples a second, those of fast searches too, that are used once each."""
    one = network.trained if device == "cpu" else network.trained_on_gpu
    return processes * one / FULL_SHARE


def _played(network: Network, simulations: int) -> float:
    """Examples a second of one core."""
    return network.evaluated / _evaluations(simulations)


def _evaluations(simulations: int) -> float:
    """Positions that are evaluated for an example, on average."""
    return FULL_SHARE * simulations + (1 - FULL_SHARE) * FAST_SIMULATIONS


def _simulations(evaluations: float) -> int:
    """The simulations that cost so many evaluations an example, within bounds."""
    wanted = (evaluations - (1 - FULL_SHARE) * FAST_SIMULATIONS) / FULL_SHARE
    return int(min(DEEP, max(SHALLOW, 16 * round(wanted / 16))))


def _minibatch(examples: float) -> int:
    """The next power of two, within bounds."""
    size = SMALLEST_BATCH
    while size < examples and size < LARGEST_BATCH:
        size *= 2
    return size
