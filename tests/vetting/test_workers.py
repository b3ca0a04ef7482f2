"""Workers that do not play like the fleet are found soon; honest ones never are.

The games of tests/data/game_figures.npz are real, and so are the lies about them; see
benchmarks/vetting.py, which made them.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hexz.engine import Board
from hexz.example import Example
from hexz.schema.fleet import ConductOrder
from hexz.schema.status import FIGURES
from hexz.vetting.copies import GameMemory, start_of
from hexz.vetting.figures import LENGTH, GameLook
from hexz.vetting.outliers import MIN_OTHERS, Finding, Outliers
from hexz.vetting.quarantine import Quarantine
from hexz.vetting.workers import COPIES, UNNAMED, UnknownWorker, Vetting

from ..trainserver.games import played_game, random_game

DATA = Path(__file__).parents[1] / "data" / "game_figures.npz"
WORKERS = 20
PER_CHECKPOINT = 60


@pytest.fixture(scope="module")
def figures() -> dict[str, np.ndarray]:
    with np.load(DATA) as data:
        return {name: data[name].astype(np.float64) for name in data.files}


def fleet(
    figures: dict[str, np.ndarray], kinds: list[str], games: int, *, seed: int = 1
) -> Iterator[tuple[int, Finding]]:
    """Lets a fleet post games of a kind for each worker; yields who is found, and why."""
    outliers, rng = Outliers(len(FIGURES)), np.random.default_rng(seed)
    found: set[int] = set()
    for number in range(games * len(kinds)):
        worker = number % len(kinds)
        if worker in found:
            continue
        rows = figures[kinds[worker]]
        game = rows[rng.integers(len(rows))].copy()
        finding = outliers.add(f"w{worker}", number // PER_CHECKPOINT, game)
        if finding is not None:
            found.add(worker)
            outliers.forget(f"w{worker}")
            yield worker, finding


LIES = [
    f"{network}, {lie}"
    for network in ("shipped", "fresh")
    for lie in (
        "random policies",
        "uniform policies",
        "one random move",
        "random policies and priors",
        "swapped results",
        "swapped results and values",
    )
]


@pytest.mark.parametrize("lie", LIES)
def test_one_liar_among_twenty_is_found_within_200_games(figures, lie):
    honest = lie.partition(",")[0]
    first = next(fleet(figures, [lie, *[honest] * (WORKERS - 1)], 200), None)
    assert first is not None
    assert first[0] == 0


def test_nobody_is_accused_by_a_fleet_that_rids_itself_of_two_liars(figures):
    kinds = ["shipped, swapped results", "shipped, random policies", *["shipped"] * 18]
    assert {worker for worker, _ in fleet(figures, kinds, 150)} == {0, 1}


def honest_games(figures: dict[str, np.ndarray], total: int) -> list[Finding]:
    """A fleet whose network learns while it plays."""
    outliers, rng, found = Outliers(len(FIGURES)), np.random.default_rng(5), []
    for number in range(total):
        rows = figures["shipped" if rng.random() < 2 * number / total else "fresh"]
        finding = outliers.add(
            f"w{number % WORKERS}", number // PER_CHECKPOINT, rows[rng.integers(len(rows))]
        )
        found += [] if finding is None else [finding]
    return found


def test_honest_workers_are_not_accused_while_the_network_learns(figures):
    assert honest_games(figures, 10_000) == []


@pytest.mark.soak
def test_no_honest_worker_is_accused_in_10_000_games_of_each(figures):
    assert honest_games(figures, 10_000 * WORKERS) == []


def test_a_worker_that_begins_to_lie_after_many_games_is_found_as_soon(figures):
    outliers, rng = Outliers(len(FIGURES)), np.random.default_rng(2)
    for number in range(1000 * 6 + 200 * 6):
        lies = number >= 6000 and number % 6 == 0
        rows = figures["shipped, random policies" if lies else "shipped"]
        finding = outliers.add(f"w{number % 6}", 0, rows[rng.integers(len(rows))])
        if finding is not None:
            assert number % 6 == 0
            assert 0 < number - 6000 < 200 * 6
            return
    pytest.fail("it was not found")


def test_a_late_worker_is_compared_with_games_of_its_own_checkpoint(figures):
    """One of the checkpoints that the others have left behind half a fleet's memory ago."""
    outliers, rng = Outliers(len(FIGURES)), np.random.default_rng(3)
    for number in range(4000):
        rows = figures["fresh" if number < 2000 else "shipped"]
        assert not outliers.add(f"w{number % 8}", number // 200, rows[rng.integers(len(rows))])
    rows = figures["fresh"]
    for _ in range(300):
        assert not outliers.add("late", 5, rows[rng.integers(len(rows))])


def test_a_fast_liar_does_not_set_the_standard(figures):
    outliers, rng = Outliers(len(FIGURES)), np.random.default_rng(4)
    for number in range(4000):
        lies = number % 10 > 0  # nine of ten games are its own
        worker = "liar" if lies else f"w{number // 10 % 8}"
        rows = figures["shipped, swapped results" if lies else "shipped"]
        finding = outliers.add(worker, number // 500, rows[rng.integers(len(rows))])
        if finding is not None:
            assert worker == "liar"
            return
    pytest.fail("it was not found")


def test_a_small_fleet_accuses_nobody(figures):
    kinds = ["shipped, swapped results", *["shipped"] * (MIN_OTHERS - 1)]
    assert list(fleet(figures, kinds, 100)) == []


def test_figures_that_examples_do_not_have_are_left_out(figures):
    """A worker of 2023's kind has no network's values and no priors."""
    unknown = [list(FIGURES).index(name) for name in ("value_error", "surprise", "search_shift")]
    old = figures["shipped"].copy()
    old[:, unknown] = np.nan
    figures = {**figures, "old": old}
    assert list(fleet(figures, ["old", *["shipped"] * 9], 150)) == []


# --- Figures of real games -----------------------------------------------------------------------


def test_examples_one_by_one_tell_the_same_of_a_game_as_all_at_once():
    game = list(played_game(1))
    whole = GameLook.of(game)
    assert whole.moves == len(game) == whole.sums.examples
    shuffled = random.Random(1).sample(game, len(game))
    parts = [GameLook.of([example]) for example in shuffled]
    assert sum(part.moves is not None for part in parts) == 1
    sums = parts[0].sums
    for part in parts[1:]:
        sums.merge(part.sums)
    np.testing.assert_allclose(sums.figures().values, whole.sums.figures().values)
    assert sums.figures().checkpoint == whole.sums.figures().checkpoint == 7


def test_figures_are_what_they_say():
    game = [
        replace(example, network_value=0.5 * example.result, root_value=0.25 * example.result)
        for example in played_game(2)
    ]
    values = dict(zip(FIGURES, GameLook.of(game).sums.figures().values, strict=True))
    decided = np.mean([abs(example.result) for example in game])
    policies = [example.policy[example.policy > 0] for example in game]
    assert values["value_error"] == pytest.approx(0.25 * decided)
    assert values["search_shift"] == pytest.approx(0.25 * decided)
    assert values["entropy"] == pytest.approx(np.mean([-(p * np.log(p)).sum() for p in policies]))
    assert values["length"] == len(game)
    assert values["first_mover"] == game[0].result
    assert abs(values["lead"]) <= 1


# --- Copies --------------------------------------------------------------------------------------


def mirrored(text: str) -> str:
    rows, place = [], 0
    for row in range(11):
        cells = 10 - row % 2
        rows.append(text[place : place + cells][::-1])
        place += cells
    return "".join(rows)


def test_a_game_under_another_id_is_a_copy_in_each_symmetry(tmp_path):
    memory = GameMemory(tmp_path / "games")
    start = Board.random(5).to_text()
    assert not memory.is_copy(start, "a-1")
    assert not memory.is_copy(start, "a-1"), "a post that is repeated is no copy"
    assert memory.is_copy(start, "b-1")
    assert memory.is_copy(mirrored(start), "b-2")
    memory.close()
    assert GameMemory(tmp_path / "games").is_copy(start, "b-3"), "known after a restart"


def test_other_games_are_no_copies(tmp_path):
    memory = GameMemory(tmp_path / "games")
    assert not any(memory.is_copy(Board.random(n).to_text(), f"a-{n}") for n in range(3000))
    memory.close()


def test_a_memory_that_cannot_be_written_remembers_nevertheless(tmp_path, caplog):
    memory = GameMemory(tmp_path / "nowhere" / "games")
    assert "not remembered after a restart" in caplog.text
    start = Board.random(5).to_text()
    assert not memory.is_copy(start, "a-1")
    assert memory.is_copy(start, "b-1")


def test_the_start_is_read_from_the_first_position_of_old_writers_too():
    first = played_game(1)[0]
    assert start_of(replace(first, initial_board=None)) == start_of(first) == first.initial_board
    assert start_of(replace(played_game(1)[4], initial_board=None)) is None


# --- The fleet of a server -----------------------------------------------------------------------


@pytest.fixture
def vetting(tmp_path) -> Iterator[Vetting]:
    vetting = Vetting(tmp_path)
    yield vetting
    vetting.close()


def game_of(worker: str, number: int, game: tuple[Example, ...]) -> list[Example]:
    return [replace(example, game_id=f"{worker}-{number}") for example in game]


def test_copies_lead_to_quarantine(vetting, tmp_path):
    games = [random_game(seed) for seed in range(COPIES)]
    for worker in ("honest", "thief"):
        vetting.take_heartbeat(worker, 128)
        for number, game in enumerate(games):
            assert vetting.quarantine.verdict(worker) is None
            look = GameLook.of(game_of(worker, number, game))
            assert vetting.poster(None, look.game_id) == worker
            vetting.note(worker, look)
    assert vetting.quarantine.is_quarantined("thief")
    assert "were there before" in vetting.take_heartbeat("thief", 128)
    assert vetting.take_heartbeat("honest", 128) is None
    (honest, thief) = vetting.conduct()
    assert (honest.worker, honest.state, honest.copies) == ("honest", "new", 0)
    assert (thief.worker, thief.state, thief.copies) == ("thief", "quarantined", COPIES)


def test_a_released_worker_is_left_in_peace(vetting):
    vetting.take_heartbeat("thief", 128)
    for round_ in range(3):
        for number in range(COPIES + 1):
            look = GameLook.of(game_of("thief", 10 * round_ + number, random_game(1)))
            vetting.note("thief", look)
        assert vetting.quarantine.is_quarantined("thief") == (round_ == 0)
        vetting.order("thief", ConductOrder(quarantined=False, reason="a friend"))
    assert vetting.conduct()[0].state == "released"
    with pytest.raises(UnknownWorker, match="nobody"):
        vetting.order("nobody", ConductOrder(quarantined=True, reason="x"))


def test_who_posts_is_known_by_the_token_or_by_a_name_that_was_heard_of(vetting):
    vetting.take_heartbeat("host-1a", 128)
    assert vetting.poster(None, "host-1a-17") == "host-1a"
    assert vetting.poster(None, "somebody-17") == UNNAMED
    assert vetting.poster("alice", "host-1a-17") == "alice"


def test_examples_one_by_one_make_a_game(vetting):
    for example in game_of("w", 1, played_game(1)):
        vetting.note("w", GameLook.of([example]))
    assert vetting.conduct()[0].games == 1


def test_lengths_are_left_out_while_the_first_games_end(vetting, figures, monkeypatch):
    """Of games that begin together the short ones end first."""
    seen = []
    monkeypatch.setattr(
        vetting._outliers, "add", lambda worker, number, values: seen.append(values[LENGTH])
    )
    vetting.take_heartbeat("w", 2)
    for number in range(7):
        vetting.note("w", GameLook.of(game_of("w", number, random_game(number))))
    assert [bool(np.isnan(length)) for length in seen] == [True] * 6 + [False]


def test_no_claim_keeps_the_lengths_of_a_worker_from_being_looked_at(vetting, monkeypatch):
    seen = []
    monkeypatch.setattr(
        vetting._outliers, "add", lambda worker, number, values: seen.append(values[LENGTH])
    )
    vetting.take_heartbeat("w", (2**63 - 1) * 128)
    vetting._workers["w"].games = 100_000
    vetting.note("w", GameLook.of(game_of("w", 1, random_game(1))))
    assert [bool(np.isnan(length)) for length in seen] == [False]


def test_somebody_may_post_while_it_is_looked_who_was_released(tmp_path, monkeypatch):
    quarantine = Quarantine(tmp_path)
    quarantine.set_aside("w", "/training/examples", b"one", 1)

    def post_and_answer(worker: str) -> bool:
        quarantine.set_aside(f"not {worker}", "/training/examples", b"two", 1)
        return False

    monkeypatch.setattr(quarantine, "is_quarantined", post_and_answer)
    found = quarantine.released()
    assert found is not None
    assert found.worker == "w"
    quarantine.close()


def test_what_is_set_aside_survives_and_comes_back_once_its_worker_is_released(tmp_path):
    quarantine = Quarantine(tmp_path)
    quarantine.decide("w", quarantined=True, reason="a reason")
    for body in (b"one", b"two", b"one"):
        quarantine.set_aside("w", "/training/examples", body, 1)
    quarantine.close()
    quarantine = Quarantine(tmp_path)
    assert quarantine.examples == {"w": 2}
    assert quarantine.verdict("w").reason == "a reason"
    assert quarantine.released() is None
    quarantine.decide("w", quarantined=False, reason="by hand")
    bodies = []
    while (found := quarantine.released()) is not None:
        bodies.append(found.body)
        quarantine.remove(found.number)
    assert bodies == [b"one", b"two"]
    assert quarantine.examples == {}
    quarantine.close()
