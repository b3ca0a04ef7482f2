"""The expansion of the board planes, against the boards themselves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hexz.model.features import GLOBAL, SPATIAL
from hexz.model.network import GlobalFeatures, SpatialFeatures
from tests.model.conftest import Positions


def spatial(positions: Positions, name: str) -> NDArray[np.bool_]:
    """One feature of all positions, bool [N, 110]."""
    features = SpatialFeatures()(torch.from_numpy(positions.planes)).numpy()
    [index] = [i for i, feature in enumerate(SPATIAL) if feature.name == name]
    return np.asarray(features[:, index].reshape(-1, 110) == 1)


def scalars(positions: Positions) -> dict[str, NDArray[np.float32]]:
    features = GlobalFeatures()(torch.from_numpy(positions.planes)).numpy()
    return dict(zip((f.name for f in GLOBAL), features.T, strict=True))


def test_spatial_features_are_exactly_zero_or_one(new_positions: Positions) -> None:
    features = SpatialFeatures()(torch.from_numpy(new_positions.planes))
    assert features.shape == (len(new_positions.planes), len(SPATIAL), 11, 10)
    assert set(features.unique().tolist()) == {0.0, 1.0}


def test_every_feature_occurs_and_none_is_constant(known_positions: Positions) -> None:
    spatial = SpatialFeatures()(torch.from_numpy(known_positions.planes))
    assert (spatial.std((0, 2, 3)) > 0).all()
    assert (GlobalFeatures()(torch.from_numpy(known_positions.planes)).std(0) > 0).all()


def test_a_next_value_of_at_least_one_marks_the_legal_normal_moves(
    new_positions: Positions,
) -> None:
    legal = new_positions.legal[:, 110:]
    assert (spatial(new_positions, "own next value >= 1") == legal).all()


def test_surely_empty_cells_are_legal_flag_moves(new_positions: Positions) -> None:
    legal = new_positions.legal[:, :110]
    empty = spatial(new_positions, "empty, and next to at most one player's 5")
    has_flags = scalars(new_positions)["own flags left >= 1"] == 1
    assert has_flags.any()
    assert not (empty & ~legal)[has_flags].any()
    # What it misses is next to a 5 of both players, and so among the other feature's cells.
    unclear = spatial(new_positions, "blocked for both though nothing is on it")
    assert not (legal & ~empty & ~unclear)[has_flags].any()


def test_thermometers_add_up_to_the_values(new_positions: Positions) -> None:
    for name, plane in [
        ("own value", 1),
        ("opponent value", 6),
        ("own next value", 3),
        ("opponent next value", 8),
        ("grass value", 10),
    ]:
        levels = [spatial(new_positions, f"{name} >= {k}") for k in range(1, 6)]
        values = new_positions.planes[:, plane].reshape(-1, 110)
        assert np.array_equal(np.sum(levels, axis=0), values), name


def test_cells_that_do_not_exist_are_marked(new_positions: Positions) -> None:
    exists = spatial(new_positions, "cell exists").reshape(-1, 11, 10)
    assert exists[0].sum() == 105
    assert not exists[:, 1::2, 9].any()


def test_scores_and_flags_of_the_position(new_positions: Positions) -> None:
    found = scalars(new_positions)
    for i, board in enumerate(new_positions.boards):
        me, you = board.turn - 1, 2 - board.turn
        lead = board.score[me] - board.score[you]
        assert np.isclose(found["ahead / 40"][i], np.clip(lead / 40, 0, 1), atol=1e-6)
        assert np.isclose(found["behind / 6"][i], np.clip(-lead / 6, 0, 1), atol=1e-6)
        for who, side in (("own", me), ("opponent", you)):
            flags = sum(found[f"{who} flags left >= {k}"][i] for k in (1, 2, 3))
            assert np.isclose(flags, board.flags_left[side], atol=1e-5)
