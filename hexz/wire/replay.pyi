"""Types of replay.pyx, whose docstrings say what everything means."""

from typing import Any

import numpy as np
import numpy.typing as npt

def replay(
    columns: tuple[bytes, ...],
    policy_tolerance: float,
    prior_tolerance: float,
    value_tolerance: float,
) -> tuple[Any, ...]: ...
def legal_masks(board: str, actions: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]: ...
def to_varints(numbers: npt.NDArray[np.uint32]) -> bytes: ...
