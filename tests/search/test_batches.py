"""Leaves of many trees in one batch: the same searches as one by one."""

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings, collect_leaves, expand_leaves
from hexz.errors import InvalidEvaluation

from .helpers import HashEvaluator, board_at, endgames, search

EVALUATE = HashEvaluator()
BOARDS = [Board.random(1), board_at(2, 30), *endgames(3, max_empty=8)]


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_batches_change_nothing(algorithm):
    evaluate = HashEvaluator()
    settings = SearchSettings(algorithm=algorithm, explore=False, simulations=60)
    searches = [Search(board, settings) for board in BOARDS]
    planes = np.zeros((len(searches), 11, 11, 10), np.float32)
    asked = searches
    while asked := collect_leaves(asked, planes):
        expand_leaves(asked, *evaluate(planes[: len(asked)]))
    for board, one in zip(BOARDS, searches, strict=True):
        alone = search(board, evaluate, algorithm=algorithm, explore=False, simulations=60)
        assert np.array_equal(one.suggestion().visits, alone.suggestion().visits)
        assert np.array_equal(one.suggestion().q, alone.suggestion().q)


def test_while_a_leaf_waits_no_other_is_collected():
    searches = [Search(board, SearchSettings()) for board in BOARDS]
    planes = np.zeros((len(searches), 11, 11, 10), np.float32)
    assert collect_leaves(searches[:1], planes) == searches[:1]
    with pytest.raises(ValueError, match="wait"):
        collect_leaves(searches, planes)
    assert [search.num_waiting for search in searches] == [1] + [0] * (len(searches) - 1)
    expand_leaves(searches[:1], *HashEvaluator()(planes[:1]))
    assert collect_leaves(searches, planes) == searches


def test_what_is_wrong_changes_nothing():
    searches = [Search(board, SearchSettings()) for board in BOARDS]
    planes = np.zeros((len(searches), 11, 11, 10), np.float32)
    with pytest.raises(ValueError, match="expected planes"):
        collect_leaves(searches, planes[:-1])
    with pytest.raises(ValueError, match="waits"):
        expand_leaves(searches, *HashEvaluator()(planes))
    assert collect_leaves(searches, planes) == searches
    logits, values = HashEvaluator()(planes)
    with pytest.raises(ValueError, match=f"evaluations of {len(BOARDS)}"):
        expand_leaves(searches, logits[:-1], values)
    with pytest.raises(InvalidEvaluation):
        expand_leaves(searches, logits, np.append(values[:-1], np.float32(np.nan)))
    expand_leaves(searches, logits, values)


@pytest.mark.parametrize("use", [collect_leaves, lambda s, p: expand_leaves(s, *EVALUATE(p))])
def test_what_is_no_search_or_the_same_one_twice_is_refused(use):
    planes = np.zeros((2, 11, 11, 10), np.float32)
    one, other = (Search(Board.random(1), SearchSettings()) for _ in range(2))
    with pytest.raises(TypeError, match="not of NoneType"):
        use([one, None], planes)
    with pytest.raises(ValueError, match="twice"):
        use([one, one], planes)
    assert collect_leaves([one, other], planes) == [one, other]
    with pytest.raises(ValueError, match="twice"):
        use([one, one], planes)
    expand_leaves([one, other], *EVALUATE(planes))
