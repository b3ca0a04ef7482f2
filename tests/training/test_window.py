"""The replay window: what it keeps of an example, which examples it has, and how it draws them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from hexz.schema.training import TrainingConfig
from hexz.selfplay.examples import examples_of
from hexz.training.rows import ROW, Rows, game_number, game_rows, is_held_out, to_rows
from hexz.training.window import HELD_OUT_CAPACITY, ReplayWindow
from hexz.wire.game import encode_compact, read_compact
from tests.games import finished_games
from tests.search.helpers import random_game
from tests.wire.sample import make_example, old_example

ONE = make_example(seed=5)


def numbered(numbers: range, **changes: Any) -> Rows:
    """Examples that can be told apart by their score margin. The window does not check them."""
    return to_rows([replace(ONE, score_margin=number, **changes) for number in numbers])


def numbers_in(rows: Tensor) -> list[int]:
    margins: list[int] = rows.numpy().view(ROW)["margin"].ravel().tolist()
    return margins


def window(**settings: Any) -> ReplayWindow:
    return ReplayWindow(TrainingConfig(**{"held_out": 0, **settings}))


def drawn(replay: ReplayWindow, newest: int, count: int, seed: int = 0) -> list[int]:
    numbers = replay.sample(newest, count, np.random.default_rng(seed))
    return numbers_in(replay.rows(replay.places(numbers)))


def test_an_example_takes_less_than_2300_bytes():
    assert ROW.itemsize < 2300
    assert to_rows([ONE] * 10).nbytes == 10 * ROW.itemsize


def test_a_row_has_all_that_is_trained_on():
    (row,) = to_rows([ONE])
    np.testing.assert_array_equal(row["planes"].reshape(11, 11, 10), ONE.planes)
    np.testing.assert_allclose(row["policy"], ONE.policy, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(np.unpackbits(row["legal"], count=220), ONE.legal_mask)
    np.testing.assert_array_equal(row["owner"].reshape(11, 10), ONE.final_owner)
    assert (row["result"], row["margin"]) == (ONE.result, ONE.score_margin)
    assert row["root_value"] == ONE.root_value
    np.testing.assert_allclose(row["reply"], ONE.reply, rtol=1e-3, atol=1e-6)
    assert all(row[name] for name in ROW.names if name.startswith("has_"))


def test_a_compact_game_gives_the_rows_of_its_examples():
    for number, played in enumerate(finished_games(8)):
        full = np.arange(len(played.actions)) % 4 == number % 4  # the last move too, now and then
        game = replace(played, full_searches=full)
        name = f"run-{number}"
        data = encode_compact(game, game_id=name, model_name="flagz", unix_micros=1)
        examples = examples_of(game, game_name=name, model_name="flagz", unix_micros=1)
        expected = to_rows([example for example in examples if example.full_search])
        np.testing.assert_array_equal(game_rows(read_compact(data)), expected)


@pytest.mark.parametrize(
    ("missing", "mark"),
    [
        ({"final_owner": None, "final_value": None}, "has_owner"),
        ({"root_value": None}, "has_root_value"),
        ({"score_margin": None}, "has_margin"),
        ({"reply": None}, "has_reply"),
    ],
)
def test_what_an_example_lacks_is_marked(missing, mark):
    (row,) = to_rows([replace(ONE, **missing)])
    marks = {name: bool(row[name]) for name in ROW.names if name.startswith("has_")}
    assert marks == {name: name != mark for name in marks}


def test_legal_actions_are_worked_out_where_an_example_lacks_them():
    games = [board for seed in range(20) for board in random_game(seed) if not board.is_over]
    doubtful = 0
    for board in games:
        legal, planes = board.legal_mask(), board.planes()
        between = np.flatnonzero(legal[:110] & planes[[2, 7]].all(0).reshape(-1))
        policy = np.zeros(220, np.float32)
        policy[between[:1] if len(between) else np.flatnonzero(legal)[:1]] = 1
        example = old_example(planes=planes, policy=policy)
        found = np.unpackbits(to_rows([example])["legal"][0], count=220).view(np.bool_)
        # An empty cell next to 5s of both players cannot be told from a rock.
        expected = legal.copy()
        expected[between[1:]] = False
        np.testing.assert_array_equal(found, expected)
        doubtful += len(between)
    assert doubtful > 0


def test_new_examples_are_drawn_once_and_the_rest_evenly():
    replay = window()
    replay.add(numbered(range(100)))
    assert replay.add(numbered(range(100, 120))) == 20
    draws = np.bincount(drawn(replay, newest=20, count=20 + 12_000))
    assert replay.size() == 120
    assert len(draws) == 120
    draws[100:] -= 1
    assert abs(draws - 100).max() < 50
    assert sorted(drawn(replay, newest=20, count=20)) == list(range(100, 120))


def test_draws_are_in_random_order_and_depend_on_the_generator_alone():
    replay = window()
    replay.add(numbered(range(100)))
    assert drawn(replay, 100, 100) == drawn(replay, 100, 100)
    assert drawn(replay, 100, 100) != drawn(replay, 100, 100, seed=1)
    assert drawn(replay, 100, 100) != sorted(drawn(replay, 100, 100))


def test_the_window_spans_the_newest_examples():
    replay = window(window_min=50, window_growth=0.5, window_max=80)
    for start, span in ((0, 30), (30, 55), (60, 70), (90, 80), (120, 80)):
        replay.add(numbered(range(start, start + 30)))
        assert replay.size() == span
        assert set(drawn(replay, 0, 3000)) == set(range(start + 30 - span, start + 30))
    assert replay.total == 150


def test_new_examples_are_drawn_even_if_they_are_more_than_the_window():
    replay = window(window_min=10, window_growth=0, window_max=50)
    replay.add(numbered(range(40)))
    assert set(drawn(replay, 0, 1000)) == set(range(30, 40))
    assert sorted(drawn(replay, newest=40, count=40)) == list(range(40))
    replay.add(numbered(range(100, 300)))  # more than there is memory for
    assert set(drawn(replay, newest=200, count=1000)) == set(range(250, 300))


def test_held_out_games_are_never_drawn():
    games = [f"run-{number}" for number in range(400)]
    held = {game for game in games if is_held_out(game_number(game), 1 / 8)}
    assert 30 < len(held) < 70
    replay = window(held_out=1 / 8)
    examples = [
        replace(ONE, game_id=game, score_margin=number)
        for number, game in enumerate(games)
        for _ in range(3)
    ]
    assert replay.add(to_rows(examples)) == replay.total == 3 * (400 - len(held))
    assert replay.held_out_total == 3 * len(held)
    found = [games[number] for number in numbers_in(replay.held_out())]
    assert found == [game for game in games if game in held for _ in range(3)]
    assert not {games[number] for number in drawn(replay, replay.total, 5000)} & held


@pytest.mark.parametrize("capacity", [HELD_OUT_CAPACITY, 3000])
def test_the_newest_held_out_examples_are_kept(capacity):
    game = next(name for name in map(str, range(100)) if is_held_out(game_number(name), 0.1))
    replay = window(held_out=0.1, window_min=1, window_max=15_000)
    if capacity > HELD_OUT_CAPACITY:
        replay.keep_all_held_out()
    for start in (0, 2000):
        assert replay.add(numbered(range(start, start + 2000), game_id=game)) == 0
    first = 4000 - capacity
    assert numbers_in(replay.held_out()) == list(range(first, 4000))


@pytest.mark.parametrize("limit", [40, 10_000])
def test_a_refilled_window_goes_on_as_the_one_before(limit):
    config = TrainingConfig(window_min=30, window_growth=0.5, window_max=limit, held_out=0.3)
    batches = [
        to_rows(
            [
                replace(ONE, game_id=str(number), score_margin=number)
                for number in range(start, start + 17)
            ]
        )
        for start in range(0, 170, 17)
    ]
    before, after = ReplayWindow(config), ReplayWindow(config)
    for batch in batches[:6]:
        before.add(batch)
    after.refill(before.total, before.held_out_total, reversed(batches[:6]))
    assert drawn(before, 5, 500) == drawn(after, 5, 500)
    for batch in batches[6:]:
        assert before.add(batch) == after.add(batch)
        assert drawn(before, 5, 500) == drawn(after, 5, 500)
        assert (before.size(), before.total) == (after.size(), after.total)
        np.testing.assert_array_equal(before.held_out(), after.held_out())


def test_no_more_is_read_than_a_window_needs():
    config = TrainingConfig(window_min=10, window_growth=0, window_max=10, held_out=0)
    history = iter([numbered(range(8)), numbered(range(8)), numbered(range(8))])
    ReplayWindow(config).refill(24, 0, history)
    assert len(list(history)) == 1
    history = iter([numbered(range(8))])
    ReplayWindow(config).refill(0, 0, history)
    assert len(list(history)) == 1


def test_a_history_that_is_gone_leaves_a_smaller_window():
    replay = window()
    replay.refill(100, 0, [numbered(range(90, 100)), numbered(range(80, 90))])
    assert replay.size() == 20
    assert set(drawn(replay, 0, 1000)) == set(range(80, 100))
