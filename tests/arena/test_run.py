"""Runs of an arena with real processes."""

import os
import re
import signal
import weakref

import pytest

from hexz.arena import pool
from hexz.arena.games import Played
from hexz.arena.page import MAX_BOARDS, arena_page
from hexz.arena.pool import ArenaFailed, Progress, separate_cores
from hexz.arena.preparation import NoBudget
from hexz.arena.report import report
from hexz.arena.run import ArenaConfig, ArenaRun, InvalidArena, random_boards, read_boards
from hexz.player.spec import parse_spec
from hexz.processes import Child
from hexz.ratings.statistics import Sprt
from hexzctl.arena_view import ArenaView


def config(log, *specs: str, boards: int = 6, num_processes: int = 1, **more) -> ArenaConfig:
    return ArenaConfig(
        specs=[parse_spec(spec, allow_programs=True) for spec in specs],
        boards=random_boards(boards, 1),
        log=log,
        num_processes=num_processes,
        **more,
    )


def run_of(*args, notify=print, **more) -> ArenaRun:
    return ArenaRun(config(*args, **more), notify)


def test_a_run_can_be_ended_and_goes_on(tmp_path):
    log = tmp_path / "log.jsonl"
    first = run_of(log, "uct:50", "random", "gumbel@2", round_boards=2)
    for event in first.events():
        if isinstance(event, Played):
            first.stop()
    assert 0 < first.results.boards < first.total == 18
    second = run_of(log, "uct:50", "random", "gumbel@2")
    events = list(second.events())
    assert any(isinstance(event, Progress) and event.moves for event in events)
    assert second.resumed == first.results.boards
    assert second.results.boards == 18
    whole = run_of(tmp_path / "other.jsonl", "uct:50", "random", "gumbel@2")
    list(whole.events())
    assert report(whole) == report(second)
    third = run_of(log, "uct:50", "random", "gumbel@2")
    assert list(third.events()) == []
    assert report(third) == report(second)
    assert report(third)["complete"]
    page = arena_page(third.results, third.games(MAX_BOARDS))
    assert page.count('"name":"Board ') == 36
    assert page.count("data-game=") >= 6


def test_uct_1600_beats_uct_400(tmp_path):
    run = run_of(tmp_path / "log.jsonl", "uct:1600", "uct:400", boards=25, num_processes=2)
    list(run.events())
    assert run.results.of((0, 1)).score.low > 0.5
    ratings = run.results.ratings()
    assert run.results.anchor == "uct:1600"
    assert ratings["uct:400"].high < 0


def test_the_anchor_is_uct_800_if_it_plays(tmp_path):
    assert run_of(tmp_path / "log", "random", "uct:800").results.anchor == "uct:800"


