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
            name, spec = opponent(config.player)
            seed = secrets.randbelow(10_000)
            game = f"{url}/#seed={seed}&blue=person&orange={spec}"
            print(f"Against {name}: {game}", flush=True)
            show_page(game)

    with starting:
        starting.enter_context(waiting("getting the player ready"))
        from hexz.player.serve import serve  # takes a second

        serve(config, say_where)


def opponent(player: str) -> tuple[str, str]:
    """What we call the opponent of the game that is opened, and its spec at the page: the champion,
    or where no network is served the player that is."""
    from hexz.player.levels import LEVELS
    from hexz.player.service import offered, public
    from hexz.player.spec import parse_spec

    served = parse_spec(player, allow_programs=True)
    if served.needs_network:
        return f"the {LEVELS[-1].name}", LEVELS[-1].spec
    offers = offered(served)
    spec = public(served) if public(served) in offers else offers[0]
    return player if spec == public(served) else str(spec), str(spec)
