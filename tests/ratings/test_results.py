"""Results of pairings, counted by hand."""

import pytest

from hexz.ratings.results import Results


def test_a_pair_by_hand():
    results = Results(["a", "b"], [(0, 1)])
    assert results.of((0, 1)) is None
    for number, margins in enumerate([(7, -3), (0, 4), (5, 1), (-2, -6)]):
        results.add((0, 1), number, margins)
    found = results.of((0, 1))
    assert found is not None
    assert (found.boards, found.wins, found.draws, found.losses) == (4, 4, 1, 3)
    assert found.margin == pytest.approx(6 / 8)
    assert found.score.value == pytest.approx(4.5 / 8)
    assert found.by_seat == (2.5 / 4, 2 / 4)
    assert results.boards == 4


def test_the_first_boards_are_shared_by_all_pairs():
    results = Results(["a", "b", "c"], [(0, 1), (0, 2), (1, 2)])
    for pairing, board in (((0, 1), 7), ((0, 1), 2), ((0, 1), 3), ((1, 2), 0), ((1, 2), 1)):
        results.add(pairing, board, (1, 1))
    assert results.first_boards(3) == [((0, 1), 2), ((0, 1), 3), ((1, 2), 0)]
    assert len(results.first_boards(100)) == results.boards == 5


def test_a_sequential_test_sees_the_boards_in_their_order():
    results = Results(["a", "b"], [(0, 1)])
    results.add((0, 1), 1, (5, 5))
    results.add((0, 1), 3, (5, 5))
    assert results.in_order((0, 1)) == []
    results.add((0, 1), 0, (5, -5))
    assert results.in_order((0, 1)) == [0.5, 1.0]
    results.add((0, 1), 2, (-5, -5))
    assert results.in_order((0, 1)) == [0.5, 1.0, 0.0, 1.0]
