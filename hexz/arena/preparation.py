"""From the specs of players to the players of an arena. Networks are converted only by the process
that prepares them for all that play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hexz.arena.entrants import Entrant, Field
from hexz.errors import HexzError
from hexz.inference import PreparedModel
from hexz.player.models import open_source
from hexz.player.players import make_player
from hexz.player.spec import Budget, PlayerSpec

if TYPE_CHECKING:
    from hexz.model.checkpoint import Checkpoint


class NoBudget(HexzError, ValueError):
    """A player would think as long as it is told, and an arena tells nothing."""


def digest_of(network: Checkpoint) -> str:
    """SHA-256 of a network, in hexadecimal."""
    return network.weights.digest()


def prepare(
    specs: Sequence[PlayerSpec], *, device: str, batch_size: int, notify: Callable[[str], None]
) -> Field:
    """Loads and converts the networks of players, each once.

    Args:
        specs: the players, no two the same.
        device, batch_size, notify: see `prepare_model`.

    Raises:
        NoBudget: a player has none.
        InvalidModel, StoreError: there is no such network.
        EngineFailed: there is no such program, or it cannot be started.
    """
    for spec in specs:
        if spec.needs_budget:
            example = replace(spec, budget=Budget(simulations=800))
            raise NoBudget(f"{spec} needs a number of simulations or seconds, as in {example}")
    networks: list[PreparedModel] = []
    known: dict[str | None, tuple[int, str]] = {}
    entrants = []
    for spec in specs:
        if not spec.needs_network:
            if spec.kind == "cmd":
                make_player(spec).close()  # rather now than after other games, if it does not run
            entrants.append(Entrant(spec))
            continue
        if spec.path not in known:
            from hexz.model.backends import prepare_model

            checkpoint = open_source(spec.path).load()
            known[spec.path] = (len(networks), digest_of(checkpoint))
            networks.append(
                prepare_model(
                    checkpoint.weights, device=device, batch_size=batch_size, notify=notify
                )
            )
        entrants.append(Entrant(spec, *known[spec.path]))
    return Field(tuple(entrants), tuple(networks))
