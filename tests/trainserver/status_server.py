"""A server of the status page, which says what a test wants it to say."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from msgspec.structs import replace

from hexz.engine import Board
from hexz.schema.fleet import FleetSettings
from hexz.schema.status import (
    CheckpointElo,
    CheckpointStatus,
    ExampleCounts,
    JournalStatus,
    ServerStatus,
    StrengthStatus,
    TrainingStatus,
    WatchedGame,
    WorkerStatus,
)
from hexz.trainserver.app import _status_page

from ..small_server import SmallServer


class StatusServer(SmallServer):
    """Serves the page on a free port.

    Attributes:
        url: of the page.
        status: what there is to show; at first the first hour of a training.
    """

    def __init__(self) -> None:
        app = Flask(__name__, static_folder=None)
        app.add_url_rule("/status", view_func=self._answer)
        super().__init__(app)
        self.url = f"{self.root}/status"
        self.status = status()

    def change(self, **changes: Any) -> None:
        """Changes what there is to show."""
        self.status = replace(self.status, **changes)

    def _answer(self) -> Response:
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page, policy = _status_page()
            headers = {"Content-Security-Policy": policy}
            return Response(page, mimetype="text/html", headers=headers)
        return Response(self.status.to_json(), mimetype="application/json")


def watched(moves: int, seed: int = 17) -> tuple[WatchedGame, Board]:
    """A game to watch after so many moves, and its position."""
    board = Board.random(seed)
    text, actions = board.to_text(), []
    for number in range(moves):
        legal = board.legal_moves()
        actions.append(legal[number * 7 % len(legal)].index)
        board.play_index(actions[-1])
    return WatchedGame(board=text, moves=actions, worker="one", checkpoint=3), board


def status() -> ServerStatus:
    """Of a server with three trained checkpoints, two ratings and a worker."""
    losses = [4.5, 3.75, 3.5]
    worker = WorkerStatus(
        worker="one", version="0.2.0", model_name="flagz", checkpoint=3, device="OpenVINO int8 on "
        "cpu", processes=2, games=500, evaluations=900_000, examples=32_000, pending=40,
        seconds=90.0, evaluations_per_second=10_000.0, last_seen_seconds=2.0,
    )  # fmt: skip
    return ServerStatus(
        version="0.2.0", model_name="flagz", store="hexz-data", ready=True, uptime_seconds=3000.0,
        checkpoint=3, problems=[], now="Games are played.", next_checkpoint_seconds=130.0,
        game=watched(3)[0], can_play=True, limit=None, settings=FleetSettings().at(0),
        examples=ExampleCounts(
            accepted=32_000, per_second=300.0, duplicates=0, refused={}, last_refusal=None,
            trained=30_000,
        ),
        journal=JournalStatus(
            waiting=2000, open_batch=2000, sealed_batches=0, minibatch_size=10_000, max_backlog=4
        ),
        training=TrainingStatus(activity="idle"), workers=[worker],
        evaluations_per_second=10_000.0, conduct=[],
        checkpoints=[
            CheckpointStatus(
                number=n, unix_seconds=1e9, bytes=10, examples=10_000 * n,
                losses={"total": loss, "policy": loss - 1}, held_out_losses={"total": loss + 0.1},
            )
            for n, loss in enumerate(losses, start=1)
        ],
        strength=StrengthStatus(player="gumbel@64", anchor="uct:800", checkpoints=[
            CheckpointElo(number=1, examples=10_000, value=-300, low=-400, high=-200),
            CheckpointElo(number=3, examples=30_000, value=50, low=-40, high=140),
        ]),
    )  # fmt: skip
