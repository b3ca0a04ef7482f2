"""The log: what was played is found again, whatever happened to the file."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from hexz.arena.log import MAX_LINE_BYTES, ArenaLog, InvalidLog
from hexz.errors import OutputError
from hexz.version import __version__

from .helpers import field, pairs, play


@pytest.fixture(scope="module")
def players():
    return field("uct:20", "random", "gumbel@2")


@pytest.fixture(scope="module")
def played(players):
    return play(players, pairs([(0, 1), (1, 2)], 2), at_once=4)


@pytest.fixture
def path(tmp_path, players, played):
    with ArenaLog(tmp_path / "log.jsonl", players) as log:
        for one in played:
            log.append(one)
    return tmp_path / "log.jsonl"


def same(found, one) -> bool:
    """Apart from the rounding of values and shares."""
    actions = [[[m.action for m in moves] for moves in p.games] for p in (found, one)]
    return (found.pair, found.scores) == (one.pair, one.scores) and actions[0] == actions[1]


def test_what_was_played_is_found(path, players, played):
    with ArenaLog(path, players) as log:
        for one in played:
            assert same(log.find(one.pair), one)
        assert log.find(pairs([(0, 2)], 1)[0]) is None
        assert log.find(pairs([(0, 1)], 1, seed=2)[0]) is None


def test_a_line_tells_the_version(path):
    assert {json.loads(line)["version"] for line in path.open()} == {__version__}


def test_the_order_of_players_does_not_matter(path, players, played):
    swapped = dataclasses.replace(played[0].pair, pairing=(1, 0))
    with ArenaLog(path, players) as log:
        found = log.find(swapped)
    assert found is not None
    assert found.margins == tuple(-margin for margin in reversed(played[0].margins))
    assert [len(moves) for moves in found.games] == [len(m) for m in reversed(played[0].games)]


def test_another_network_of_the_same_name_has_played_nothing(path, players, played):
    entrants = (*players.entrants[:2], dataclasses.replace(players.entrants[2], digest="0" * 64))
    with ArenaLog(path, dataclasses.replace(players, entrants=entrants)) as log:
        assert log.find(played[0].pair) is not None
        assert log.find(played[2].pair) is None


def test_a_line_that_was_cut_off_is_removed(path, players, played):
    whole = path.read_bytes()
    for cut in (2, 100, len(whole.splitlines(keepends=True)[-1]) - 1):
        path.write_bytes(whole[:-cut])
        with ArenaLog(path, players) as log:
            assert same(log.find(played[2].pair), played[2])
            assert log.find(played[3].pair) is None
            log.append(played[3])
        assert len([json.loads(line) for line in path.read_text().splitlines()]) == 4
        with ArenaLog(path, players) as log:
            assert same(log.find(played[3].pair), played[3])


def test_a_last_line_that_only_lacks_its_end_counts(path, players, played):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with ArenaLog(path, players) as log:
        assert same(log.find(played[3].pair), played[3])
    assert path.read_bytes() == whole


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_that_is_too_long_is_named_and_nothing_removed(path, players, number, end):
    """It is no line that was cut off: others follow it, or nobody writes such a line."""
    lines = path.read_bytes().splitlines()
    lines[number - 1] = lines[number - 1][:-1] + b',"note":"' + b"x" * MAX_LINE_BYTES + b'"}'
    content = b"\n".join(lines) + end
    path.write_bytes(content)
    with pytest.raises(InvalidLog, match=f"^line {number} of "):
        ArenaLog(path, players)
    assert path.read_bytes() == content


def test_what_was_played_meanwhile_is_found_also_once_the_log_is_closed(path, players):
    (more,) = play(players, pairs([(0, 2)], 1), at_once=1)
    with ArenaLog(path, players) as log:
        log.append(more)
        assert same(log.find(more.pair), more)
    assert same(log.find(more.pair), more)


@pytest.mark.parametrize("line", ["hello", "[]", "{}", '{"players": ["uct:20", "random"]}', "5"])
def test_a_foreign_line_is_named(path, players, line):
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InvalidLog, match=r"^line 5 of .*log\.jsonl"):
        ArenaLog(path, players)
    with pytest.raises(InvalidLog):  # the lock is gone
        ArenaLog(path, players)


@pytest.mark.parametrize("content", ['{"a": 1}', "hello", '{"a": 1}\n{"players":["uct'])
def test_only_a_log_is_cut(tmp_path, players, content):
    """A file that somebody names by mistake keeps what it has, a last line without end too."""
    other = tmp_path / "other.json"
    other.write_text(content)
    with pytest.raises(InvalidLog, match=r"^line 1 of .*other\.json"):
        ArenaLog(other, players)
    assert other.read_text() == content


@pytest.mark.parametrize("damage", ["score", "move", "end"])
def test_games_that_the_rules_do_not_allow_are_named(path, players, damage):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    game = lines[1]["games"][0]
    if damage == "score":
        game["score"][0] += 1
    elif damage == "move":
        game["moves"][1] = game["moves"][0]
    else:
        for key in ("moves", "values", "top"):
            game[key].pop()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(InvalidLog, match=r"^line 2 of "):
        ArenaLog(path, players)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("score", "[Infinity, 1]"),
        ("score", "[null, 1]"),
        ("forfeit", '{"player": Infinity, "reason": ""}'),
        ("forfeit", "[1]"),
        ("moves", "[1, 2]"),
        ("moves", "null"),
        ("values", f"[1{'0' * 400}, 0]"),
        ("values", "[NaN, 0]"),
        ("values", "[1e300, 0]"),
        ("values", '["0.5", 0]'),
        ("top", '[[["d5", NaN]], []]'),
        ("top", "[[[5, 0.5]], []]"),
    ],
)
def test_odd_content_is_named(path, players, key, value):
    """Lists are as long as the games, so that their length is no reason to refuse them."""
    line = json.loads(path.read_text().splitlines()[0])
    content = json.loads(value)
    if isinstance(content, list) and key in ("moves", "values", "top"):
        content += [content[-1]] * (len(line["games"][0][key]) - len(content))
    line["games"][0][key] = content
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(InvalidLog, match=r"^line 1 of "):
        ArenaLog(path, players)


def test_games_of_others_are_skipped(path):
    others = field("uct:20", "uct:21")
    with ArenaLog(path, others) as log:
        assert log.find(pairs([(0, 1)], 1)[0]) is None


def test_a_log_belongs_to_one_arena(path, players):
    with ArenaLog(path, players), pytest.raises(InvalidLog, match="in use by another arena"):
        ArenaLog(path, players)


def test_what_keeps_no_games_is_no_log(tmp_path, players):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path(os.devnull), tmp_path / "pipe"):
        with pytest.raises(InvalidLog, match="keeps no games"):
            ArenaLog(path, players)


def test_a_path_that_cannot_be_written(tmp_path, players):
    with pytest.raises(OutputError, match="cannot write"):
        ArenaLog(tmp_path / "missing" / "log.jsonl", players)
