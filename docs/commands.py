"""Writes docs/reference/commands.md, what `--help` of each command says:

python docs/commands.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

from hexzctl.cli import COMMANDS, app, command

PAGE: Final = Path(__file__).with_name("reference") / "commands.md"
_HEAD: Final = """<!-- Written by docs/commands.py from the help of the commands. -->

# Commands

What `--help` says, of each command. [Settings](settings.md) has the variables and lines of files
that belong to the options. Exit codes: 0 done, 1 failed, 2 wrong usage, and 128 and the number of
a signal that has cut it short.
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for words in _commands():
        said = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
        lines = "\n".join(line.rstrip() for line in said.output.strip().splitlines())
        parts.append(f"\n## hexzctl {' '.join(words)}\n\n```text\n{lines}\n```\n")
    return "".join(parts)


def _commands() -> Iterator[list[str]]:
    for name in COMMANDS:
        yield from _with_parts([name], command(name))


def _with_parts(words: list[str], found: Any) -> Iterator[list[str]]:
    """A command, and those that it is a group of."""
    yield words
    for name, part in getattr(found, "commands", {}).items():
        yield from _with_parts([*words, name], part)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
