"""The files that pages are made of, and how a page is put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Final

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
"""A line that imports names."""
_TYPES: Final = re.compile(r'^/\*\* @import \{[^}]*\} from "\.\.?/[\w/]+\.js" \*/\n', re.MULTILINE)
"""A comment that imports types."""
_EXPORT: Final = re.compile(r"^export (?=async |class |const |function |let )", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ */\*\*(?:(?!\*/)[\s\S])*\*/\n|^ *//.*\n|^\n|^ +", re.MULTILINE)
"""Lines of a script that are a comment or empty, and the spaces before others."""


def bare_script(script: str) -> str:
    """A script without its comments and its indentation, which are half of what a browser would
    load. No text in it may go over several lines."""
    return _COMMENT.sub("", script)


def asset(name: str, package: str = __package__) -> str:
    """A text file of a package, without the line break at its end."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def scripts_of(package: str) -> dict[str, str]:
    """The texts of the modules in JavaScript of a package, by their file names."""
    return {
        file.name: asset(file.name, package)
        for file in resources.files(package).iterdir()
        if file.name.endswith(".js")
    }


def fill(template: str, **parts: str) -> str:
    """Puts each part in the place of its name in double braces."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def head(title: str, more: str) -> str:
    """The beginning of a page, up to its body.

    Args:
        title: of the page.
        more: HTML of style sheets, scripts and policies.
    """
    return fill(asset("head.html"), TITLE=escape(title), MORE=more)


def style(*sheets: str) -> str:
    """An element with style sheets, given as text."""
    return "<style>\n{}\n</style>".format("\n".join(sheets))


def whole_script(script: str, others: Mapping[str, str] | None = None) -> str:
    """The text of a module with those that it imports put before it, for a page that loads
    nothing. They share their names.

    Args:
        script: the module.
        others: the text of modules that are not from this package, or in place of those.
    """
    modules: list[str] = []
    known = others or {}

    def find(name: str) -> str:
        return known.get(name) or asset(name)

    def add(text: str) -> None:
        for imported in map(find, _IMPORT.findall(text)):
            if imported not in begun:
                begun.append(imported)
                add(imported)
        bare = _TYPES.sub("", _IMPORT.sub("", text))
        modules.append(_EXPORT.sub("", bare))

    begun = [script]
    add(script)
    return "\n\n".join(modules)
