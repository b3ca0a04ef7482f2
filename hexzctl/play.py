"""`hexzctl play`: a game against the computer in the terminal."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hexz.gameplay import MAX_SEED
from hexzctl.options import complete_player, path_option

if TYPE_CHECKING:
    from hexz.player.player import Player

_DEFAULT_PLAYER = "model"


def play(
    player: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            autocompletion=complete_player,
            help="The other player: random, uct:32000, model, model:PATH@800, cmd:./engine, ... or "
            "person, for two at one terminal. Default: model, or who plays in a loaded game.",
            show_default=False,
        ),
    ] = None,
    think: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=600,
            help="Seconds for a move of the computer, unless its name has a limit that is "
            "reached first. Default: as its name says, or 1.",
            show_default=False,
        ),
    ] = None,
    colour: Annotated[
        Literal["blue", "orange"] | None,
        typer.Option(
            "--colour",
            "--color",
            help="Your colour; blue moves first. Default: blue, or yours in a loaded game.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_SEED,
            help="Number of the board. Default: any.",
            show_default=False,
        ),
    ] = None,
    load: Annotated[
        Path | None, path_option("Go on with a game that was saved here or on the web page.")
    ] = None,
) -> None:
    """Play against the computer in this terminal.

    Type a cell, such as d5, to place a value there, and Fd5 to plant a flag. `?` lists the rest.
    docs/rules.md explains the game.

    Examples:
      hexzctl play --player amateur
        A game against one of the 17 levels, from beginner to champion.
      hexzctl play --player model:hexz-data --think 5 --colour orange
        Your own network moves first, and thinks for 5 seconds a move.
    """
    from hexz.gameplay.session import PlaySession, load_game, new_game, seats
    from hexz.player.players import make_player
    from hexz.player.spec import Budget, parse_spec
    from hexzctl.play_dialog import PlayDialog
    from hexzctl.play_view import PlayView

    human = {None: None, "blue": 1, "orange": 2}[colour]
    if load is not None and seed is not None:
        raise typer.BadParameter("a loaded game has its board", param_hint="--seed")
    if load is not None:
        game, title = load_game(load, human, player)
    else:
        game, title = new_game(seed, seats(human or 1, player or _DEFAULT_PLAYER))
    budget = None if think is None else Budget(seconds=think)
    view = PlayView()

    def make(spec: str) -> Player:
        # Only what was typed is run, and not what a saved game names.
        return make_player(parse_spec(spec, allow_programs=spec == player))

    session = PlaySession(make, budget, view.busy)
    with contextlib.closing(session):
        session.start(game, title)
        PlayDialog(view, session).run()
