"""What each released version has written is read by this one."""

from pathlib import Path

import pytest

from hexz.version import __version__

from .kinds import KINDS

FOLDER = Path(__file__).parents[1] / "data" / "compat"
VERSION = ".".join(__version__.split(".")[:2])
FILES = sorted(file.relative_to(FOLDER) for file in FOLDER.glob("*/*"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_was_written_is_read(file):
    """If this fails since you changed what a version that is not released writes, write it anew:
    `python -m tests.compat`. Otherwise read the old form, too, or see "Versions" in
    CONTRIBUTING.md."""
    KINDS[file.name].read(FOLDER / file)


def test_this_version_has_a_file_of_each_kind():
    assert sorted(KINDS) == sorted(file.name for file in (FOLDER / VERSION).iterdir())
