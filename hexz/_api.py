"""The interface for programs of others: `hexz` shows what is here; see docs/python.md."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hexz.engine import Board, Move, Suggestion, VectorEnv
from hexz.engine.board import draw_boards_with
from hexz.engine.notation import position_text, read_position
from hexz.errors import (
    HexzError,
    IllegalMove,
    InvalidBoard,
    InvalidEvaluation,
    InvalidExample,
    InvalidGame,
    InvalidModel,
)
from hexz.example import Example
from hexz.gameplay.game import Game
from hexz.version import __version__

if TYPE_CHECKING:
    from pettingzoo import AECEnv

    from hexz.inference import Evaluator
    from hexz.player.player import Player as _Player

__all__ = [
    "Board",
    "Evaluation",
    "Example",
    "Game",
    "HexzError",
    "IllegalMove",
    "InvalidBoard",
    "InvalidExample",
    "InvalidGame",
    "InvalidModel",
    "Move",
    "Network",
    "Player",
    "Suggestion",
    "VectorEnv",
    "__version__",
    "load_network",
    "load_player",
    "pettingzoo_env",
    "play",
    "position_text",
    "read_examples",
    "read_position",
]

_BATCH: Final = 16
"""Positions of an inference."""


class Player:
    """A computer player, as `load_player` returns it. Threads may share it.

    Leave it by `close()`, or use it in a `with` statement, to end its threads and programs.

    Attributes:
        name: the text that it was loaded by.
    """

    name: str

    def __init__(self, name: str, player: _Player) -> None:
        self.name = name
        self._player = player

    def suggest(
        self, board: Board, *, simulations: int | None = None, seconds: float | None = None
    ) -> Suggestion:
        """Thinks about a position, which is not changed.

        A limit in the name of the player holds as well, and the search ends with whatever is
        reached first. Without any limit it thinks for one second.

        Args:
            board: the position.
            simulations: of the search, at most, from 1; playouts of `uct`.
            seconds: for the move, at most; more than 0.

        Returns:
            The move, and what the search found: see `Suggestion`. Its values are in -1..1 from
            the view of the player to move.

        Raises:
            IllegalMove: the game is over.
            HexzError: a limit is none, or the player cannot answer; says why.

        >>> with load_player("uct:100") as player:
        ...     suggestion = player.suggest(Board.random(17))
        >>> suggestion.move in Board.random(17).legal_moves()
        True
        """
        from hexz.player.player import require_move
        from hexz.player.spec import Budget

        require_move(board)
        budget = None
        if simulations is not None or seconds is not None:
            playouts = None if simulations is None else index(simulations)
            budget = Budget(simulations=playouts, seconds=seconds)
        return self._player.suggest(board, budget).suggestion

    def close(self) -> None:
        """Ends its threads and programs; it is not to be asked any more."""
        self._player.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Player {self.name}>"


class Evaluation(NamedTuple):
    """What a network thinks of B positions without any search."""

    policies: npt.NDArray[np.float32]
    """float32 [B, 220]: the probability of each move, indexed like `Move.index`; 0 for illegal
    ones."""
    values: npt.NDArray[np.float32]
    """float32 [B]: the expected result in -1..1 from the view of the player to move."""


class Network:
    """A network that evaluates positions, as `load_network` returns it.

    Attributes:
        name, checkpoint: of the model.
    """

    name: str
    checkpoint: int

    def __init__(self, name: str, checkpoint: int, evaluator: Evaluator) -> None:
        self.name, self.checkpoint = name, checkpoint
        self._evaluator = evaluator

    def evaluate(self, boards: Board | Sequence[Board]) -> Evaluation:
        """Evaluates positions, any number of them in one call.

        Args:
            boards: B positions that are not over; a single one counts as B = 1.

        Raises:
            IllegalMove: a game is over, so that its result is known and there is no move.
            InvalidEvaluation: the network returns numbers that are not finite.

        >>> network = load_network()
        >>> policies, values = network.evaluate([Board.random(seed) for seed in range(3)])
        >>> policies.shape, values.shape
        ((3, 220), (3,))
        >>> Move.from_index(policies[0].argmax()) in Board.random(0).legal_moves()
        True
        """
        boards = [boards] if isinstance(boards, Board) else list(boards)
        for number, board in enumerate(boards):
            if board.is_over:
                raise IllegalMove(f"position {number} is the end of a game: its result is known")
        if not boards:
            return Evaluation(np.empty((0, 220), np.float32), np.empty(0, np.float32))
        logits, values = self._evaluator.evaluate(np.stack([board.planes() for board in boards]))
        legal = np.stack([board.legal_mask() for board in boards])
        if not (np.isfinite(logits[legal]).all() and np.isfinite(values).all()):
            raise InvalidEvaluation(f"{self} returned numbers that are not finite")
        logits = np.where(legal, logits, -np.inf)
        policies = np.exp(logits - logits.max(1, keepdims=True))
        policies /= policies.sum(1, keepdims=True)
        return Evaluation(policies.astype(np.float32), values)

    def __repr__(self) -> str:
        return f"<Network {self.name}, checkpoint {self.checkpoint}, {self._evaluator.name}>"


def load_player(spec: str = "model", *, seed: int | None = None) -> Player:
    """Returns the computer player that a text names.

    Args:
        spec: such as "model@800", the network that ships with hexz with 800 simulations a move;
            "model:PATH@2s", that of a file or directory with two seconds a move; "gumbel@64";
            "uct:32000", the reference player with so many random playouts; "random"; and
            "cmd:./my-engine --flag", a program that speaks the protocol of docs/protocol.md. The
            program is run.
        seed: of "uct", "random" and "glance"; None: any.

    Raises:
        HexzError: there is no such player, network or program.

    >>> load_player("model@64")
    <Player model@64>
    """
    from hexz.player.players import make_player
    from hexz.player.spec import parse_spec

    return Player(spec, make_player(parse_spec(spec, allow_programs=True), seed=seed, notify=_warn))


def play(
    blue: Player | Callable[[Board], Move | str],
    orange: Player | Callable[[Board], Move | str],
    board: Board | None = None,
) -> Game:
    """Plays a game to its end.

    Args:
        blue, orange: players 1 and 2. A function is given a copy of the position, and returns a
            legal move or its name.
        board: where the game begins, which is not changed; None: any start position.

    Returns:
        The game: its `moves`, `board` at the end, `winner`, and `history()`; `save(path)` writes
        it to a file that the web page and `hexzctl play` can load.

    Raises:
        IllegalMove: a function returned a move that the rules forbid.
        HexzError: a player cannot answer.

    >>> with load_player("random", seed=1) as player:
    ...     game = play(player, lambda board: board.legal_moves()[-1], Board.random(17))
    >>> game.board.is_over
    True
    """
    if board is None:
        import secrets

        board = Board.random(secrets.randbits(32))
    players = (blue, orange)
    game = Game(board, (_name(blue), _name(orange)))
    while not game.is_over:
        player = players[game.board.turn - 1]
        if isinstance(player, Player):
            move: Move | str = player.suggest(game.board).move
        else:
            move = player(game.board.copy())
        game.play(Move.parse(move) if isinstance(move, str) else move)
    return game


def load_network(
    path: str | os.PathLike[str] | None = None, *, device: Literal["cpu", "cuda", "mps"] = "cpu"
) -> Network:
    """Returns a network that evaluates positions.

    Args:
        path: a model file; the directory of a checkpoint, or of a model or a store, of which the
            newest checkpoint counts; a gs:// URL of one of these; None: the network that ships
            with hexz.
        device: where it runs. Where there is no such device it is the CPU, with a warning.

    Raises:
        InvalidModel: there is no model there, or it is damaged or of an unknown kind.

    >>> load_network().name
    'flagz'
    """
    from hexz.model.backends import create_evaluator
    from hexz.player.models import open_source

    checkpoint = open_source(None if path is None else os.fspath(path)).load()
    evaluator = create_evaluator(checkpoint.weights, device=device, batch_size=_BATCH, notify=_warn)
    return Network(checkpoint.model_name, checkpoint.number, evaluator)


def read_examples(*sources: str | os.PathLike[str]) -> Iterator[Example]:
    """Yields the examples of games in some files, without copies and in bounded memory.

    Args:
        sources: what `hexzctl export-examples` takes: files of examples, directories with such
            files anywhere below them, gs:// URLs of either.

    What cannot be read is left out with a warning, which `warnings.simplefilter("error")` makes
    an exception.

    Raises:
        InvalidExample: there is no such file, or none in a directory.

    >>> examples = list(read_examples("hexz-data"))
    >>> examples[0].planes.shape, examples[0].policy.shape, examples[0].result in (-1, 0, 1)
    ((11, 11, 10), (220,), True)
    """
    from hexz.dataset.reading import ExampleReader
    from hexz.dataset.sources import find_archives

    for found in ExampleReader(find_archives([os.fspath(source) for source in sources]), _warn):
        yield found.example


def pettingzoo_env(render_mode: Literal["ansi"] | None = None) -> AECEnv[str, Any, int | None]:
    """Returns an environment of PettingZoo (AEC), a game of the agents "player_1" and "player_2".

    Observations have the planes of the position and a mask of the legal actions, and an illegal
    action loses the game. The agent who moves may be the same twice in a row. For many games at
    once there is `VectorEnv`.

    Args:
        render_mode: "ansi": `render()` returns the position as text.

    Raises:
        HexzError: the package pettingzoo is missing.

    >>> env = pettingzoo_env()
    >>> env.reset(seed=1)
    >>> env.agent_selection, int(env.observe("player_1")["action_mask"].sum())
    ('player_1', 85)
    """
    try:
        from hexz.environment import env
    except ImportError:
        raise HexzError(
            "the environment needs the package pettingzoo: pip install 'hexzctl[pettingzoo]'"
        ) from None
    return env(render_mode)


def _name(player: Player | Callable[[Board], Move | str]) -> str:
    return player.name if isinstance(player, Player) else getattr(player, "__name__", "function")


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=2)


def _draw(board: Board) -> str:
    from hexz.render.svg import whole_svg

    return whole_svg(board)


draw_boards_with(_draw)
