"""`hexzctl export-page`: the page to play on as one file, with a network inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hexz.places import SHIPPED
from hexzctl.options import path_option


def export_page(
    model: Annotated[
        str,
        typer.Option(
            metavar="PATH", help="Model file or directory, or 'shipped', the one of hexzctl."
        ),
    ] = SHIPPED,
    output: Annotated[Path, path_option("The file to write.")] = Path("flagz.html"),
) -> None:
    """Write a page to play on that needs no server, with the network inside.

    It is one file of at most 1.5 MB, which plays from the disk, from a mail or from any web server,
    offline: levels, hints, analysis and review, all computed by the browser.

    Examples:
      hexzctl export-page --output flagz.html
        One file with the network that ships with hexzctl.
      hexzctl export-page --model hexz-data --output mine.html
        One file with the newest network of your own training.
    """
    from hexz.files import atomic_file
    from hexz.player.models import open_source
    from hexz.player.offline import offline_page
    from hexzctl.display import waiting

    with waiting("reading the network and writing the page"):
        page = offline_page(open_source(model).load(), is_shipped=model == SHIPPED).encode()
    with atomic_file(output) as file:
        file.write(page)
    print(f"Wrote {output}, {len(page) / 1000:,.0f} KB: open it in a browser.")
