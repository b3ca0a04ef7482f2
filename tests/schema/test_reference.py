"""The pages of docs/reference/ say what the declarations say."""

from pathlib import Path

import pytest

from hexz.schema.__main__ import messages_page, settings_page
from hexz.schema.declaration import settings_of
from hexz.schema.fleet import FleetSettings
from hexz.schema.programs import COMMANDS

DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "page"), [("settings", settings_page), ("messages", messages_page)]
)
def test_the_reference_is_up_to_date(name, page):
    assert (DIRECTORY / f"{name}.md").read_text("utf-8") == page(), "run make reference"


def test_each_setting_is_named_and_explained_in_a_sentence():
    page = settings_page()
    for kind in (*COMMANDS.values(), FleetSettings):
        for known in settings_of(kind):
            assert f"`{known.option}`" in page or f"`{known.name}`" in page
            assert known.declaration.help[0].isupper()
            assert known.declaration.help[-1] == "."
