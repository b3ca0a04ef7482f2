"""The players of an arena, ready to be sent to the processes that play."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hexz.engine import SearchSettings
from hexz.engine.settings import Algorithm
from hexz.errors import HexzError
from hexz.model import Checkpoint, PreparedModel, encode_checkpoint, prepare_model
from hexz.player.models import open_source
from hexz.player.spec import Budget, PlayerSpec


class NoBudget(HexzError, ValueError):
    """A player would think as long as it is told, and an arena tells nothing."""


@dataclass(frozen=True)
class Entrant:
    """A player of an arena.

    Attributes:
        spec: the player.
        network: the place in `Field.networks` of its network; None if it has none.
        digest: of its network: what two players of one name are told apart by; None if it has
            none.
    """

    spec: PlayerSpec
    network: int | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        return str(self.spec)

    @property
    def is_timed(self) -> bool:
        return self.spec.budget is not None and self.spec.budget.seconds is not None

    @property
    def search(self) -> SearchSettings | None:
        """Of a player whose leaves share batches with those of other games."""
        budget = self.spec.budget
        if self.network is None or budget is None or budget.simulations is None:
            return None
        algorithm: Algorithm = "gumbel" if self.spec.kind == "gumbel" else "puct"
        return SearchSettings(algorithm=algorithm, explore=False, simulations=budget.simulations)


@dataclass(frozen=True)
class Field:
    """All players of an arena and their networks."""

    entrants: tuple[Entrant, ...]
    networks: tuple[PreparedModel, ...] = field(repr=False)


def digest_of(network: Checkpoint) -> str:
    """SHA-256 of a network, in hexadecimal."""
    return hashlib.sha256(encode_checkpoint(network)).hexdigest()


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
    """
    for spec in specs:
        if spec.kind != "random" and spec.budget is None:
            example = replace(spec, budget=Budget(simulations=800))
            raise NoBudget(f"{spec} needs a number of simulations or seconds, as in {example}")
    networks: list[PreparedModel] = []
    known: dict[str | None, tuple[int, str]] = {}
    entrants = []
    for spec in specs:
        if not spec.needs_network:
            entrants.append(Entrant(spec))
            continue
        if spec.path not in known:
            checkpoint = open_source(spec.path).load()
            known[spec.path] = (len(networks), digest_of(checkpoint))
            networks.append(
                prepare_model(checkpoint.net, device=device, batch_size=batch_size, notify=notify)
            )
        entrants.append(Entrant(spec, *known[spec.path]))
    return Field(tuple(entrants), tuple(networks))
