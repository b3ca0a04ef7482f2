"""`hexzctl help`: what `--help` shows, for those who do not know that."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup


def help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="The command, such as train or models rate.", show_default=False),
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
        found: Any
        known, found, _ = at.command.resolve_command(at, [name])
        at = typer.Context(found, info_name=known, parent=at)
    print(at.command.get_help(at))
