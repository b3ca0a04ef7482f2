"""`hexzctl help`: what `--help` shows, for those who do not know that."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup


def _complete(context: typer.Context, incomplete: str) -> list[str]:
    """The names that may come next, for the shell; none after one that is wrong."""
    at: Any = context.find_root()
    for name in context.params.get("command") or ():
        if name not in _names(at):
            return []
        at = _below(at, name)
    return [name for name in _names(at) if name.startswith(incomplete)]


def help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            autocompletion=_complete,
            help="The command, such as train or models rate.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the help of hexzctl, or of a command.

    Examples:
      hexzctl help arena
        What `hexzctl arena --help` shows.
      hexzctl help models rate
        The same for a command of a group.
    """
    at: Any = context.find_root()
    for name in command or ():
        if not isinstance(at.command, TyperGroup):
            raise typer.BadParameter(f"{at.command_path} has no commands, and so not {name!r}")
        at = _below(at, name)
    print(at.command.get_help(at))


def _names(at: Any) -> list[str]:
    """The names of the commands below a context."""
    return at.command.list_commands(at) if isinstance(at.command, TyperGroup) else []


def _below(at: Any, name: str) -> Any:
    """The context of a command of a group."""
    known, found, _ = at.command.resolve_command(at, [name])
    return typer.Context(found, info_name=known, parent=at)
