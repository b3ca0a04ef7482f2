"""`hexzctl arena`, as people run it."""

import json
import os
import re
import signal

import pytest

from ..waiting import wait_until
from .processes import TIMEOUT, assert_one_error_line, hexzctl, start_hexzctl
from .terminal import terminal

QUICK = ("arena", "--player", "uct:20", "--player", "random", "--boards", 3, "--num-workers", 1)


def test_a_match_with_json_and_a_page(tmp_path):
    log, page = tmp_path / "log.jsonl", tmp_path / "page.html"
    result = hexzctl(*QUICK, "--log", log, "--html", page, "--json")
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["complete"]
    assert content["anchor"] == "uct:20"
    assert [player["name"] for player in content["players"]] == ["uct:20", "random"]
    (pair,) = content["pairs"]
    assert pair["players"] == ["uct:20", "random"]
    assert pair["wins"] + pair["draws"] + pair["losses"] == 2 * pair["boards"] == 6
    assert pair["score"]["low"] <= pair["score"]["value"] <= pair["score"]["high"]
    assert "Board 3: random" in page.read_text()

    again = hexzctl(*QUICK, "--log", log)
    assert again.returncode == 0, again.stderr
    assert "3 of 3 boards, 3 from" in again.stderr
    lines = again.stdout.splitlines()
    assert any("uct:20" in line and "random" in line and " 3 " in line for line in lines)


def test_ctrl_c_keeps_what_was_played(tmp_path):
    log = tmp_path / "log.jsonl"
    arguments = ("arena", "--player", "uct:50", "--player", "random", "--num-workers", 1,
                 "--log", log)  # fmt: skip
    process = start_hexzctl(*arguments, "--boards", 2000)
    try:
        while not (log.exists() and log.read_bytes().count(b"\n") > 2):
            assert process.poll() is None, process.stderr and process.stderr.read()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGINT
    assert "uct:50" in stdout
    assert "Traceback" not in stderr
    again = hexzctl(*arguments, "--boards", 3, "--json")
    assert json.loads(again.stdout)["complete"]
    boards = [json.loads(line)["board"] for line in log.read_text().splitlines()]
    assert len(boards) == len(set(boards)) >= 3


def test_a_killed_arena_leaves_no_process_and_goes_on(tmp_path):
    log = tmp_path / "log.jsonl"
    arguments = ("arena", "--player", "uct:100", "--player", "random", "--num-workers", 2,
                 "--boards", 40, "--json")  # fmt: skip
    process = start_hexzctl(*arguments, "--log", log, start_new_session=True)
    try:
        while not (log.exists() and log.read_bytes().count(b"\n") > 2):
            assert process.poll() is None, process.stderr and process.stderr.read()
        process.kill()
        process.communicate(timeout=TIMEOUT)
        wait_until(lambda: not group_exists(process.pid), TIMEOUT)
    finally:
        if group_exists(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    kept = log.read_bytes()
    assert kept.count(b"\n") < 40
    resumed = hexzctl(*arguments, "--log", log)
    assert resumed.returncode == 0, resumed.stderr
    assert log.read_bytes().startswith(kept[: kept.rindex(b"\n") + 1])
    units = [(*line["players"], line["board"]) for line in map(json.loads, log.open())]
    assert len(units) == len(set(units)) == 40
    whole = hexzctl(*arguments, "--log", tmp_path / "other.jsonl")
    assert json.loads(whole.stdout) == json.loads(resumed.stdout)


def group_exists(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_test_ends_early(tmp_path):
    result = hexzctl("arena", "--player", "uct:300", "--player", "uct:20", "--sprt", "0,100",
                     "--log", tmp_path / "log", "--json")  # fmt: skip
    assert result.returncode == 0, result.stderr
    (pair,) = json.loads(result.stdout)["pairs"]
    assert pair["accepted_elo"] == 100
    assert pair["boards"] < 200  # of at most 2,000


def test_levels_are_listed_by_their_names(tmp_path):
    log = tmp_path / "log.jsonl"
    result = hexzctl("arena", "--player", "beginner", "--player", "uct:20", "--boards", 1,
                     "--num-workers", 1, "--log", log, "--json")  # fmt: skip
    assert result.returncode == 0, result.stderr
    players = json.loads(result.stdout)["players"]
    assert [player["name"] for player in players] == ["beginner", "uct:20"]
    assert json.loads(log.read_text())["players"] == ["glance@2", "uct:20"]


def test_in_a_terminal(tmp_path):
    arguments = ("arena", "--player", "uct:50", "--player", "random", "--boards", 2000,
                 "--log", tmp_path / "log")  # fmt: skip
    with terminal(*arguments, columns=120) as tty:
        tty.until(r"[1-9]\d* of 2,000 boards.* left[^$]*uct:50 against random")
        assert tty.press(b"\x03") == 128 + signal.SIGINT
        assert re.search(r"uct:50 +random +\d+\.\d", tty.text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--player", "uct:20", "--player", "gobbledygook"], ["gobbledygook", "expected"]),
        (["--player", "uct:20", "--player", "uct:20"], ["twice"]),
        (["--player", "uct:20"], ["two players"]),
        (["--player", "uct:20", "--player", "model:/missing@8"], ["/missing"]),
        (["--player", "uct:20", "--player", "uct"], ["uct:800"]),
        (["--player", "uct:20", "--player", "random", "--log", "/missing/log"], ["/missing/log"]),
        (["--player", "uct:20", "--player", "random", "--html", "/missing/p.html"], ["/missing/p"]),
        (["--player", "uct:20", "--player", "random", "--boards-file", "/missing"], ["/missing"]),
    ],
)
def test_mistakes_are_one_line(tmp_path, arguments, words):
    result = hexzctl("arena", "--log", tmp_path / "log.jsonl", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert_one_error_line(result.stderr, *words)


@pytest.mark.parametrize("test", ["5", "50,0", "a,b", "0,0"])
def test_a_test_needs_two_hypotheses(tmp_path, test):
    result = hexzctl(*QUICK, "--log", tmp_path / "log", "--sprt", test)
    assert result.returncode == 2
    assert test in result.stderr
