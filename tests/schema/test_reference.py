"""The pages of docs/reference/ say what the declarations say."""

import re
from pathlib import Path

import pytest

from hexz.schema.__main__ import STATUS_TYPES, messages_page, settings_page, status_types
from hexz.schema.declaration import settings_of
from hexz.schema.fleet import FleetSettings
from hexz.schema.programs import COMMANDS

DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "page"), [("settings", settings_page), ("messages", messages_page)]
)
def test_the_reference_is_up_to_date(name, page):
    assert (DIRECTORY / f"{name}.md").read_text("utf-8") == page(), "run make reference"


def test_the_types_for_scripts_are_up_to_date():
    assert STATUS_TYPES.read_text("utf-8") == status_types(), "run make reference"


def test_each_message_that_a_page_names_is_there():
    named = [
        name
        for page in DIRECTORY.parent.glob("*.md")
        for name in re.findall(r"\[`(\w+)`\]\(reference/messages\.md\)", page.read_text("utf-8"))
    ]
    assert {"ConductOrder", "Heartbeat"} <= set(named)
    assert [name for name in named if f"\n### {name}\n" not in messages_page()] == []


def test_each_message_that_another_is_made_of_is_there():
    page = messages_page()
    # The settings of workers are in settings.md.
    known = {*re.findall(r"(?m)^### (\w+)$", page), "WorkerSettings", "Any"}
    types = " ".join(re.findall(r"(?m)^\| `\w+` \| ([^|]+) \|", page))
    assert set(re.findall(r"\b[A-Z]\w+", types)) <= known


def test_each_setting_is_named_and_explained_in_a_sentence():
    page = settings_page()
    for kind in (*COMMANDS.values(), FleetSettings):
        for known in settings_of(kind):
            assert f"`{known.option}`" in page or f"`{known.name}`" in page
            assert known.declaration.help[0].isupper()
            assert known.declaration.help[-1] == "."
