"""What Prometheus reads of the player service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hexz.metrics import Metric
from hexz.schema.status import NetworkStatus, PlayerStatus


def _of_network(read: Callable[[NetworkStatus], float]) -> Callable[[PlayerStatus], float | None]:
    return lambda status: None if status.model is None else read(status.model)


METRICS: Final[tuple[Metric[PlayerStatus], ...]] = (
    Metric(
        "hexz_player_answers_total",
        "Moves suggested",
        lambda status: {(how,): count for how, count in status.answers.items()},
        ("how",),
    ),
    Metric(
        "hexz_player_refused_total",
        "Requests that were refused, by HTTP status",
        lambda status: {(str(code),): count for code, count in status.refused.items()},
        ("status",),
    ),
    Metric(
        "hexz_player_simulations_total",
        "Simulations of all searches",
        lambda status: status.simulations,
    ),
    Metric(
        "hexz_player_evaluations_total",
        "Positions evaluated by the network",
        _of_network(lambda network: network.evaluations),
    ),
    Metric(
        "hexz_player_searches",
        "Searches under way",
        _of_network(lambda network: network.searches),
    ),
    Metric(
        "hexz_player_tree_nodes",
        "Nodes of the trees kept between moves",
        _of_network(lambda network: network.trees.nodes),
    ),
    Metric(
        "hexz_player_checkpoint",
        "Number of the checkpoint in use",
        _of_network(lambda network: network.checkpoint),
    ),
    Metric(
        "hexz_player_problem",
        "Whether a newer network cannot be used",
        _of_network(lambda network: network.problem is not None),
    ),
)
"""Those of the network are there while a player has one."""
