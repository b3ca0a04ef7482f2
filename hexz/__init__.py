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
PyTorch only to run a network on a GPU.
"""

from hexz.version import __version__ as __version__


def __getattr__(name: str) -> object:
    """Imports the interface, which hexz._api lists, when a name of it is first used."""
    from importlib.machinery import PathFinder

    # `from hexz import leash` asks for an attribute, too, before it imports the module. A folder
    # that an older version has left behind is none.
    module = PathFinder.find_spec(f"{__name__}.{name}", __path__)
    is_module = module is not None and module.has_location
    if name == "__all__" or not (name.startswith("_") or is_module):
        # No import statement: to tools that follow those, all rooms below would import all others.
        from importlib import import_module

        api = import_module("hexz._api")
        if name in {"__all__", *api.__all__}:
            value: object = getattr(api, name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'hexz' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Shows the interface only, whatever of the inside is imported by now."""
    return sorted({*__getattr__("__all__"), *(name for name in globals() if name.startswith("__"))})
