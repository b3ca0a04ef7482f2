"""A small server of the page: the API that the page uses, answered by random playouts."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from hexz.engine import CELLS, COLS, GRID, Board, UctPlayer
from hexz.player.page import CONTENT_SECURITY_POLICY, CONTENT_TYPES, page_files
from hexz.render.assets import asset

from ..small_server import SmallServer

PREFIX = "/games/flagz"
"""The page is here as well."""

PLAYERS: dict[str, tuple[str, int | None]] = {
    "uct:2000": ("Playouts, 2000", None),
    "uct:20": ("Beginner", -900),
    "uct:50": ("Novice", -700),
}
"""Names and ratings by spec; those with a rating are levels."""


class PageServer(SmallServer):
    """Serves the page on a free port; attributes change how it answers.

    Attributes:
        url: of the page.
        offers: the players by their spec, see PLAYERS.
        is_dead: nothing is answered, as by a server that has ended.
        refusal: with what the next questions are refused, if they are.
        busy: how many of the next questions are answered 503.
        missing: the names of files that do not arrive.
        margin: by how many points it expects Blue to win.
        pause_before: the page is sent up to this text, and a third of a second later its rest.
        asked: the questions so far.
        asker: only questions with this in their header `Asker` are answered: those that a page has
            sent before it was left may come later.
    """

    def __init__(self) -> None:
        app = self._app()
        below = DispatcherMiddleware(app, {PREFIX: app})  # as behind a proxy
        super().__init__(below)
        self.url = f"{self.root}/"
        self._goes_on = threading.Event()
        self.asker = ""
        self.reset()

    def reset(self) -> None:
        self._goes_on.set()
        self.offers = dict(PLAYERS)
        self.is_dead = False
        self.refusal = ""
        self.busy = 0
        self.missing: set[str] = set()
        self.margin = 0
        self.pause_before = ""
        self.asked: list[dict[str, Any]] = []

    def hang(self) -> None:
        """From now on no question is answered, as by a server that stands still."""
        self._goes_on.clear()

    def _app(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/", view_func=self._page)
        app.add_url_rule("/static/<name>", "file", self._file)
        app.add_url_rule("/modules/<name>", "module", _module)
        app.add_url_rule("/api/players", view_func=self._players)
        app.add_url_rule("/api/suggest", view_func=self._suggest, methods=["POST"])
        return app

    def _page(self) -> Response:
        page = _file("index.html")
        if self.pause_before:
            start, found, rest = page.get_data(as_text=True).partition(self.pause_before)
            page.response = _in_two_parts(start, found + rest)
        return page

    def _file(self, name: str) -> Response:
        if name in self.missing:
            abort(404)
        file = _file(name)
        file.cache_control.max_age = 3600  # asked for again they take a fifth of a page's CPU time
        return file

    def _players(self) -> Response:
        return jsonify(
            [
                {
                    "spec": spec,
                    "name": name,
                    "elo": elo,
                    "level": None if elo is None else elo + 1000,
                }
                for spec, (name, elo) in self.offers.items()
            ]
        )

    def _suggest(self) -> Response:
        if request.headers.get("Asker", "") != self.asker:
            return Response(status=204)  # which a browser does not report
        question = request.get_json()
        self.asked.append(question)
        self._goes_on.wait()
        if self.is_dead:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        if self.refusal:
            return Response(self.refusal, 400)
        if self.busy:
            self.busy -= 1
            return Response("too many games", 503, {"Retry-After": "1"})
        board = Board.from_text(question["board"])
        for action in question["moves"]:
            board.play_index(action)
        simulations = int(question["player"].removeprefix("uct:"))
        suggestion = UctPlayer(simulations, seed=len(question["moves"])).suggest(board)
        visits = {str(i): int(n) for i, n in enumerate(suggestion.visits) if n}
        return jsonify(
            move=suggestion.move.index,
            value=suggestion.value,
            simulations=simulations,
            elapsed_ms=1.5,
            visits=visits,
            q={i: float(suggestion.q[int(i)]) for i in visits},
            priors={i: n / sum(visits.values()) for i, n in visits.items()},
            pv=[move.index for move in suggestion.principal_variation],
            player=question["player"],
            outlook=self._outlook(board) if question.get("outlook") else None,
        )

    def _outlook(self, board: Board) -> dict[str, Any]:
        """As if Blue got the left of what is left, maybe, and Orange the right, for sure."""
        ownership = [0.0] * GRID
        for (row, col), (_, owner, *_) in zip(CELLS, board.cells().tolist(), strict=True):
            ownership[row * COLS + col] = [0.5 if col < COLS // 2 else -1.0, 1.0, -1.0][owner]
        return {"ownership": ownership, "margin": self.margin}


def _in_two_parts(start: str, rest: str) -> Iterator[str]:
    yield start
    time.sleep(0.3)
    yield rest


def _module(name: str) -> Response:
    """A module of `hexz.render` by itself, which the page has in one file with all others."""
    return Response(asset(name), content_type=CONTENT_TYPES["js"])


def _file(name: str) -> Response:
    content = page_files().get(name)
    if content is None:
        abort(404)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    return Response(content, 200, headers, content_type=CONTENT_TYPES[name.rpartition(".")[2]])
