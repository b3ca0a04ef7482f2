"""Flagz in Python: positions, players, networks and examples of games.

    >>> import hexz
    >>> board = hexz.Board.random(17)
    >>> board.play("Fd5")
    >>> with hexz.load_player("uct:200") as player:
    ...     board.play(player.suggest(board).move)
    >>> board
    <Board move 2, turn 1, score 0:0>

Positions: Board, Move, position_text, read_position.
Players: load_player, Player, Suggestion; play and Game, to have them meet.
Networks: load_network, Network, Evaluation.
Examples of self-play: read_examples, Example.
Environments for those who train: VectorEnv, pettingzoo_env.
Errors, each of which says in one line what is wrong: HexzError, of which there are IllegalMove,
InvalidBoard, InvalidExample, InvalidGame, InvalidModel.

These names, `hexz.__all__`, are the interface for programs of others, docs/python.md shows all of
it, and it stays as it is from version to version. A name with a second dot, such as hexz.engine or
what is in it, is of the inside and private: it changes without notice.

Importing this takes a few milliseconds. What is behind a name is imported when it is used, and
PyTorch only to load a network.
"""

from hexz.version import __version__

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


def __getattr__(name: str) -> object:
    """Imports what is behind a name of the interface when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'hexz' has no attribute {name!r}")
    # Not an import statement: to tools that follow those, all rooms below would import all others.
    from importlib import import_module

    value: object = getattr(import_module("hexz._api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Shows the interface only, whatever of the inside is imported by now."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
