"""Commands of the command line, and their help: plain text that fits any terminal.

An option has a line for its name and, below, lines for what it is. Nothing is ever cut off, as
columns of a table would be. The help is the docstring of the command: paragraphs are filled, and
indented lines stay lines. A line of it that is a command is an example; tests try each.
"""

from __future__ import annotations

import itertools
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

import typer
from typer.core import TyperCommand, TyperGroup

_WIDEST: Final = 100
_NARROWEST: Final = 40
_UNBOUNDED: Final = 2**63 - 1
_VALUES: Final = {int: "N", float: "X", Path: "PATH"}
"""What stands for a value of a type."""
_TEXTS: Final = {
    "game": "ID",
    "host": "ADDRESS",
    "model": "PATH",
    "name": "NAME",
    "player": "SPEC",
    "start": "PATH",
    "store": "PATH",
    "url": "URL",
}
"""What stands for a text, by the last word of an option's name."""
_WORDS: Final = (
    (r"^Value error, ", ""),
    (r"^Input should be a valid integer.*", "must be a whole number"),
    (r"^Input should be a valid number.*", "must be a number"),
    (r"^Input should be", "must be"),
)
"""What pydantic, with which Typer reads values, says of a wrong one, and plain words for it."""

_MARGIN: Final = 2
_NO_BREAK: Final = "\u00a0"


class App(typer.Typer):
    """An application of such commands, to which `command` adds one."""

    def __init__(self, **options: Any) -> None:
        shown: dict[str, Any] = {
            "cls": Group,
            "rich_markup_mode": None,
            "add_completion": False,
            "pretty_exceptions_enable": False,
            "context_settings": {"help_option_names": ["-h", "--help"]},
        }
        super().__init__(**{**shown, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        shown = {"cls": Command, "context_settings": {"help_option_names": ["-h", "--help"]}}
        return super().command(name, **{**shown, **options})


class Command(TyperCommand):
    """A command whose help is plain text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            for pydantics, ours in _WORDS:
                error.message = re.sub(pydantics, ours, error.message)
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))


class Group(TyperGroup):
    """A group of commands whose help is plain text."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx))


def width() -> int:
    """How wide lines for people may be, in characters."""
    return max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))


def filled(text: str, columns: int) -> Iterator[str]:
    """The lines of a help text. Lines of one indentation are a paragraph, which is filled; a
    command, and a row of a table, which has two spaces within, is a line for itself."""
    for (indent, form), group in itertools.groupby(text.splitlines(), _form):
        lines = [line.strip() for line in group]
        if form == "command":
            for line in lines:
                yield from _shell(line, columns, indent)
        elif form == "row":
            for line in lines:
                yield from _wrapped(line, columns, indent, indent + 2 * _MARGIN)
        else:
            yield from _wrapped(" ".join(lines), columns, indent) or [""]
    yield ""


def _form(line: str) -> tuple[int, str]:
    """The indentation of a line, and what it is."""
    text = line.lstrip()
    indent = len(line) - len(text)
    if indent and text.startswith("hexzctl "):
        return indent, "command"
    return indent, "row" if "  " in text else "text" if text else "blank"


def _help(command: TyperCommand | TyperGroup, context: Any) -> str:
    columns = width()
    pieces = (
        piece.replace("{", "").replace("}", "") for piece in command.collect_usage_pieces(context)
    )
    lines = _wrapped(f"Usage: {context.command_path} {' '.join(pieces)}", columns, 0, 4)
    lines += ["", *filled((command.help or "").strip(), columns)]
    for title, parameters in _sections(command.get_params(context)).items():
        lines += [f"{title}:", *(line for p in parameters for line in _entry(p, columns)), ""]
    if isinstance(command, TyperGroup):
        lines += ["Commands:", *_commands(command, columns)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _sections(parameters: list[Any]) -> dict[str, list[Any]]:
    """The parameters that are shown, by the titles of their sections."""
    sections: dict[str, list[Any]] = {}
    for parameter in parameters:
        if not parameter.hidden:
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            sections.setdefault(parameter.rich_help_panel or kind, []).append(parameter)
    return sections


def _entry(parameter: Any, columns: int) -> list[str]:
    """The lines about a parameter."""
    names = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=len))
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        name = f"{names} {_value(parameter)}".rstrip()
    facts = "; ".join(_facts(parameter))
    text = f"{parameter.help or ''} {f'[{facts}]' if facts else ''}".strip()
    return [*_wrapped(name, columns, _MARGIN), *_wrapped(text, columns, 3 * _MARGIN)]


def _value(option: Any) -> str:
    """What stands for the value of an option; empty if it takes none."""
    if option.is_flag:
        return ""
    if option.metavar:
        return str(option.metavar)
    kind = option.type_descriptor
    if kind.choices:
        return "|".join(kind.choices)
    if option.name.endswith("seconds"):
        return "SECONDS"
    (value,) = get_args(kind.annotation) or (kind.annotation,)  # one of a list
    last_word = option.name.rpartition("_")[2]
    return _TEXTS.get(last_word, "TEXT") if value is str else _VALUES[value]


def _facts(parameter: Any) -> Iterator[str]:
    """What is to be known of a parameter beside its help."""
    default = parameter.default
    if parameter.required:
        yield "required"
    low, high = parameter.min, parameter.max
    if low is not None and high is not None and high < _UNBOUNDED:
        yield f"{low} to {high}"
    elif low is not None:
        yield f"{low} or more"
    if isinstance(parameter.show_default, str):
        yield f"default: {parameter.show_default}"
    elif parameter.show_default and default is not False and default not in (None, (), []):
        yield f"default: {'on' if default is True else default}"
    if parameter.envvar:
        yield f"variable: {parameter.envvar}"


def _commands(group: TyperGroup, columns: int) -> Iterator[str]:
    names = [name for name, command in group.commands.items() if not command.hidden]
    indent = max(map(len, names)) + 2 * _MARGIN
    for name in names:
        first = f"{' ' * _MARGIN}{name}".ljust(indent)
        text = " ".join((group.commands[name].help or "").partition("\n\n")[0].split())
        yield from textwrap.wrap(
            text, columns, initial_indent=first, subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )  # fmt: skip


def _wrapped(text: str, columns: int, indent: int = 0, hanging: int | None = None) -> list[str]:
    rest = indent if hanging is None else hanging
    return textwrap.wrap(
        text,
        columns,
        initial_indent=" " * indent,
        subsequent_indent=" " * rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shell(command: str, columns: int, indent: int) -> list[str]:
    """The lines of a command, which a shell reads as one."""
    together = re.sub(r" (?!-)", _NO_BREAK, command)  # an option stays with its value
    lines = _wrapped(together, columns - 2, indent, indent + 2 * _MARGIN)
    return " \\\n".join(lines).replace(_NO_BREAK, " ").splitlines()
