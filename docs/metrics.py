"""Writes docs/reference/metrics.md, what `/metrics` of each server has:

python docs/metrics.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from hexz.metrics import Metric
from hexz.player.metrics import METRICS as PLAYER
from hexz.trainserver.metrics import METRICS as TRAIN_SERVER

PAGE: Final = Path(__file__).with_name("reference") / "metrics.md"
_HEAD: Final = """<!-- Written by docs/metrics.py from the metrics.py of each server. -->

# Metrics

What `/metrics` of each server has for Prometheus, read off its [status](messages.md). A metric
without a value, such as the losses before there is a checkpoint, is left out. "Whether" is 1 or 0.
"""
_SERVERS: Final[dict[str, Sequence[Metric[Any]]]] = {
    "The train server": TRAIN_SERVER,
    "The player service": PLAYER,
}


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for title, metrics in _SERVERS.items():
        parts.append(
            f"\n## {title}\n\n| metric | type | labels | what it is |\n|---|---|---|---|\n"
        )
        for metric in metrics:
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            parts.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
