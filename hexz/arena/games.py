"""Many games between two players at once, in one process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hexz.arena.entrants import Field
from hexz.engine import (
    COLS,
    NUM_PLANES,
    ROWS,
    Board,
    Move,
    SearchSettings,
    TreeSearch,
    collect_leaves,
    expand_leaves,
)
from hexz.engine.endgame import solve
from hexz.model import Evaluation, Evaluator
from hexz.player.network import NetworkPlayer
from hexz.player.player import Player
from hexz.player.players import make_player
from hexz.player.searcher import SOLVE_NODES, Searcher

GROUPS: Final = 2
"""The games are in so many groups: while the leaves of one are evaluated, another one searches."""


@dataclass(frozen=True)
class Unit:
    """Two games on one board, one from each seat.

    Attributes:
        pair: the players, as places in `Field.entrants`.
        board: the start position, as `Board.to_text()`.
        number: of the board.
    """

    pair: tuple[int, int]
    board: str
    number: int


@dataclass(frozen=True)
class Played:
    """The games of a unit.

    Attributes:
        unit: what was played.
        moves: the action indices of both games; the first of the pair moves first in the first.
        scores: of players 1 and 2 in both games.
    """

    unit: Unit
    moves: tuple[list[int], list[int]]
    scores: tuple[tuple[int, int], tuple[int, int]]

    @property
    def points(self) -> tuple[float, float]:
        """What the first of the pair got for each game: 1, 1/2 or 0."""
        (a, b), (c, d) = self.scores
        return _points(a - b), _points(d - c)

    @property
    def margins(self) -> tuple[int, int]:
        """By how much the first of the pair won each game."""
        (a, b), (c, d) = self.scores
        return a - b, d - c


def _points(margin: int) -> float:
    return 0.5 if margin == 0 else float(margin > 0)


class _Side:
    """A player in one game, who searches in batches with others.

    PUCT keeps its tree from move to move, as it does when it is served; the Gumbel search plans
    with all its simulations, and begins anew.
    """

    def __init__(self, network: int, settings: SearchSettings) -> None:
        self.network = network
        self._settings = settings
        self._keeps = settings.algorithm == "puct"
        self._search: TreeSearch | None = None
        self._played: list[Move] = []  # since the search's position

    def search(self, board: Board) -> TreeSearch:
        """The search of a position, which is new or that of the last call."""
        if self._search is None:
            self._search = TreeSearch(board, self._settings)
        for move in self._played:
            self._search.advance(move)
        self._played.clear()
        return self._search

    def note(self, move: Move) -> None:
        """What was played in the game, by whomever."""
        if self._keeps and self._search is not None:
            self._played.append(move)
        else:
            self._search = None


class _Game:
    """One game of a unit.

    Attributes:
        order: the players as players 1 and 2.
        board: the position.
        moves: action indices so far.
        search: of the next move, if it shares batches.
        network: that this search asks.
    """

    def __init__(self, unit: Unit, order: tuple[int, int], sides: Sequence[_Side | Player]) -> None:
        self.unit, self.order = unit, order
        self.board = Board.from_text(unit.board)
        self.moves: list[int] = []
        self.search: TreeSearch | None = None
        self.network = 0
        self._sides = sides  # of players 1 and 2

    def advance(self) -> bool:
        """Plays until a search needs evaluations; False once the game is over."""
        if self.search is not None:
            self._play(self.search.suggestion().move)
            self.search = None
        while not self.board.is_over:
            side = self._sides[self.board.turn - 1]
            if isinstance(side, Player):
                self._play(side.suggest(self.board).suggestion.move)
                continue
            solution = solve(self.board, SOLVE_NODES)
            if solution is None:
                self.search, self.network = side.search(self.board), side.network
                return True
            self._play(solution.move)
        return False

    def _play(self, move: Move) -> None:
        self.board.play(move)
        self.moves.append(move.index)
        for side in self._sides:
            if isinstance(side, _Side):
                side.note(move)


@dataclass
class _Group:
    """Games whose leaves are evaluated together.

    Attributes:
        games: all of which have a search, and a leaf that waits if evaluations are under way.
        running: these evaluations and whose they are.
    """

    games: list[_Game] = field(default_factory=list)
    running: list[tuple[list[TreeSearch], Callable[[], Evaluation]]] = field(default_factory=list)


class GamePlayer:
    """Plays games with the players of a field, many at once.

    Args:
        players: the field.
        seed: of `uct` and `random`.

    Attributes:
        evaluations: positions evaluated so far.
    """

    def __init__(self, players: Field, *, seed: int) -> None:
        self.evaluations = 0
        self._field = players
        self._evaluators: list[Evaluator] = [network.load() for network in players.networks]
        self._seeds = itertools.count(seed)
        self._players: dict[int, Player] = {}

    def play(self, next_unit: Callable[[], Unit | None]) -> Iterator[Played]:
        """Plays all units that there are, and yields each when it is finished.

        Args:
            next_unit: returns another unit whenever there is room for one; None while there is
                not, and once all have been played.
        """
        groups = [_Group() for _ in range(GROUPS)]
        ended: dict[Unit, list[_Game]] = {}
        while True:
            over: list[_Game] = []
            while (unit := next_unit()) is not None:
                ended[unit] = []
                over += self._begin(unit, min(groups, key=lambda group: len(group.games)))
            for group in groups:
                self._expand(group)
                over += self._collect(group)
            for game in over:
                ended[game.unit].append(game)
                if len(ended[game.unit]) == 2:
                    yield _played(game.unit, ended.pop(game.unit))
            if not ended:
                return

    def close(self) -> None:
        """Ends the threads of the players."""
        for player in self._players.values():
            player.close()

    def _begin(self, unit: Unit, group: _Group) -> list[_Game]:
        """Begins both games, and returns those that are over already."""
        orders = (unit.pair, unit.pair[::-1])
        games = [_Game(unit, order, [self._side(number) for number in order]) for order in orders]
        on = [game.advance() for game in games]
        group.games += [game for game, goes_on in zip(games, on, strict=True) if goes_on]
        return [game for game, goes_on in zip(games, on, strict=True) if not goes_on]

    def _side(self, number: int) -> _Side | Player:
        entrant = self._field.entrants[number]
        if entrant.network is None:
            return make_player(entrant.spec, seed=next(self._seeds))
        if entrant.search is not None:
            return _Side(entrant.network, entrant.search)
        if number not in self._players:
            searcher = Searcher(self._evaluators[entrant.network])
            self._players[number] = NetworkPlayer(entrant.spec, searcher)
        return self._players[number]

    def _expand(self, group: _Group) -> None:
        """Waits for the evaluations that are under way."""
        for searches, evaluation in group.running:
            expand_leaves(searches, *evaluation())
            self.evaluations += len(searches)
        group.running.clear()

    def _collect(self, group: _Group) -> list[_Game]:
        """Takes all games to their next leaves and starts the evaluations of these; returns the
        games that are over now, which leave the group."""
        planes = np.empty((len(group.games), NUM_PLANES, ROWS, COLS), np.float32)
        rows: list[_Game] = []
        over: list[_Game] = []
        todo = group.games
        while todo:
            searches = [game.search for game in todo if game.search is not None]
            waiting = set(collect_leaves(searches, planes[len(rows) :]))
            rows += [game for game in todo if game.search in waiting]
            complete = [game for game in todo if game.search not in waiting]
            todo = []
            for game in complete:
                (todo if game.advance() else over).append(game)
        group.games = rows
        for network, evaluator in enumerate(self._evaluators):
            mine = [row for row, game in enumerate(rows) if game.network == network]
            if mine:
                asked = [search for row in mine if (search := rows[row].search) is not None]
                group.running.append((asked, evaluator.start(planes[mine])))
        return over


def _played(unit: Unit, games: Sequence[_Game]) -> Played:
    first, second = sorted(games, key=lambda game: game.order != unit.pair)
    return Played(
        unit=unit,
        moves=(first.moves, second.moves),
        scores=(first.board.score, second.board.score),
    )
