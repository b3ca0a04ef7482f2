"""The first table of docs/plug-in.md. That its commands exist, with these options and values, is
tested here; what they do, in the tests of their parts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hexzctl import cli

DOCUMENT = Path(__file__).parents[2] / "docs" / "plug-in.md"


def rows() -> list[str]:
    return DOCUMENT.read_text().split("\n\n")[1].splitlines()[2:]


def commands() -> list[str]:
    """What the rows tell to run."""
    return [command for row in rows() for command in re.findall(r"`(hexzctl [^`]*)`", row)]


def test_the_table_has_commands():
    assert len(commands()) >= 9


@pytest.mark.parametrize("line", commands())
def test_the_command_of_a_row_is_one(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *words = shlex.split(line)[1:]
    command = cli.command(name)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)  # raises what a user would be told