def test_a_test_that_is_decided_ends_the_games_of_the_pair(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    sprt = Sprt(elo0=0, elo1=50)
    run = run_of(log, "uct:200", "random", boards=1000, sprt=sprt)
    list(run.events())
    assert run.decisions == {(0, 1): 50}
    assert run.results.boards < 500
    again = run_of(log, "uct:200", "random", boards=1000, sprt=sprt)
    assert list(again.events()) == []
    assert again.decisions == {(0, 1): 50}
    ArenaView().print_results(again, as_json=False)
    assert re.search(r"LLR ±2\.94[ ─\n]*\n.* \+50 Elo *\n", capsys.readouterr().out)


def test_the_state_of_an_open_test_is_told(tmp_path, capsys):
    sprt = Sprt(elo0=-1000, elo1=1000, alpha=1e-9)
    run = run_of(tmp_path / "log.jsonl", "uct:20", "uct:30", boards=4, sprt=sprt)
    list(run.events())
    (pair,) = report(run)["pairs"]
    ratio = float(sprt.ratios(run.results.in_order((0, 1)))[-1])
    assert pair["accepted_elo"] is None
    assert pair["llr"] == {"value": ratio, "low": -sprt.bound, "high": sprt.bound}
    ArenaView().print_results(run, as_json=False)
    assert re.search(
        rf"LLR ±20\.72[ ─\n]*\n.* {re.escape(f'{ratio:+.2f}')} *\n", capsys.readouterr().out
    )


def test_games_are_kept_in_the_log_and_not_in_memory(tmp_path):
    run = run_of(tmp_path / "log.jsonl", "uct:20", "random", "uct:10", boards=3)
    played = [weakref.ref(event) for event in run.events() if isinstance(event, Played)]
    assert len(played) == 9
    assert not any(one() for one in played)
    places = [(one.pair.pairing, one.pair.number) for one in run.games(4)]
    assert places == [((0, 1), 0), ((0, 1), 1), ((0, 2), 0), ((1, 2), 0)]
    assert len(run.games(100)) == 9


def test_a_limit_of_time_leaves_the_first_board(tmp_path):
    log = tmp_path / "log.jsonl"
    told: list[str] = []
    run = run_of(log, "uct:100", "random", boards=500, max_seconds=0.01, notify=told.append)
    assert any(isinstance(event, Played) for event in run.events())
    assert 1 <= run.results.boards < 500
    assert [text for text in told if "waiting for one" in text] == told
    again = run_of(log, "uct:100", "random", boards=500, max_seconds=0.01)
    list(again.events())  # there is something already
    assert again.results.boards < 500


@pytest.mark.skipif(len(separate_cores()) < 2, reason="needs two cores")
def test_timed_players_have_a_core_each(tmp_path):
    """The time for a move is kept, and games with others go before."""
    run = run_of(tmp_path / "log.jsonl", "uct:0.01s", "uct:20", "random", boards=2, num_processes=2)
    order = [event.pair.pairing for event in run.events() if isinstance(event, Played)]
    assert order[:2] == [(1, 2), (1, 2)]
    assert run.results.boards == 6


def test_a_process_that_dies_ends_the_run(tmp_path, monkeypatch):
    started = []

    class Noted(Child):
        def __init__(self, *args):
            super().__init__(*args)
            started.append(self)

    monkeypatch.setattr(pool, "Child", Noted)
    run = run_of(tmp_path / "log.jsonl", "uct:100000", "random", num_processes=2)
    events = run.events()
    next(events)
    os.kill(started[0].process.pid, signal.SIGKILL)
    with pytest.raises(ArenaFailed, match="killed by SIGKILL"):
        list(events)
    assert all(child.process.poll() is not None for child in started)


@pytest.mark.parametrize(
    ("specs", "problem"),
    [
        (["uct:800"], "at least two players"),
        (["uct:800", "random", "uct:800"], "uct:800 is there twice"),
        (["amateur", "random", "glance@24"], "glance@24 is there twice"),
    ],
)
def test_players_that_make_no_arena(tmp_path, specs, problem):
    with pytest.raises(InvalidArena, match=problem):
        run_of(tmp_path / "log.jsonl", *specs)


@pytest.mark.parametrize(("spec", "example"), [("uct", "uct:800"), ("model", "model@800")])
def test_players_need_a_budget(tmp_path, spec, example):
    run = run_of(tmp_path / "log.jsonl", spec, "random")
    with pytest.raises(NoBudget, match=f"^{spec} needs .* as in {example}$"):
        list(run.events())


def test_boards_of_a_file(tmp_path):
    path = tmp_path / "boards.txt"
    boards = random_boards(3, 7)
    path.write_text("\n".join([*boards, "", boards[0]]))
    assert read_boards(path) == boards
    path.write_text(f"{boards[0]}\nx")
    with pytest.raises(InvalidArena, match=r"line 2 of .* is no board"):
        read_boards(path)
    path.write_text("\n")
    with pytest.raises(InvalidArena, match="no board in"):
        read_boards(path)
    with pytest.raises(InvalidArena, match="cannot read"):
        read_boards(tmp_path / "missing")


def test_more_boards_of_a_seed_begin_with_fewer():
    assert random_boards(5, 3)[:2] == random_boards(2, 3)
