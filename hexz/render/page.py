"""One page of games to step through, complete in itself: it loads nothing and works offline.

The rules stay here: the page gets, for every move, the cells that it changed, and its script
(games.js) only redraws them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np

from hexz.engine import Board, CellKind, Move
from hexz.record import GameRecord
from hexz.render.assets import asset, fill, head, style, whole_script
from hexz.render.policy import with_policy
from hexz.render.svg import board_svg
from hexz.schema.programs import LOOPBACK, PlayerConfig

PLAYER_URL: Final = f"http://{LOOPBACK}:{PlayerConfig().port}/"
"""Where `hexzctl serve-player` is, unless somebody says otherwise."""


def games_page(
    games: Sequence[GameRecord], *, title: str = "Self-play games", introduction: str = ""
) -> str:
    """The HTML of a page that shows games, as the list orders them.

    Args:
        games: what to show.
        title: of the page.
        introduction: HTML above the games. An element in it with `data-game="n"` leads to game n.

    Raises:
        ValueError: there is no game, or one with lists of different lengths.
        IllegalMove, InvalidBoard: a record is not of a game that the rules allow.
    """
    if not games:
        raise ValueError("a page needs at least one game")
    data = {"title": title, "games": [_game(game) for game in games]}
    return fill_page("games", data, games[0].initial_text, INTRODUCTION=introduction)


def fill_page(name: str, data: Any, initial_text: str, **parts: str) -> str:
    """A page from the files {name}.html, .css and .js, with data for its script to draw, among
    them its `title`, with a board to draw on, and with parts that this page alone has."""
    # "<" could end the script element that holds the data.
    data = {"analysis": PLAYER_URL, **data}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    sheets = style(*map(asset, ("board.css", "page.css", "list.css", f"{name}.css")))
    page = fill(
        asset(f"{name}.html"),
        HEAD=head(data["title"], sheets),
        SCORES=asset("scores.html"),
        BOARD=board_svg(Board.from_text(initial_text), 'role="img" aria-label="Board"'),
        CONTROLS=asset("controls.html"),
        DATA=text,
        SCRIPT=whole_script(asset(f"{name}.js")),
        **parts,
    )
    return with_policy(_as_text(page))


def index_page(title: str, links: str) -> str:
    """A page of links to other pages; `links` are list items in HTML."""
    sheets = style(*map(asset, ("board.css", "page.css", "index.css")))
    page = fill(
        asset("index.html"),
        HEAD=head(title, sheets),
        CELLS=asset("cells.svg"),
        TITLE=escape(title),
        LINKS=links,
    )
    return with_policy(_as_text(page))


def _as_text(page: str) -> str:
    """The page with question marks in place of surrogates: names of files that are not in UTF-8
    have some, and no page can."""
    return page.encode(errors="replace").decode()


def _game(game: GameRecord) -> dict[str, Any]:
    """A game as games.js reads it."""
    if not len(game.actions) == len(game.root_values) == len(game.policies):
        raise ValueError(f"{game.name}: actions, root_values and policies differ in length")
    board = Board.from_text(game.initial_text)
    moves = [
        _played(board, action) | {"value": round(1000 * float(value)), "top": _permille(policy)}
        for action, value, policy in zip(game.actions, game.root_values, game.policies, strict=True)
    ]
    forfeit = game.forfeit
    return {
        "name": game.name,
        "players": game.players,
        "start": game.initial_text,
        "over": board.is_over or forfeit is not None,
        "winner": 3 - forfeit.player if forfeit else board.winner,
        "forfeit": forfeit and forfeit.reason,
        "moves": moves,
    }


def _played(board: Board, action: int) -> dict[str, Any]:
    """Plays a move and tells what it changed: cells as [index among 105, value]."""
    player, before = board.turn, board.cells()
    board.play_index(int(action))
    after = board.cells()
    changed = np.flatnonzero(before[:, 1] != after[:, 1]).tolist()
    # The placed cell first; the others were grass, which has a value before it is captured.
    changed.sort(key=lambda cell: before[cell, 2] > 0)
    return {
        "player": player,
        "flag": bool(after[changed[0], 0] == CellKind.FLAG),
        "action": int(action),
        "cells": [[cell, int(after[cell, 2])] for cell in changed],
        "score": board.score,
        "flags": board.flags_left,
    }


def _permille(policy: Sequence[tuple[int, float]]) -> list[list[int]]:
    for action, _ in policy:
        Move.from_index(action)  # raises IllegalMove for an action without a cell
    return [[action, round(1000 * probability)] for action, probability in policy]
