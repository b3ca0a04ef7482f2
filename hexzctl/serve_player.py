"""`hexzctl serve-player`: a computer player for the Go server, and for people in a browser."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def serve_player(
    player: Annotated[
        str,
        typer.Option(
            envvar="HEXZ_PLAYER",
            help="Who plays: model, model@800, model:PATH@2.5s, gumbel@64, uct:32000, random.",
        ),
    ] = "model",
    model: Annotated[
        str | None,
        typer.Option(
            envvar="HEXZ_MODEL_PATH",
            help="Its network: a file, a directory, of which the newest checkpoint plays, or "
            "gs://bucket/prefix. Default: the one that ships with hexzctl.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", envvar="HEXZ_FOLLOW", help="Play with newer networks when they appear."
        ),
    ] = False,
    device: Annotated[
        Literal["cpu", "cuda", "mps"],
        typer.Option(envvar="HEXZ_DEVICE", help="Where the network runs."),
    ] = "cpu",
    host: Annotated[
        str,
        typer.Option(
            envvar="HEXZ_HOST", help="Address to listen at; 0.0.0.0 serves other machines as well."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="PORT", min=0, max=65535, help="Port; 0 is any free one.")
    ] = 8080,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            envvar="HEXZ_GRPC_PORT",
            min=0,
            max=65535,
            help="Serve gRPC too, for today's Go server; 0 is any free port.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve a player: a page to play on, and move suggestions for the Go server.

    Open the URL that is printed. The Go server of 2023 posts to /hexz/cpu/suggest, today's calls
    the gRPC service. Everybody who can reach the address can play. The state is at /status. Ctrl-C
    ends the server.
    """
    from hexz.player.config import PlayerConfig
    from hexz.player.serve import serve

    config = PlayerConfig(
        player=player,
        model=model or None,
        follow=follow,
        device=device,
        host=host,
        grpc_port=grpc_port,
    )

    def say_where(url: str, grpc_address: str | None) -> None:
        addition = f", gRPC at {grpc_address}" if grpc_address else ""
        print(f"Play at {url}{addition}", flush=True)

    serve(config, port, say_where)
