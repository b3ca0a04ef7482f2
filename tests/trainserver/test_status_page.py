"""The status page in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from hexz.schema.status import FIGURES, Comparison, Progress, TrainingStatus, WorkerConduct

from ..browser import Page
from .status_server import StatusServer, status, watched

UNKNOWN = "\N{EN DASH}"


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


def test_what_is_not_known_is_shown_as_such(page: Page, server: StatusServer) -> None:
    """As of checkpoints by other programs."""
    shown = server.status
    foreign = [replace(known, examples=None) for known in shown.checkpoints]
    server.change(
        checkpoint=None, next_checkpoint_seconds=None, settings=None, checkpoints=foreign,
        examples=replace(shown.examples, trained=None),
        training=TrainingStatus(
            activity="training", progress=Progress(batch=1, step=1, steps=2, seconds=0, loss=None)
        ),
        workers=[replace(shown.workers[0], checkpoint=None)],
    )  # fmt: skip
    page.until(lambda: "Nothing was trained yet." in page("#charts").text)
    figures = page("#figures").text.split("\n")
    unknown = [figures[index - 1] for index, text in enumerate(figures) if text == UNKNOWN]
    assert unknown == [
        "checkpoint", "next one in about", "examples trained on", "simulations a move"
    ]  # fmt: skip
    assert page("#training-text").text == f"step 1 of 2, loss {UNKNOWN}"


def test_every_figure_of_a_worker_is_shown(page: Page, server: StatusServer) -> None:
    figures = {
        name: Comparison(own=0.25 + place, fleet=0.5)
        for place, name in enumerate(FIGURES) if name != "surprise"
    }  # fmt: skip
    worker = WorkerConduct(
        worker="one", state="ordinary", reason=None, since=None, games=500, copies=0,
        per_second=300.0, set_aside=0, figures=figures,
    )  # fmt: skip
    server.change(conduct=[worker])
    cells = page.until(lambda: [cell.text for cell in page.all("#conduct td")])
    names = [cell.text for cell in page.all("#conduct-names th")]
    shown = dict(zip(names, cells, strict=True))
    for place, name in enumerate(FIGURES):
        text = UNKNOWN if name == "surprise" else f"{0.25 + place:.2f} (0.50)"
        assert shown[name.replace("_", " ")] == text
    assert shown["examples/s"] == "300"


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


def test_what_is_read_out_is_written_once(page: Page, server: StatusServer) -> None:
    """A screen reader speaks an alert again that is written again, be it the same."""
    server.change(problems=["The disk is full.", "Redis is away."])
    page.until(lambda: page("#problems").text == "The disk is full.\nRedis is away.")
    page.driver.execute_script(
        """
        window.written = [];
        const observer = new MutationObserver((changes) =>
          window.written.push(...changes.map(({ target }) => target.id)));
        for (const id of ["problems", "now", "about"])
          observer.observe(document.getElementById(id), { childList: true });
        """
    )
    assert page.until(lambda: page.driver.execute_script("return window.written")) == ["about"]
    server.change(problems=[], now="A checkpoint is saved.")
    page.until(lambda: not page("#problems").is_displayed())
    assert page("#now").text == "A checkpoint is saved."


def test_who_comes_back_finds_the_page(page: Page, server: StatusServer) -> None:
    """Not the last news that it has asked for, at the same address."""
    server.change(now="Starting.")
    page.until(lambda: page("#now").text == "Starting.")
    page.driver.get(f"{server.root}/another-page")
    page.errors()  # there is none
    page.driver.back()
    page.until(lambda: page("#model").text == "flagz")
