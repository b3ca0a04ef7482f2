"""The engine's side of the protocol."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.engine import Board, Move, Suggestion
from hexz.engine.notation import position_text, read_position
from hexz.errors import InvalidBoard
from hexz.player.players import make_player
from hexz.player.protocol import EngineSession
from hexz.player.spec import parse_spec
from hexz.version import __version__

from .positions import game

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


@pytest.fixture
def session() -> Iterator[EngineSession]:
    player = make_player(parse_spec("uct:200"), seed=1)
    yield EngineSession(player, "uct:200")
    player.close()


def said(session: EngineSession, line: str) -> list[str]:
    """The lines of the answer to a command that succeeds, without the sign."""
    answer = session.answer(f"{line}\n")
    assert answer.startswith(("= ", "=\n"))
    assert answer.endswith("\n\n")
    return answer[1:-2].removeprefix(" ").split("\n")


def test_a_game_by_commands(session: EngineSession) -> None:
    assert said(session, "name") == [f"hexzctl {__version__} uct:200"]
    assert said(session, "protocol") == ["1"]
    board = Board.random(17)
    assert said(session, f"board {board.to_text()}") == [f"{board.to_text()} 1 0"]
    assert said(session, "play Fd5") == [""]
    board.play("Fd5")
    while not board.is_over:
        move, value = said(session, "genmove simulations 50")[0].split()
        assert -1 <= float(value) <= 1
        board.play(move)
    assert session.answer("genmove") == "? the game is over\n\n"
    assert read_position(said(session, "board")[0]) == board
    assert not session.has_ended
    assert said(session, "quit") == [""]
    assert session.has_ended


def test_an_analysis_plays_nothing_and_shows_the_best_first(session: EngineSession) -> None:
    before = said(session, "board")
    first, *moves = said(session, "analyse simulations 150 time 30")
    assert said(session, "board") == before
    value, best, *line = first.split()
    assert -1 <= float(value) <= 1
    assert [Move.parse(move) for move in (best, *line)]
    shares = [float(move.split()[1]) for move in moves]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert moves[0].split()[0] == best


def test_of_moves_with_equal_shares_the_one_to_play_comes_first() -> None:
    visits = np.zeros(220, np.int32)
    visits[[30, 130, 150]] = 2
    q = np.zeros(220, np.float32)
    q[150] = 0.5
    found = Suggestion(
        move=Move.from_index(130), value=0.0, visits=visits, q=q,
        priors=np.zeros(220, np.float32), principal_variation=[],
    )  # fmt: skip
    assert [move.index for move, _ in found.best()] == [130, 150, 30]


@pytest.mark.parametrize("line", ["", "   ", "# genmove", "#"])
def test_lines_that_are_no_commands(session: EngineSession, line: str) -> None:
    assert session.answer(f"{line}\n") == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("undo", "unknown command: expected one of protocol, name, board, play"),
        ("play", "play takes one move"),
        ("play d5 d6", "play takes one move"),
        ("play x", "'x' is no move"),
        ("play d5", "player 1 cannot play d5"),
        ("board x", "a board has 105 characters"),
        ("board a b", "a position is 105 characters"),
        ("genmove fast", "limits are time SECONDS and simulations NUMBER"),
        ("genmove time", "limits are"),
        ("genmove time x", "limits are"),
        ("genmove time nan", "the time must be more than 0"),
        ("genmove time 0", "the time must be more than 0"),
        ("genmove time 1 time 2", "limits are"),
        ("genmove simulations 0", "the simulations must be 1 to"),
        ("genmove simulations 1.5", "limits are"),
        (f"genmove simulations {'9' * 5000}", "limits are"),
    ],
)
def test_mistakes_are_answered_with_a_line(session: EngineSession, line: str, reason: str) -> None:
    before = said(session, "board")
    answer = session.answer(line)
    assert answer.startswith(f"? {reason}")
    assert answer.endswith("\n\n")
    assert answer.count("\n") == 2
    assert said(session, "board") == before


def test_the_page_lists_all_commands(session: EngineSession) -> None:
    listed = {match.split()[0] for match in re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.M)}
    assert listed & {"name", "protocol", "board", "play", "genmove", "analyse", "quit"} == set(
        re.findall(r"\w+", session.answer("help").split("expected one of ")[1])
    )


class TestNotation:
    @pytest.mark.parametrize("seed", range(4))
    def test_every_position_of_a_game_is_written_and_read(self, seed: int) -> None:
        for board in game(seed):
            again = read_position(position_text(board))
            assert again == board
            assert again.flags_left == board.flags_left
            assert again.is_over == board.is_over

    def test_a_start_position_may_have_any_number_of_rocks(self) -> None:
        text = "#" * 50 + "." * 55
        assert read_position(f"{text} 1 0") == read_position(text) == Board.from_text(text)

    def test_the_first_move_is_that_of_player_1(self) -> None:
        with pytest.raises(InvalidBoard, match="player 1 moves first"):
            read_position(f"{Board.random(1).to_text()} 2 0")

    @given(
        st.text(alphabet=".#12345ABCDEFabcdefGz \u00df\u0660\u1e9a", max_size=120), st.integers()
    )
    def test_anything_else_is_refused(self, text: str, number: int) -> None:
        for line in (text, f"{text[:105]:.<105} 1 {number}", f"{text} {number} 3"):
            with contextlib.suppress(InvalidBoard):
                assert read_position(position_text(read_position(line))) == read_position(line)
