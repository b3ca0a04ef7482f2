"""A page of ours in the browser of whoever sits at this machine."""

from __future__ import annotations

import contextlib
import os
import sys
import threading


def show_page(url: str) -> None:
    """Opens a page, if this machine has a display; a browser in a terminal would take ours."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    import webbrowser

    def show() -> None:
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(url)

    # Some browsers return when they are closed.
    threading.Thread(target=show, name="browser", daemon=True).start()
