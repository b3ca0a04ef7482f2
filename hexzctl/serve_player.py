"""`hexzctl serve-player`: a computer player for the Go server, and for people in a browser."""

from __future__ import annotations

import contextlib
import secrets

from hexz.schema.programs import PlayerConfig
from hexzctl.browser import show_page
from hexzctl.interruption import Interruption
from hexzctl.options import options


@options(PlayerConfig)
def serve_player(config: PlayerConfig) -> None:
    """Serve a player: a page to play on, and move suggestions for the Go server.

    Open the URL that is printed. The Go server of 2023 posts to /hexz/cpu/suggest, today's calls
    the gRPC service. Everybody who can reach the address can play. The state is at /status. Ctrl-C
    ends the server.

    Examples:
      hexzctl serve-player
        The page at http://127.0.0.1:8080, for this machine alone.
      hexzctl serve-player --open
        That page opens in a browser, with a game against the champion.
      hexzctl serve-player --model hexz-data --follow
        The newest network of a training, and each newer one when it is there.
      hexzctl serve-player --host 0.0.0.0 --grpc-port 9090
        For other machines, and for the Go server.
    """
    Interruption(is_success=True)  # until the server takes the signals

    from hexzctl.display import waiting

    starting = contextlib.ExitStack()

    def say_where(url: str, grpc_address: str | None) -> None:
        starting.close()
        addition = f", gRPC at {grpc_address}" if grpc_address else ""
        print(f"Play at {url}{addition}", flush=True)
        if config.open:
            from hexz.player.levels import LEVELS

            level, seed = LEVELS[-1], secrets.randbelow(10_000)
            game = f"{url}/#seed={seed}&blue=person&orange={level.spec}"
            print(f"Against the {level.name}: {game}", flush=True)
            show_page(game)

    with starting:
        starting.enter_context(waiting("getting the player ready"))
        from hexz.player.serve import serve  # takes a second

        serve(config, say_where)
