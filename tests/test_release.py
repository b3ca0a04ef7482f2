"""What a release says of itself."""

import re
from pathlib import Path

from hexz.version import __version__

from . import licences

ROOT = Path(__file__).parents[1]


def test_the_citation_names_this_version():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_newest_entry_of_the_changelog_is_of_this_version_or_of_the_next_one():
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert __version__ in entries[:2]
    assert entries[0] in {"Unreleased", __version__}


def test_what_users_install_may_be_passed_on_with_hexzctl(capsys):
    assert licences.main() == 0
    assert "\nmsgspec " in capsys.readouterr().out
