"""`hexzctl help`: what `--help` shows, for those who do not know that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


def _complete(context: typer.Context, incomplete: str) -> list[str]:
    """The names that may come next, for the shell."""
    at = _found(context, context.params.get("command") or ())
    names = at.command.list_commands(at) if isinstance(at.command, TyperGroup) else []
    return [name for name in names if name.startswith(incomplete)]


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
    at = _found(context, command or ())
    print(at.command.get_help(at))


def _found(context: typer.Context, names: Iterable[str]) -> Any:
    """The context of the command of these names."""
    at: Any = context.find_root()
    for name in names:
        if not isinstance(at.command, TyperGroup):
            raise typer.BadParameter(f"{at.command_path} has no commands, and so not {name!r}")
        found: Any
        known, found, _ = at.command.resolve_command(at, [name])
        at = typer.Context(found, info_name=known, parent=at)
    return at
