"""A few inputs for each harness; `make fuzz` tries many more."""

import pytest

from .corpus import kept, mutated
from .harnesses import HARNESSES

INPUTS = 20


@pytest.mark.parametrize("name", HARNESSES)
def test_no_harness_crashes(name):
    harness = HARNESSES[name]
    inputs = [*harness.seeds(), *kept(name)]
    for data in (b"", *inputs, *mutated(inputs, INPUTS, seed=1)):
        harness.run(data)
