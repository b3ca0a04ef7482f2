"""What an example says about its search."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hexz.example import Example

_LEAST_PRIOR: Final = 2.0**-25
"""What rounds to 0 in half precision is less than this."""


def entropy(probabilities: npt.NDArray[np.float32]) -> float:
    """The entropy of a distribution, [n], in nats."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())


def surprise(example: Example) -> float | None:
    """The distance of the policy target from the network's priors: the Kullback-Leibler divergence
    KL(policy || priors) in nats, at least 0. None if the example has no priors."""
    if example.priors is None:
        return None
    tried = example.policy > 0
    policy, priors = example.policy[tried], np.maximum(example.priors[tried], _LEAST_PRIOR)
    return max(0.0, float((policy * np.log(policy / priors)).sum()))


def share_of_flags(example: Example) -> float:
    """The probability of all flags in the policy target."""
    return float(example.policy[: len(example.policy) // 2].sum())
