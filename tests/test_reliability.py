"""docs/reliability.md and docs/security.md name for each promise the test that holds it."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize(("page", "least"), [("reliability.md", 30), ("security.md", 30)])
def test_every_promise_names_tests_that_exist(page: str, least: int) -> None:
    text = (TESTS.parent / "docs" / page).read_text()
    promises = [line for line in text.splitlines() if line.count("|") >= 4 and "---" not in line]
    assert len(promises) > least
    for line in promises:
        assert line.endswith("| test |") or "::test_" in line.rpartition(" | ")[2], line
    missing = [
        f"{file}::{name}"
        for file, name in re.findall(r"`([\w/]+\.py)::(test_\w+)`", text)
        if f"def {name}(" not in (TESTS / file).read_text()
    ]
    assert missing == []
