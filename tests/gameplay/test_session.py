"""What each command does to a game, without a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hexz.errors import HexzError, IllegalMove
from hexz.gameplay import MAX_SEED
from hexz.gameplay.game import Game
from hexz.gameplay.session import PERSON, BadCommand, PlaySession, load_game, new_game, seats
from hexz.player.players import make_player
from hexz.player.service import offered
from hexz.player.spec import SPECS, Budget, PlayerSpec, parse_spec


@pytest.fixture
def done() -> list[str]:
    """What took a while."""
    return []


@pytest.fixture
def session(done: list[str]) -> Iterator[PlaySession]:
    """A person who plays orange."""

    @contextlib.contextmanager
    def busy(what: str) -> Iterator[None]:
        done.append(what)
        yield

    session = PlaySession(lambda spec: make_player(parse_spec(spec)), None, busy)
    session.start(*new_game(17, seats(2, "random")))
    with contextlib.closing(session):
        yield session


def test_turns(session: PlaySession, done: list[str]) -> None:
    assert (session.human, session.title) == (2, "board 17")
    assert session.is_computers_turn
    session.move_computer()
    assert not session.is_computers_turn
    assert done == ["Getting random ready", "Blue is thinking"]
    with pytest.raises(IllegalMove):
        session.play(str(session.game.moves[0]))
    session.play(f"F {session.game.board.legal_moves()[-1].cell}")
    assert len(session.game.moves) == 2
    assert session.undo()
    assert len(session.game.moves) == 1
    assert not session.undo()


def test_nothing_goes_on_after_the_end(session: PlaySession) -> None:
    session.move_computer()
    session.resign()
    assert session.game.winner == 1
    assert not session.is_computers_turn
    for command in (session.resign, session.hint, lambda: session.play("d5")):
        with pytest.raises(BadCommand, match="the game is over"):
            command()
    session.new("18")
    assert (session.title, session.game.players) == ("board 18", ("random", PERSON))
    assert session.is_computers_turn


def test_a_board_has_a_number(session: PlaySession) -> None:
    session.new("0" * 5000 + "17")
    assert session.title == "board 17"
    for wrong in ("0" * 30 + "9" * 30, "9" * 5000, "-1", "1.5", "²", str(MAX_SEED + 1)):
        with pytest.raises(BadCommand, match="is no board"):
            session.new(wrong)
    session.new(str(MAX_SEED))
    assert session.title == f"board {MAX_SEED}"


def test_players_are_saved_by_the_names_that_the_page_knows(tmp_path: Path) -> None:
    """The page offers specs, and levels are called by theirs."""
    known = PlayerSpec(kind="model", budget=Budget(simulations=800))
    offers = {str(spec) for spec in offered(known)}
    path = tmp_path / "game.json"
    for name in ("model", "random", "uct:2000", *SPECS):
        game, _ = new_game(17, seats(1, name))
        game.save(path)
        person, opponent = Game.load(path).players
        assert person == PERSON
        assert opponent in offers
        assert parse_spec(opponent) == parse_spec(name)
        assert load_game(path, human=2, opponent=name)[0].players == (opponent, PERSON)


@pytest.mark.parametrize("name", ["a" * 300, "none/game.json", "."])
def test_a_name_that_no_file_can_have_costs_nobody_a_game(
    session: PlaySession, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session.move_computer()
    for do in (session.save, session.load):
        with pytest.raises(HexzError, match=name[:20]):
            do(name)
    assert len(session.game.moves) == 1


def test_a_saved_game_goes_on(session: PlaySession, tmp_path: Path) -> None:
    session.move_computer()
    path = session.save(str(tmp_path / "game.json"))
    session.new("")
    session.load(str(path))
    assert (len(session.game.moves), session.human) == (1, 2)
    game, title = load_game(path, human=1, opponent="uct:5")
    assert (game.players, title) == ((PERSON, "uct:5"), "game.json")
