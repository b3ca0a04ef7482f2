"""The player service: who can be asked, what may be spent, and what it has done. HTTP and gRPC ask
it alike."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hexz.engine import Board
from hexz.errors import InvalidSettings
from hexz.places import SHIPPED
from hexz.player.desk import REHEARSALS, answering
from hexz.player.levels import LEVELS
from hexz.player.player import DEFAULT_BUDGET, Answer, Overloaded, Player, require_move
from hexz.player.players import make_player, network_player
from hexz.player.program import ProgramPlayer
from hexz.player.spec import SPECS, Budget, PlayerSpec, parse_spec
from hexz.schema.programs import PlayerConfig
from hexz.schema.search import MAX_SIMULATIONS
from hexz.schema.status import PlayerStatus
from hexz.version import __version__
from hexz.wire.suggest import encode_response

if TYPE_CHECKING:
    from hexz.model.outlook import Outlook
    from hexz.player.network import Network
    from hexz.player.searcher import Searcher

_log = logging.getLogger(__name__)

MAX_SECONDS: Final = 60.0
"""Longest time for a move; whoever asks for more gets this."""
MIN_SECONDS: Final = 0.001
"""Shortest time for a move; the first evaluation may take longer."""
DEADLINE_MARGIN: Final = 0.005
"""Seconds before a deadline at which the answer is sent at the latest."""

_OFFERS: Final = ("model@800", "model@64", "model", "model@2s", "uct:32000", "uct:2000", "random")
"""Players for people at the page besides the levels, the one that analyses first. `model` is whom
`hexzctl play` saves if nobody else was named."""


@dataclass(frozen=True)
class Offer:
    """A player that people can choose at the page.

    Attributes:
        name: what they call it.
        player: who answers.
        level: its number among the levels, 1 for the weakest; None if it is none.
        elo: the rating of a level; None if it is not known.
    """

    name: str
    player: Player
    level: int | None = None
    elo: int | None = None


class PlayerService:
    """Answers with the player of a configuration, and with others on the page.

    Raises:
        HexzError: the network cannot be loaded.

    Attributes:
        config: as given.
        offers: the players that the page can ask, by their spec; the first one analyses.
    """

    def __init__(self, config: PlayerConfig) -> None:
        self.config = config
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self._refusals: Counter[int] = Counter()
        self._simulations = 0
        self._network: Network | None = None
        spec, path = _served(config)
        self._path = path
        if spec.needs_network:
            from hexz.player.models import open_source
            from hexz.player.network import Network, await_first

            source = open_source(path)
            if config.follow:
                await_first(source)
            self._network = Network(source, device=config.device, notify=_log.warning)
            _rehearse(self._network.searcher)
            if config.follow:
                self._network.follow()
        self._spec = public(spec)
        self._player = self._make(spec)
        self.offers: Mapping[str, Offer] = self._make_offers(spec)

    def suggest(
        self,
        board: Board,
        *,
        seconds: float | None = None,
        simulations: int | None = None,
        deadline: float | None = None,
        waited: float = 0.0,
        player: Player | None = None,
        gone: threading.Event | None = None,
    ) -> Answer:
        """Searches a position and answers with a move.

        Args:
            board: the position.
            seconds, simulations: what may be spent; None: what the player wants, within
                MAX_SECONDS.
            deadline: seconds from now at which the answer is of no use any more.
            waited: seconds since the question came, which count as spent.
            player: one of the offers; None: the player of the configuration.
            gone: is set once nobody waits for the answer any more.

        Raises:
            IllegalMove: the game is over.
            Overloaded: not even the least answer can be there before the deadline, or too many
                questions wait; try again.
            HexzError: the network is bad.
        """
        require_move(board)
        asker = player or self._player
        budget = Budget(seconds=MAX_SECONDS)
        if deadline is not None:
            left = min(deadline, MAX_SECONDS) - DEADLINE_MARGIN
            if left <= asker.least_seconds():
                raise Overloaded(f"no answer can be there before the deadline, in {deadline:.3f} s")
            budget = budget.within(Budget(seconds=left))
        if seconds is not None:
            # A time that is over already, or too short, leaves one evaluation.
            budget = budget.within(Budget(seconds=max(seconds - waited, MIN_SECONDS)))
        if simulations is not None:
            budget = budget.within(Budget(simulations=min(simulations, MAX_SIMULATIONS)))
        if seconds is None and simulations is None:
            budget = asker.budget(None).within(budget)
        answer = asker.suggest(board, budget, gone)
        self._count(answer)
        return answer

    def outlook(self, board: Board) -> Outlook | None:
        """Tells how a game will end from a position; None if nothing here can tell."""
        evaluator = None if self._network is None else self._network.outlook
        return None if evaluator is None or board.is_over else evaluator.evaluate(board)

    def refuse(self, status: int) -> None:
        """Counts a request that was refused with an HTTP status."""
        with self._lock:
            self._refusals[status] += 1

    @property
    def model(self) -> tuple[str, int] | None:
        """The name and the checkpoint of the network in use, None if there is none."""
        return None if self._network is None else (self._network.model_name, self._network.number)

    def status(self) -> PlayerStatus:
        """The state of the service."""
        with self._lock:
            answers, refusals = dict(self._answers), dict(sorted(self._refusals.items()))
            simulations = self._simulations
        return PlayerStatus(
            version=__version__,
            player=str(self._spec),
            uptime_seconds=round(time.monotonic() - self._started, 1),
            answers=answers,
            refused=refusals,
            simulations=simulations,
            model=None if self._network is None else self._network.status(),
        )

    def close(self) -> None:
        """Ends all threads and programs; searches under way answer with what they have."""
        if self._network is not None:
            self._network.close()
        else:
            self._player.close()

    def _make(self, spec: PlayerSpec) -> Player:
        if self._network is None or not spec.needs_network:
            return make_player(spec)
        return network_player(spec, self._network.searcher)

    def _make_offers(self, served: PlayerSpec) -> dict[str, Offer]:
        levels = {parse_spec(level.spec): number for number, level in enumerate(LEVELS)}
        return {str(spec): self._offer(spec, levels.get(spec)) for spec in offered(served)}

    def _offer(self, spec: PlayerSpec, number: int | None) -> Offer:
        if isinstance(self._player, ProgramPlayer) and spec == self._spec:
            return Offer(self._player.name, self._player)
        player = self._make(spec)
        if number is None:
            return Offer(_name(spec), player)
        level = LEVELS[number]
        # The ratings are those of the network that ships.
        elo = level.elo if self._path == SHIPPED else None
        return Offer(level.name.capitalize(), player, level=number + 1, elo=elo)

    def _count(self, answer: Answer) -> None:
        with self._lock:
            self._answers["searched" if answer.simulations else "at_once"] += 1
            self._simulations += answer.simulations


def _rehearse(searcher: Searcher) -> None:
    """Makes some answers for nobody, to learn how long that takes here, and so that the first
    question does not wait for what happens once only."""
    board = Board.random(0)
    for _ in range(REHEARSALS):
        with answering(""):
            encode_response(board, searcher.look(board))


def _served(config: PlayerConfig) -> tuple[PlayerSpec, str]:
    """Who plays, and the path of the network.

    Raises:
        InvalidSpec: `player` is no spec.
        InvalidSettings: the settings do not go together.
    """
    spec = parse_spec(config.player, allow_programs=True)
    if config.model is not None and not spec.needs_network:
        raise InvalidSettings(f"{config.player} has no network: leave the model out")
    if config.model is not None and spec.path is not None:
        raise InvalidSettings(f"the network is given twice: {spec.path} and {config.model}")
    path = config.model or spec.path or SHIPPED
    if path in SPECS and not Path(path).exists():
        raise InvalidSettings(f"{path} is a level: use --player {path}")
    if config.follow and path == SHIPPED:
        raise InvalidSettings("only a network of yours can be followed: name its place")
    return spec, path


def offered(served: PlayerSpec) -> list[PlayerSpec]:
    """The players that people can choose at the page where one is served, the one that analyses
    first: the served one if it searches. Others with a network play with the same one."""
    others = [parse_spec(text) for text in _OFFERS]
    levels = [parse_spec(level.spec) for level in LEVELS]
    is_searching = served.kind not in ("random", "glance")
    own = [] if served.needs_budget and served.kind != "cmd" else [public(served)]
    specs = [*own, *others, *levels] if is_searching else [*others, *levels, *own]
    return [spec for spec in dict.fromkeys(specs) if served.needs_network or not spec.needs_network]


def public(spec: PlayerSpec) -> PlayerSpec:
    """What the world is told of a player: not where its network or its program is."""
    return PlayerSpec(kind=spec.kind, budget=spec.budget, sight=spec.sight)


def _name(spec: PlayerSpec) -> str:
    """What people call a player."""
    kinds = {"random": "Random moves", "uct": "Playouts", "model": "Network", "gumbel": "Gumbel"}
    budget = spec.budget
    if spec.sight is not None:
        return f"Glance, {spec.sight} %"
    if budget is None and spec.needs_budget:
        budget = DEFAULT_BUDGET
    if budget is None:
        return kinds[spec.kind]
    if budget.simulations is not None:
        return f"{kinds[spec.kind]}, {budget.simulations:,}"
    return f"{kinds[spec.kind]}, {budget.seconds:g} s"
