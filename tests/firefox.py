"""A headless Firefox, asked over WebDriver BiDi, which it speaks without another program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
ANSWER_SECONDS = 60


@contextmanager
def running_firefox(profile: Path) -> Iterator[Firefox]:
    """A browser with a new profile; skips the test if the machine has none."""
    if FIREFOX is None:
        pytest.skip("needs Firefox (Debian: apt-get install firefox-esr)")
    options = ["--headless", "--no-remote", f"--profile={profile}", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [FIREFOX, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        found = (re.search(r"BiDi listening on (ws://\S+)", line) for line in process.stderr)
        address = next(match[1] for match in found if match)
        yield Firefox(f"{address}/session")
    finally:
        process.terminate()
        process.wait()


class Firefox:
    """The only tab of a browser, a `Browser` of tests/player/whole_games.py.

    Args:
        address: of its session, a WebSocket.
    """

    def __init__(self, address: str) -> None:
        websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
        self._socket = websocket.create_connection(address, ANSWER_SECONDS, suppress_origin=True)
        self._asked = 0
        self.ask("session.new", capabilities={})
        self._tab: str = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **parameters: Any) -> Any:
        """Sends a command and returns its result."""
        self._asked += 1
        question = {"id": self._asked, "method": method, "params": parameters}
        self._socket.send(json.dumps(question))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._asked:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str, width: int, height: int) -> None:
        """Opens a page in a window of this size, and waits until it is loaded."""
        size = {"width": width, "height": height}
        self.ask("browsingContext.setViewport", context=self._tab, viewport=size)
        self.ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def run(self, script: str, *args: object) -> Any:
        """What a function body with `args` returns, which may be a promise."""
        found = self.ask(
            "script.evaluate",
            expression=f"(async (args) => JSON.stringify(await (async () => {{{script}}})()))"
            f"({json.dumps(args)})",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"].get("value", "null"))

    def press(self, *keys: str) -> None:
        """Presses keys one after another."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keyboard", "actions": strokes})

    def tap(self, x: float, y: float) -> None:
        """Puts a finger on a place of what is in view, and takes it away."""
        actions = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        touch = {"pointerType": "touch"}
        self._perform({"type": "pointer", "id": "finger", "parameters": touch, "actions": actions})

    def _perform(self, source: dict[str, Any]) -> None:
        self.ask("input.performActions", context=self._tab, actions=[source])
