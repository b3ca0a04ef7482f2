"""Programs of others in an arena: good ones play, bad ones lose."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from hexz.arena.games import MAX_FORFEITS, Played
from hexz.arena.log import ArenaLog, InvalidLog
from hexz.arena.page import arena_page
from hexz.arena.pool import ArenaFailed
from hexz.arena.preparation import NoBudget
from hexz.arena.run import ArenaRun
from hexz.player import program
from hexz.player.program import EngineFailed
from hexz.ratings.results import Results
from hexz.record import Forfeit

from ..render.test_page import page_data
from .helpers import field, pairs, play
from .test_run import run_of

BAD = Path(__file__).parents[1] / "player" / "bad_engine.py"
GREEDY = Path(__file__).parents[2] / "docs" / "engine.py"


def spec_of(*words: object) -> str:
    return f"cmd:{shlex.join(map(str, (sys.executable, *words)))}@30s"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs may be started as often as they fail."""
    monkeypatch.setattr(program, "LONGEST_WAIT", 0.0)


def test_a_program_plays_as_others_do() -> None:
    players = field(spec_of(GREEDY), "random")
    (played,) = play(players, pairs([(0, 1)], 1), at_once=1)
    assert played.forfeits == (None, None)
    assert all(played.scores)


@pytest.mark.parametrize(
    ("how", "reason"),
    [("crash", "ended with exit code 3"), ("illegal", "plays no legal move: there is no cell j2")],
)
def test_one_that_fails_loses_that_game_and_goes_on(how: str, reason: str, tmp_path: Path) -> None:
    """It fails in one game; in the other it runs out of flags, which is no legal move either."""
    players = field(spec_of(BAD, how, tmp_path / "was here"), "random")
    (played,) = play(players, pairs([(0, 1)], 1), at_once=1)
    first, second = played.forfeits
    assert first is not None
    assert second is not None
    assert (first.player, second.player) == (1, 2)
    assert reason in first.reason
    assert played.margins == (-1, -1)
    assert [len(moves) for moves in played.games] == [0, 7]
    log = tmp_path / "log.jsonl"
    with ArenaLog(log, players) as written:
        written.append(played)
    with ArenaLog(log, players) as read:
        found = read.find(played.pair)
    assert found is not None
    assert found.forfeits == played.forfeits
    assert found.margins == played.margins
    results = Results([entrant.name for entrant in players.entrants], [(0, 1)])
    results.add((0, 1), 0, played.margins)
    first_game, second_game = page_data(arena_page(results, [played]))["games"]
    assert reason in first_game["forfeit"]
    assert (first_game["winner"], second_game["winner"]) == (2, 1)
    assert first_game["name"].endswith("; " + results.names[0] + " failed")


def test_a_log_whose_forfeits_are_wrong_is_refused(tmp_path: Path) -> None:
    players = field("uct:20", "random")
    (played,) = play(players, pairs([(0, 1)], 1), at_once=1)
    path = tmp_path / "log.jsonl"
    with ArenaLog(path, players) as log:
        log.append(played)
    content = json.loads(path.read_text())
    for forfeit in ({"player": 1, "reason": "x"}, {"player": 3, "reason": "x"}, 5):
        content["games"][0]["forfeit"] = forfeit  # of a game that was played to its end
        path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
        with pytest.raises(InvalidLog, match="line 1 of"):
            ArenaLog(path, players)


def test_a_forfeit_counts_for_the_other_seat() -> None:
    (pair,) = pairs([(0, 1)], 1)
    lost = Forfeit(1, "crashed")
    scores = ((9, 0), (0, 9))
    assert Played(pair, ([], []), scores).margins == (9, 9)
    assert Played(pair, ([], []), scores, (lost, None)).margins == (-1, 9)
    assert Played(pair, ([], []), scores, (None, lost)).margins == (9, 1)


def test_one_that_fails_in_every_game_ends_the_arena(tmp_path: Path) -> None:
    run = run_of(tmp_path / "log.jsonl", spec_of(BAD, "crash"), "random", boards=6)
    reason = f"has failed in {MAX_FORFEITS} games one after another: bad 1.0 ended with exit code 3"
    with pytest.raises(ArenaFailed, match=reason):
        list(run.events())
    assert isinstance(run, ArenaRun)
    assert run.results.boards == 1  # two of the games, which are kept


def test_one_that_does_not_start_is_told_before_any_game(tmp_path: Path) -> None:
    run = run_of(tmp_path / "log.jsonl", spec_of(BAD, "start"), "random")
    with pytest.raises(EngineFailed, match=r"ended with exit code 3 \(a bug on line 7\)"):
        list(run.events())
    with pytest.raises(NoBudget, match="needs a number of simulations or seconds"):
        list(run_of(tmp_path / "log.jsonl", "cmd:true", "random").events())
