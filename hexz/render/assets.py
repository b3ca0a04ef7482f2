"""The files of this package that pages are made of."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

_IMPORT: Final = re.compile(
    r'^(?:/\*\* @)?import \{[^}]*\} from "\./(\w+\.js)"(?:;| \*/)\n', re.MULTILINE
)
"""A line that imports names, or in a comment types."""


def asset(name: str) -> str:
    """A text file of this package, without the line break at its end."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def whole_script(script: str) -> str:
    """The text of a module with those that it imports from this package put before it, for a page
    that loads nothing. They share their names."""
    modules: list[str] = []

    def add(text: str) -> None:
        for name in _IMPORT.findall(text):
            add(asset(name))
        text = _IMPORT.sub("", text)
        if text not in modules:
            modules.append(text)

    add(script)
    return "\n\n".join(modules)
