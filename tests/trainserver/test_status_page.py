"""The status page in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from ..browser import Page
from .status_server import StatusServer, status, watched


@pytest.fixture(scope="module")
def server() -> Iterator[StatusServer]:
    with StatusServer().running() as server:
        yield server


@pytest.fixture
def page(server: StatusServer, chromium: Any) -> Iterator[Page]:
    server.status = status()
    page = Page(chromium, server.url)
    page.errors()  # of others
    chromium.get(server.url)
    page.until(lambda: page("#model").text == "flagz")
    yield page
    assert page.errors() == []


def test_a_game_is_watched_move_by_move(page: Page, server: StatusServer) -> None:
    board = watched(3)[1]
    page.until(lambda: page("#game-title").text.endswith("move 3"))
    assert [side.text for side in page.all("#game .points")] == [str(s) for s in board.score]
    owners = {(0, 1): "cell1", (0, 2): "cell2", (5, 1): "flag1", (5, 2): "flag2"}
    shown = [group.get_attribute("class") for group in page.all("#game .hz-cells > g")]
    for name, (kind, owner, *_) in zip(shown, board.cells().tolist(), strict=True):
        assert name.removeprefix("hz-") == owners.get((kind, owner), name.removeprefix("hz-"))
        assert owner == 0 or name.endswith(str(owner))
    server.change(game=watched(5)[0])
    page.until(lambda: page("#game-title").text.endswith("move 4"))
    page.until(lambda: page("#game-title").text.endswith("move 5"))
    server.change(game=watched(1, seed=18)[0])  # another one
    page.until(lambda: page("#game-title").text.endswith("move 1"))
    server.change(game=None)
    page.until(lambda: not page("#game").is_displayed())


def test_what_happens_and_what_comes_next(page: Page, server: StatusServer) -> None:
    assert page("#now").text == "Games are played."
    figures = page("#figures").text.split("\n")
    assert figures[figures.index("next one in about") + 1] == "2 min"
    assert page("#play a").get_attribute("href") == server.url.replace("status", "play")
    assert not page("#player").is_displayed()
    server.change(can_play=False, now="Starting.", next_checkpoint_seconds=None)
    page.until(lambda: page("#now").text == "Starting.")
    assert not page("#play").is_displayed()
    assert page("#player").is_displayed()


def test_the_learning_curve(page: Page) -> None:
    assert "Best: checkpoint 3 with 50." in page("#strength-note").text
    assert len(page.all("#strength-chart svg")) == 1


def test_every_loss_is_shown(page: Page, server: StatusServer) -> None:
    """Also those that the page has never heard of."""
    losses = {"total": 3.5, "policy": 2.25, "reply": 1.125, "a new one": 0.5}
    last = replace(server.status.checkpoints[-1], number=4, losses=losses)
    server.change(checkpoint=4, checkpoints=[*server.status.checkpoints, last])
    page.until(lambda: "a new one" in page("#charts").text)
    for name, loss in losses.items():
        assert name in page("#charts").text
        assert f"training {loss:.3f}" in page("#charts").text
