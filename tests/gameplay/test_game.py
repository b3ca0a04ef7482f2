"""Games that people play: undo, save and load."""

import json
import random

import pytest

from hexz.engine import Board
from hexz.errors import IllegalMove, InvalidGame, OutputError
from hexz.gameplay.game import Game


def random_game(moves: int, seed: int = 1) -> Game:
    """A game of so many random moves."""
    draw = random.Random(seed)
    game = Game(Board.random(seed), ("you", "random"))
    for _ in range(moves):
        game.play(draw.choice(game.board.legal_moves()))
    return game


def test_an_illegal_move_changes_nothing():
    game = random_game(3)
    before = game.board.copy()
    with pytest.raises(IllegalMove):
        game.play(game.moves[0])
    assert len(game.moves) == 3
    assert game.board == before


@pytest.mark.parametrize("player", [1, 2])
def test_undo_goes_back_to_the_last_decision_of_the_player(player):
    game = random_game(30)
    boards = [game.board]
    while game.undo(player):
        assert game.board.turn == player
        boards.append(game.board)
    assert len(boards) > 5
    assert len(game.moves) == player - 1  # a move of the other before the first stays
    replayed = random_game(30)
    assert all(board in [b for b, _, _ in replayed.history()] for board in boards[1:])


def test_undo_takes_back_a_resignation_first():
    game = random_game(4)
    game.resigned = 1
    assert game.is_over
    assert game.winner == 2
    assert game.undo(1)
    assert not game.is_over
    assert len(game.moves) == 4


def test_history_has_the_positions_around_each_move():
    game = random_game(20)
    history = list(game.history())
    assert [move for _, move, _ in history] == list(game.moves)
    for before, move, after in history:
        board = before.copy()
        board.play(move)
        assert board == after
    assert history[-1][2] == game.board


def test_saved_games_come_back(tmp_path):
    game = random_game(25)
    game.resigned = 2
    path = tmp_path / "game.json"
    game.save(path)
    loaded = Game.load(path)
    assert loaded.board == game.board
    assert (loaded.moves, loaded.players, loaded.resigned) == (game.moves, game.players, 2)
    loaded.undo(1)
    loaded.save(str(path))
    assert Game.load(str(path)).resigned == 0


def test_only_saved_games_are_overwritten(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.txt exists and is no saved game"):
        random_game(1).save(path)
    assert path.read_text() == "years of work"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        random_game(1).save(tmp_path / "none" / "game.json")


def saved(**changes: object) -> str:
    return json.dumps(json.loads(random_game(5).to_json()) | changes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", '"board" must be a text'),
        (saved(board=7), '"board" must be a text'),
        (saved(board="..."), "105"),
        (saved(moves="a1"), "a list of texts"),
        (saved(moves=[1]), "a list of texts"),
        (saved(moves=["a1"] * 106), "a list of texts"),
        (saved(moves=["z9"]), "no cell z9"),
        (saved(moves=["a1"]), "cannot play a1"),
        (saved(players=["one"]), "two names"),
        (saved(players=None), "two names"),
        (saved(resigned=3), "resigned"),
        (saved(resigned=[]), "resigned"),
    ],
)
def test_files_that_are_no_games(text, reason):
    with pytest.raises(InvalidGame, match=reason):
        Game.from_json(text)


def test_what_is_missing_or_unknown_does_not_matter():
    content = json.loads(random_game(5).to_json())
    game = Game.from_json(json.dumps({"board": content["board"], "moves": [], "date": "today"}))
    assert game.players == ("", "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"\xff", "not text"), (b" " * 70_000, "too long"), (b"hello", "not JSON"), (None, "read")],
)
def test_errors_name_the_file(tmp_path, data, reason):
    path = tmp_path / "file.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InvalidGame, match=reason) as caught:
        Game.load(path)
    assert str(path) in str(caught.value)


def test_redo_plays_again_what_was_taken_back_until_something_else_is_played():
    game = Game(Board.random(3))
    for number in (5, 70, 3, 40, 7):
        game.play(game.board.legal_moves()[number])
    game.resigned = 1
    moves = game.moves
    while game.undo(1):
        pass
    assert game.moves == ()
    while game.redo():
        pass
    assert (game.moves, game.resigned) == (moves, 1)
    game.undo(1)
    game.undo(1)
    game.play(game.board.legal_moves()[0])
    assert not game.redo()
