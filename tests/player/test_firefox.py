"""Whole games in Firefox, by keyboard alone and by touch alone."""

from collections.abc import Iterator

import pytest

from ..firefox import Firefox, running_firefox
from .page_server import PageServer
from .whole_games import SMALL, play_by_keyboard, play_by_touch

TWO_PERSONS = f"#{SMALL}&blue=person&orange=person"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running_firefox(tmp_path_factory.mktemp("profile")) as firefox:
        yield firefox


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer().running() as server:
        yield server


def test_a_whole_game_by_keyboard(firefox: Firefox, server: PageServer) -> None:
    firefox.open(server.url + TWO_PERSONS, 1280, 860)
    play_by_keyboard(firefox)


def test_a_whole_game_by_touch(firefox: Firefox, server: PageServer) -> None:
    firefox.open("about:blank", 390, 844)
    firefox.open(server.url + TWO_PERSONS, 390, 844)
    play_by_touch(firefox)
