"""Trees that are kept for the next move of their game."""

import itertools
import random

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings
from hexz.player.trees import TreeCache, moves_between

from .positions import EvenEvaluator, game


def tree_of(board: Board, simulations: int = 60) -> Search:
    """A tree that has searched so much."""
    tree = Search(board, SearchSettings(explore=False), max_in_flight=8)
    evaluator = EvenEvaluator()
    planes = np.zeros((8, 11, 11, 10), np.float32)
    while tree.simulations < simulations and not tree.complete:
        count = tree.collect(planes[: simulations - tree.simulations])
        if count:
            tree.expand(*evaluator.evaluate(planes[:count]))
    return tree


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_the_line_between_two_positions_of_a_game_leads_from_one_to_the_other(seed, moves):
    boards = game(seed)
    for earlier, later in zip(boards[:-1], boards[moves:-1], strict=False):
        line = moves_between(earlier, later)
        assert line is not None
        assert len(line) == moves
        board = earlier.copy()
        for move in line:
            board.play(move)
        assert board == later


def test_there_is_no_line_back_nor_far_ahead_nor_to_another_game():
    boards, others = game(1), game(2)
    assert moves_between(boards[5], boards[4]) is None
    assert moves_between(boards[5], boards[9]) is None
    assert moves_between(boards[5], others[6]) is None


def test_no_line_is_made_up_for_another_position_with_as_many_moves():
    """One move of the other side was another one."""
    boards = game(3)
    rng = random.Random(3)
    for before, board in itertools.pairwise(boards[8:31]):
        other = before.copy()
        other.play(rng.choice([m for m in before.legal_moves() if _after(before, m) != board]))
        if other.is_over or other.legal_moves() == []:
            continue
        later = _after(other, rng.choice(other.legal_moves()))
        line = moves_between(board, later)
        assert line is None or _play(board, line) == later


def test_a_tree_is_found_for_the_next_positions_of_its_game_and_knows_what_it_found():
    boards = game(4)
    trees = TreeCache()
    for i in (6, 20):
        trees.put(tree_of(boards[i]))
    tree = trees.take(boards[20])
    assert tree is not None
    assert tree.simulations == 60
    best = tree.suggestion().move
    visits = tree.suggestion().visits[best.index]
    trees.put(tree)
    kept = trees.take(_after(boards[20], best))
    assert kept is tree
    assert kept.suggestion().visits.sum() == visits - 1
    assert trees.take(boards[20]) is None, "a tree is given to one search only"
    assert len(trees) == 1


def test_the_oldest_trees_are_forgotten_for_new_ones():
    boards = [Board.random(seed) for seed in range(4)]
    trees = TreeCache(max_trees=3)
    for board in boards:
        trees.put(tree_of(board, 5))
    assert len(trees) == 3
    assert trees.take(boards[0]) is None
    assert trees.take(boards[1]) is not None
    assert trees.num_nodes == 12  # a leaf that was visited is a node


def test_memory_is_bounded():
    trees = TreeCache(max_nodes=100)
    for seed in range(10):
        trees.put(tree_of(Board.random(seed), 40))
        assert trees.num_nodes <= 100
    trees.put(tree_of(Board.random(0), 150))
    assert (len(trees), trees.num_nodes) == (0, 0)


def _after(board, move):
    return _play(board, [move])


def _play(board, moves):
    board = board.copy()
    for move in moves:
        board.play(move)
    return board
