"""`hexzctl engine`: a player for programs of others, over standard input and output."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from hexzctl.options import complete_player


def engine(
    player: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            autocompletion=complete_player,
            help="Player that answers: model, model:PATH@800, uct:32000, ...",
        ),
    ] = "model",
) -> None:
    """Be an engine for another program, which writes commands to standard input.

    docs/protocol.md describes the commands. `quit`, or the end of the input, ends it. Limits that
    the commands name are upper ones: the player's own hold as well. Without any, a move takes a
    second.

    Examples:
      hexzctl engine --player model@800
        The network that ships with hexzctl, at most 800 simulations a move.
    """
    from hexz.player.players import make_player
    from hexz.player.protocol import MAX_LINE, EngineSession
    from hexz.player.spec import parse_spec
    from hexzctl.display import notice

    asked = make_player(parse_spec(player, allow_programs=True), notify=notice)
    with contextlib.closing(asked):
        session = EngineSession(asked, player)
        while not session.has_ended and (line := sys.stdin.readline(MAX_LINE)):
            sys.stdout.write(session.answer(line))
            sys.stdout.flush()
