"""docs/reliability.md names for each promise the test that holds it."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE)


def test_every_promise_names_tests_that_exist() -> None:
    promises = [line for line in PAGE.splitlines() if line.count("|") >= 4 and "---" not in line]
    assert len(promises) > 30
    for line in promises:
        assert line.endswith("| test |") or "::test_" in line.rpartition(" | ")[2], line
    missing = [
        f"{file}::{name}"
        for file, name in NAMED
        if f"def {name}(" not in (TESTS / file).read_text()
    ]
    assert missing == []
