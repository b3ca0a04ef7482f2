"""The players of an arena as the processes that play are sent them."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from hexz.engine import SearchSettings
from hexz.inference import PreparedModel
from hexz.player.spec import PlayerSpec


@dataclass(frozen=True)
class Entrant:
    """A player of an arena.

    Attributes:
        spec: the player.
        network: the place in `Field.networks` of its network; None if it has none.
        digest: of its network: what two players of one name are told apart by; None if it has
            none.
        constants: of its search, by their names in `SearchSettings`, where they are not the
            defaults.
    """

    spec: PlayerSpec
    network: int | None = None
    digest: str | None = None
    constants: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        return str(self.spec)

    @property
    def is_timed(self) -> bool:
        return self.spec.budget is not None and self.spec.budget.seconds is not None

    @property
    def search(self) -> SearchSettings | None:
        """The settings of a search whose leaves share batches with those of other games; None for
        other players."""
        budget = self.spec.budget
        if self.network is None or budget is None or budget.simulations is None:
            return None
        settings = SearchSettings(
            algorithm=self.spec.algorithm, explore=False, simulations=budget.simulations
        )
        return replace(settings, **dict(self.constants))


@dataclass(frozen=True)
class Field:
    """All players of an arena and their networks."""

    entrants: tuple[Entrant, ...]
    networks: tuple[PreparedModel, ...] = field(repr=False)
