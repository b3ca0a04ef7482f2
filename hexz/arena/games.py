"""Many games between two players at once, in one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from hexz.arena.entrants import Field
from hexz.engine import (
    COLS,
    NUM_PLANES,
    ROWS,
    Board,
    Move,
    Search,
    Suggestion,
    collect_leaves,
    expand_leaves,
)
from hexz.engine.endgame import solve
from hexz.inference import Evaluation, Evaluator
from hexz.player.player import Player
from hexz.player.players import make_player, network_player
from hexz.player.program import EngineFailed
from hexz.player.searcher import SOLVE_NODES, Searcher
from hexz.record import Forfeit, top_moves

GROUPS: Final = 2
"""The games are in so many groups: while the leaves of one are evaluated, another one searches."""
TOP_MOVES: Final = 3
"""Moves that are kept of what a search thought."""
MAX_FORFEITS: Final = 3
"""Games one after another in which a program may fail before it has no more."""


@dataclass(frozen=True)
class GamePair:
    """Two games on one board, one from each seat: a game pair.

    Attributes:
        pairing: the players, as places in `Field.entrants`.
        board: the start position, as `Board.to_text()`.
        number: of the board.
    """

    pairing: tuple[int, int]
    board: str
    number: int


@dataclass(frozen=True)
class PlayedMove:
    """A move and what its player thought of it.

    Attributes:
        action: see `Move.index`.
        value: the expected result in -1..1, from the view of the player.
        top: the actions that were searched most, and their shares of the visits, best first.
    """

    action: int
    value: float
    top: list[tuple[int, float]]


@dataclass(frozen=True)
class Played:
    """The games of a pair.

    Attributes:
        pair: what was played.
        games: the moves of both; the first player of the pairing moves first in the first game.
        scores: of players 1 and 2 in both games.
        forfeits: of both games that were not played to their end.
    """

    pair: GamePair
    games: tuple[list[PlayedMove], list[PlayedMove]] = field(repr=False)
    scores: tuple[tuple[int, int], tuple[int, int]]
    forfeits: tuple[Forfeit | None, Forfeit | None] = (None, None)

    @property
    def margins(self) -> tuple[int, int]:
        """Returns by how many points the first player of the pairing won each game: by one, if
        the other one forfeited it."""
        first, second = map(_lead, self.scores, self.forfeits)
        return first, -second


def _lead(score: tuple[int, int], forfeit: Forfeit | None) -> int:
    """By how many points player 1 won a game."""
    if forfeit is not None:
        return 1 if forfeit.player == 2 else -1
    return score[0] - score[1]


class _Game:
    """One game of a pair.

    Attributes:
        pair: as given.
        order: the players as players 1 and 2.
        board: the position.
        moves: so far.
        search: that of the next move, if it shares batches with others.
        forfeit: why it ended early, if it did.
    """

    def __init__(
        self,
        pair: GamePair,
        order: tuple[int, int],
        sides: Sequence[Search | Player],
        on_move: Callable[[], None],
    ) -> None:
        self.pair, self.order = pair, order
        self.board = Board.from_text(pair.board)
        self.moves: list[PlayedMove] = []
        self.search: Search | None = None
        self.forfeit: Forfeit | None = None
        self._sides = sides  # players 1 and 2; a search follows the game, and keeps what it can
        self._on_move = on_move

    def advance(self) -> bool:
        """Plays until a search needs evaluations; False once the game is over."""
        if self.search is not None:
            self._suggested(self.search.suggestion())
            self.search = None
        while not self.board.is_over:
            side = self._sides[self.board.turn - 1]
            if isinstance(side, Player):
                try:
                    side.get_ready()
                    suggestion = side.suggest(self.board).suggestion
                except EngineFailed as error:
                    self.forfeit = Forfeit(self.board.turn, str(error))
                    return False
                self._suggested(suggestion)
                continue
            solution = solve(self.board, SOLVE_NODES)
            if solution is None:
                self.search = side
                return True
            self._play(solution.move, _result(solution.margin), [(solution.move.index, 1.0)])
        return False

    def _suggested(self, suggestion: Suggestion) -> None:
        self._play(suggestion.move, suggestion.value, _top(suggestion.visits))

    def _play(self, move: Move, value: float, top: list[tuple[int, float]]) -> None:
        self.board.play(move)
        self.moves.append(PlayedMove(move.index, value, top))
        for side in self._sides:
            if isinstance(side, Search) and not self.board.is_over:
                side.advance(move)
        self._on_move()


def _result(margin: int) -> float:
    return float((margin > 0) - (margin < 0))


def _top(visits: npt.NDArray[np.int32]) -> list[tuple[int, float]]:
    return top_moves((visits / max(int(visits.sum()), 1)).astype(np.float32), TOP_MOVES)


@dataclass
class _Group:
    """Games whose leaves are evaluated together.

    Attributes:
        fresh: games that have not begun yet.
        games: all of which have a search, and a leaf that waits if evaluations are under way.
        running: these evaluations and whose they are.
    """

    fresh: list[_Game] = field(default_factory=list)
    games: list[_Game] = field(default_factory=list)
    running: list[tuple[list[Search], Callable[[], Evaluation]]] = field(default_factory=list)


class GamePlayer:
    """Plays games with the players of a field, many at once.

    Args:
        players: the field.
        seed: of `uct`, `random` and `glance`. What they play depends on it, the board and the seat
            alone.

    Attributes:
        evaluations: positions evaluated so far, for the searches that share batches.
        moves: played so far.
    """

    def __init__(self, players: Field, *, seed: int) -> None:
        self.evaluations = self.moves = 0
        self._field = players
        self._evaluators: list[Evaluator] = [network.load() for network in players.networks]
        self._seed = seed
        self._searchers: dict[int, Searcher] = {}
        self._programs: dict[int, Player] = {}
        self._failures: Counter[int] = Counter()
        self._on_move: Callable[[], None] = lambda: None

    def play(
        self, next_pair: Callable[[], GamePair | None], on_move: Callable[[], None] = lambda: None
    ) -> Iterator[Played | None]:
        """Plays all pairs that there are, and yields each when it is finished, and None after each
        round of evaluations.

        Args:
            next_pair: returns another pair whenever there is room for one; None while there is
                not, and once all have been played.
            on_move: is called after each move.
        """
        self._on_move = on_move
        groups = [_Group() for _ in range(GROUPS)]
        ended: dict[GamePair, list[_Game]] = {}
        while True:
            while (pair := next_pair()) is not None:
                ended[pair] = []
                group = min(groups, key=lambda group: len(group.games) + len(group.fresh))
                group.fresh += [
                    self._game(pair, order) for order in (pair.pairing, pair.pairing[::-1])
                ]
            if not ended:
                return
            for group in groups:
                self._expand(group)
                for game in self._collect(group):
                    self._count_failures(game)
                    ended[game.pair].append(game)
                    if len(ended[game.pair]) == 2:
                        yield _played(game.pair, ended.pop(game.pair))
                yield None

    def close(self) -> None:
        """Ends the threads of the players."""
        for searcher in self._searchers.values():
            searcher.close()
        for program in self._programs.values():
            program.close()

    def _count_failures(self, game: _Game) -> None:
        """Raises EngineFailed once a program has failed in MAX_FORFEITS games of its one after
        another."""
        for player, number in enumerate(game.order, 1):
            if game.forfeit is None or game.forfeit.player != player:
                self._failures[number] = 0
                continue
            self._failures[number] += 1
            if self._failures[number] == MAX_FORFEITS:
                raise EngineFailed(
                    f"{self._field.entrants[number].name} has failed in {MAX_FORFEITS} games one "
                    f"after another: {game.forfeit.reason}"
                )

    def _game(self, pair: GamePair, order: tuple[int, int]) -> _Game:
        return _Game(pair, order, [self._side(pair, order, seat) for seat in (0, 1)], self._moved)

    def _moved(self) -> None:
        self.moves += 1
        self._on_move()

    def _side(self, pair: GamePair, order: tuple[int, int], seat: int) -> Search | Player:
        number = order[seat]
        entrant = self._field.entrants[number]
        if entrant.spec.kind == "cmd":
            if number not in self._programs:
                self._programs[number] = make_player(entrant.spec)
            return self._programs[number]
        if entrant.network is None:
            return make_player(entrant.spec, seed=self._seed_of(pair, seat))
        if entrant.search is not None:
            return Search(Board.from_text(pair.board), entrant.search)
        if number not in self._searchers:
            self._searchers[number] = Searcher(self._evaluators[entrant.network])
        return network_player(entrant.spec, self._searchers[number], self._seed_of(pair, seat))

    def _seed_of(self, pair: GamePair, seat: int) -> int:
        """The seed of a player without a search that is ours."""
        seeds = np.random.SeedSequence((self._seed, *pair.board.encode(), seat))
        return int(seeds.generate_state(1, np.uint64)[0]) >> 1  # of many searches, seed + n

    def _expand(self, group: _Group) -> None:
        """Waits for the evaluations that are under way."""
        for searches, evaluation in group.running:
            expand_leaves(searches, *evaluation())
            self.evaluations += len(searches)
        group.running.clear()

    def _collect(self, group: _Group) -> Iterator[_Game]:
        """Takes all games to their next leaves and starts the evaluations of these. Yields the
        games that are over now, which leave the group."""
        planes = np.empty((len(group.games) + len(group.fresh), NUM_PLANES, ROWS, COLS), np.float32)
        rows: list[_Game] = []
        todo, complete = group.games, group.fresh
        group.fresh = []
        while todo or complete:
            for game in complete:
                if game.advance():
                    todo.append(game)
                else:
                    yield game
            searches = [game.search for game in todo if game.search is not None]
            waiting = set(collect_leaves(searches, planes[len(rows) :]))
            rows += [game for game in todo if game.search in waiting]
            complete = [game for game in todo if game.search not in waiting]
            todo = []
        group.games = rows
        for network, evaluator in enumerate(self._evaluators):
            mine = [row for row, game in enumerate(rows) if self._network(game) == network]
            if mine:
                asked = [search for row in mine if (search := rows[row].search) is not None]
                group.running.append((asked, evaluator.start(planes[mine])))

    def _network(self, game: _Game) -> int | None:
        """The network of the player to move, as a place in `Field.networks`."""
        return self._field.entrants[game.order[game.board.turn - 1]].network


def _played(pair: GamePair, games: Sequence[_Game]) -> Played:
    first, second = sorted(games, key=lambda game: game.order != pair.pairing)
    return Played(
        pair=pair,
        games=(first.moves, second.moves),
        scores=(first.board.score, second.board.score),
        forfeits=(first.forfeit, second.forfeit),
    )
