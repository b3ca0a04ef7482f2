"""The boards that the terminal shows."""

import re

import pytest

from hexz.engine import CELLS, COLS, ROWS, Board, Move
from hexzctl.board import play_board

from .gameplay.test_game import random_game

OUTLINED = pytest.mark.parametrize("outlined", [False, True])


def rows_of(board: Board, *, outlined: bool = False, **marks: Move) -> list[list[str]]:
    """The three characters of every cell, row by row."""
    lines = play_board(board, outlined=outlined, **marks).plain.split("\n")
    assert max(map(len, lines)) <= 46
    lines = lines[2::2] if outlined else lines[1:]
    return [
        [line[5 + row % 2 * 2 + 4 * col :][:3].ljust(3) for col in range(COLS - row % 2)]
        for row, line in zip(range(ROWS), lines, strict=False)
    ]


@OUTLINED
@pytest.mark.parametrize("moves", [0, 5, 23, 60])
def test_each_cell_shows_what_is_there_or_can_be_placed(outlined, moves):
    board = random_game(moves, seed=moves).board
    legal = {move[1:] for move in board.legal_moves() if move.kind == "normal"}
    shown = [cell for row in rows_of(board, outlined=outlined) for cell in row]
    assert len(shown) == 105
    for text, position, cell in zip(shown, CELLS, board.cells().tolist(), strict=True):
        kind, owner, value, *next_values, _ = cell
        if kind == 3:
            assert text == "▒▒▒"
        elif kind == 2:
            assert text == f"ψ{value}ψ"
        elif owner:
            content = "▲" if kind == 5 else str(value)
            assert text == (f"[{content}]" if owner == 1 else f"({content})")
        elif position in legal:
            assert text == f" {next_values[board.turn - 1]} "
        else:
            assert text in (" x ", " · ")


@OUTLINED
def test_rows_and_columns_are_named(outlined):
    lines = play_board(Board.random(1), outlined=outlined).plain.split("\n")
    assert lines[0].split() == list("abcdefghij")
    numbers = [re.match(r" *(\d+) ", line) for line in lines[1:]]
    assert [int(match[1]) for match in numbers if match] == list(range(1, 12))
    assert len(lines) == (24 if outlined else 12)
    for row in (1, 2):  # a letter is above its cells in both kinds of rows
        line = lines[2 * row if outlined else row]
        assert abs(lines[0].index("a") - (6 + (row - 1) * 2)) == 1, line


@OUTLINED
def test_the_last_move_and_a_hint_are_marked(outlined):
    game = random_game(20)
    hint = next(move for move in game.board.legal_moves() if move.kind == "normal")
    last = game.moves[-1]
    plain = rows_of(game.board, outlined=outlined)
    marked = rows_of(game.board, outlined=outlined, last=last, hint=hint)
    different = {(row, col) for row, col in CELLS if marked[row][col] != plain[row][col]}
    assert different == {hint[1:]}
    assert marked[hint.row][hint.col] == f"*{plain[hint.row][hint.col][1]}*"
    text = play_board(game.board, outlined=outlined, last=last).plain
    assert f">{plain[last.row][last.col]}<" in text
    assert (text.count(">"), text.count("<")) == (1, 1)


def test_a_proposed_flag():
    rows = rows_of(Board.random(1), hint=Move.parse("Fe5"))
    assert rows[4][4] == "*F*"
