"""What `hexzctl models fit` shows: how far it is, and the curve of what was measured."""

from __future__ import annotations

import time
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hexz.local.fit import Event, Fit, Measured, Reading, Settling, Stepped
from hexzctl.display import Display
from hexzctl.models_view import LOSSES

_PLAIN_WIDTH: Final = 120


class FitView:
    """Shows the events of a fit.

    Attributes:
        display: to be used as a context meanwhile.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._last: Reading | Settling | Stepped = Reading(share=0.0, examples=0)
        self._started = time.monotonic()
        self.display = Display(Console(stderr=True), self._render, self._line, transient=True)

    def show(self, event: Event) -> None:
        """Shows what the fit tells of itself."""
        if isinstance(event, Measured):
            self.display.log()
            return
        self._last = event
        self.display.step()

    def print_result(self) -> None:
        """Prints the curve, and where the model is."""
        if not self._fit.curve:
            return
        console = Console()
        if not console.is_terminal:
            console = Console(width=_PLAIN_WIDTH)
        console.print(self._curve(len(self._fit.curve)), highlight=False)
        print(f"Wrote {self._fit.config.output}, and its curve beside it")

    def _line(self) -> str:
        event, fit = self._last, self._fit
        now = time.monotonic() - self._started
        seconds = event.seconds if isinstance(event, Stepped) else now
        left = f", about {seconds * (1 / event.share - 1):.0f} s left" if event.share else ""
        if isinstance(event, Reading):
            read = f"read {event.share:.0%} of the sources, {event.examples:,} examples"
            return f"{read}, {seconds:.0f} s{left}"
        if isinstance(event, Settling):
            return f"{event.share:.0%} of the heads that are not in the file of the first network"
        parts = [f"{event.share:.0%}", f"{event.step:,} of {fit.num_steps:,} steps"]
        parts.append(f"{seconds:.0f} s{left}")
        measured = fit.curve[-1]
        parts += [f"{name} {value:.3f}" for name, value in _shown(measured.held_out_losses)]
        return ", ".join(parts)

    def _render(self) -> Panel:
        lines = [Text(self._line(), "dim")]
        content = Group(*lines, self._curve(8)) if self._fit.curve else Group(*lines)
        return Panel(content, title="fit", expand=False)

    def _curve(self, most: int) -> Table:
        """The last measurements."""
        table = Table(box=SIMPLE_HEAD)
        names = [f"held-out {name}" for name in LOSSES] if self._fit.held_out else []
        for head in ("steps", "positions", "seconds", *LOSSES, *names):
            table.add_column(head, justify="right")
        for row in self._fit.curve[-most:]:
            losses = [row.losses, row.held_out_losses] if names else [row.losses]
            table.add_row(
                f"{row.step:,}",
                f"{row.positions:,}",
                f"{row.seconds:.0f}",
                *(f"{one[name]:.4f}" if one else "" for one in losses for name in LOSSES),
            )
        return table


def _shown(losses: dict[str, float]) -> list[tuple[str, float]]:
    return [(f"held-out {name}", losses[name]) for name in LOSSES if losses]
