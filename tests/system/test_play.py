"""`hexzctl play`, in a terminal and with its input in a pipe."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hexz.engine import Board, Move
from hexz.gameplay.game import Game

from .processes import COMMAND, TIMEOUT, assert_one_error_line, environment, hexzctl
from .terminal import terminal

GAME = ("play", "--player", "uct:50", "--seed", 17)
TWO_PERSONS = ("play", "--player", "person", "--seed", 17)


def play(*arguments: object, lines: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with these lines in a pipe."""
    return hexzctl(*arguments, lines=lines, **{"COLUMNS": "80", **changes})


def played(*arguments: object, lines: str, **changes: str) -> str:
    """What a run prints that ends well."""
    result = play(*arguments, lines=lines, **changes)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    return result.stdout


# --- In a pipe -----------------------------------------------------------------------------------


def test_a_script_of_moves():
    output = played(*GAME, lines="Fd5\nc5\n")
    assert output.count("planted a flag on") + output.count("] placed") >= 2
    assert re.search(r"3 Blue   c5  \+1", output)
    assert re.search(r"4 Orange \S+", output)
    assert max(map(len, output.splitlines())) <= 79
    assert "\x1b" not in output


def test_a_whole_game_to_the_end(tmp_path):
    game = Game(Board.random(17), ("person", "person"))
    while not game.is_over:
        moves = game.board.legal_moves()
        game.play(moves[len(moves) * 2 // 3])
    script = "\n".join(map(str, game.moves))
    output = played(*TWO_PERSONS, lines=f"{script}\nd5\nsave {tmp_path / 'game.json'}\n")
    high, low = max(game.board.score), min(game.board.score)
    winner = {1: "[Blue]", 2: "(Orange)"}[game.winner]
    assert f"{winner} wins, {high} to {low}." in output
    assert "the game is over" in output
    assert Game.load(tmp_path / "game.json").moves == game.moves


def test_the_computer_may_move_first():
    output = played(*GAME, "--colour", "orange", lines="hint\n")
    assert re.match(r"(?s).*\(Orange\) +0 ▲▲▲ you", output)
    assert "[Blue] planted a flag on" in output
    assert re.search(r"I would (place a value|plant a flag) on [a-j]\d+: wins \d+ %\.", output)


def test_undo_and_resign():
    output = played(*GAME, lines="undo\nFd5\nundo\nresign\nresign\nundo\nFe5\n")
    assert "There is nothing to take back." in output
    assert "(Orange) wins: Blue resigned." in output
    assert re.search(r"1 Blue   Fe5\s", output.rpartition("Blue: Fe5")[2])


def test_save_and_load(tmp_path):
    path = tmp_path / "a game.json"
    output = played(*GAME, lines=f"Fd5\nsave {path}\nnew 3\nload {path}\nc5\n")
    assert f"hexzctl play --load '{path}'" in output
    saved = json.loads(path.read_text())
    assert saved["players"] == ["person", "uct:50"]
    assert saved["moves"][0] == "Fd5"
    assert "board 3" in output
    assert "3 Blue   c5" in output
    again = played("play", "--load", path, lines="c5\n")
    assert "3 Blue   c5" in again
    turned = played("play", "--load", path, "--colour", "orange", "--player", "random", lines="")
    assert re.search(r"\[Blue\] +\d+ ▲+ +random", turned)


def test_a_saved_game_runs_no_program(tmp_path):
    game, trap = tmp_path / "game.json", tmp_path / "trap"
    players = ["person", f"cmd:touch {trap}@1s"]
    game.write_text(
        json.dumps({"board": Board.random(17).to_text(), "moves": [], "players": players})
    )
    result = play("play", "--load", game)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "which only the command line may name")
    assert "only the command line may name" in played(*GAME, lines=f"load {game}\nFd5\n")
    assert not trap.exists()


def test_a_program_that_fails_costs_no_game(tmp_path):
    bad = Path(__file__).parents[1] / "player" / "bad_engine.py"
    command = shlex.join(map(str, (sys.executable, bad, "illegal", tmp_path / "was here")))
    output = played(
        "play", "--player", f"cmd:{command}", "--seed", 17,
        lines=f"Fd5\nsave {tmp_path / 'game.json'}\n\n",
    )  # fmt: skip
    assert "bad 1.0 plays no legal move: there is no cell j2" in " ".join(output.split())
    assert Game.load(tmp_path / "game.json").moves == (Move.parse("Fd5"),)


SLIPS = [
    ("zz", "'zz' is no move"),
    ("d99", "there is no cell d99"),
    ("j2", "there is no cell j2"),
    ("d5", "Blue cannot play d5"),
    ("Fb1", "Blue cannot play Fb1"),
    ("save", "save needs the name of a file"),
    ("load", "load needs the name of a file"),
    ("load /nowhere/game.json", "cannot read /nowhere/game.json"),
    ("save /nowhere/game.json", "/nowhere"),
    ("save a\0b", "is no name of a file"),
    ("load ~nobody-of-this-name/game", "nobody is called nobody-of-this-name here"),
    ("new x", "'x' is no board"),
    (f"new {2**64}", "is no board"),
    (f"new {'9' * 5000}", "is no board"),
    ("x" * 100_000, "is no move"),
    ("[bold]\\[/]", "is no move"),
    ("\x1b[2J\x00", "is no move"),
    ("é" * 5, "is no move"),
]


def test_a_slip_gets_one_line_and_changes_nothing():
    output = played(*GAME, lines="".join(f"{line}\n" for line, _ in SLIPS) + "Fd5\n")
    _, *answers, last = output.partition("1 Blue   Fd5")[0].split("Blue: ")
    for (line, expected), answer in zip(SLIPS, answers, strict=True):
        echo, reason, rest = answer.split("\n")
        assert len(echo) <= 200
        assert expected in reason, line
        assert rest == ""
    assert last.startswith("Fd5")


def test_bytes_that_are_no_text():
    result = subprocess.run(
        [*COMMAND, *map(str, GAME)], input=b"\xff\xfe\nFd5\n", capture_output=True,
        timeout=TIMEOUT, env=environment(PYTHONUTF8="1"), check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"is no move" in result.stdout
    assert b"1 Blue   Fd5" in result.stdout


def test_ascii():
    output = played(*GAME, lines="Fd5\nhint\n?\n", PYTHONIOENCODING="ascii")
    assert output.isascii()
    assert "[F]" in output
    assert "###" in output
    assert '"2"' in output


def test_an_empty_script_shows_the_board():
    output = played(*GAME, lines="")
    assert "board 17" in output
    assert output.endswith("\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--player", "gnubg"), ["gnubg", "is no player"]),
        (("--player", "model:/nowhere.pt@8"), ["/nowhere.pt"]),
        (("--load", "/nowhere.json"), ["cannot read /nowhere.json"]),
    ],
)
def test_what_cannot_start(arguments, words):
    result = play("play", *arguments)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, *words)


