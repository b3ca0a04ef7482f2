"""What tests wait for is named when it does not come."""

from functools import partial

import pytest

from .waiting import wait_until


def test_a_condition_that_never_holds_is_named() -> None:
    arrived: list[str] = []
    with pytest.raises(AssertionError, match=r"0\.01 s in vain: .*len\(arrived\) == 3"):
        wait_until(lambda: len(arrived) == 3, 0.01)
    with pytest.raises(AssertionError, match="__contains__"):
        wait_until(partial(arrived.__contains__, "game"), 0.01)


def test_what_holds_at_once_is_not_waited_for() -> None:
    wait_until(lambda: True, -1.0)