def test_the_shipped_network_plays():
    output = played("play", "--seed", 17, "--think", 0.2, lines="Fd5\nhint\n")
    assert re.search(r"\(Orange\) +\d+ ▲* +model\n", output)
    assert "I would" in output


# --- In a terminal -------------------------------------------------------------------------------


def test_a_small_terminal_with_colours():
    with terminal(*GAME, COLORTERM="truecolor") as screen:
        assert "/ \\" not in screen.until("Blue: $")
        text = screen.type("Fd5", "flag on .*\n.*Blue: $")
        assert "48;2;0;114;178" in screen.raw  # blue
        assert "48;2;230;159;0" in screen.raw  # orange
        lines = text.split("\n")
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        text = screen.type("?", "resign +give up(?s:.*)Blue: $")
        assert len(text.split("\n")) <= 24
        assert screen.press(b"\x04") == 0
        assert "Traceback" not in screen.raw


def test_a_large_terminal_without_colours():
    with terminal(*GAME, columns=120, lines=50, NO_COLOR="1") as screen:
        assert "/ \\ / \\" in screen.until("Blue: $")
        screen.type("Fd5", "flag on .*\n.*Blue: $")
        assert "[▲]" in screen.text
        assert "38;" not in screen.raw
        assert "48;" not in screen.raw
        assert screen.press(b"\x03") == 130
        assert "Traceback" not in screen.raw


def test_a_narrow_terminal_has_the_panel_below():
    with terminal(*GAME, columns=50, lines=40) as screen:
        lines = screen.until("Blue: $").split("\n")
        assert max(map(len, lines)) <= 50
        assert any(line.startswith("board 17") for line in lines)


def test_ctrl_c_while_the_computer_thinks():
    with terminal("play", "--player", "uct:2s", "--seed", 17) as screen:
        screen.until("Blue: $")
        screen.type("Fd5", "Orange is thinking")
        assert screen.press(b"\x03") == 130
        assert "Traceback" not in screen.raw
