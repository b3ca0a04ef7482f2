"""The results of an arena as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from hexz.arena.run import ArenaRun
from hexz.ratings.results import Pairing
from hexz.version import __version__


def report(run: ArenaRun) -> dict[str, Any]:
    """Returns what `hexzctl arena --json` prints; docs/arena.md describes it."""
    ratings = run.results.ratings()
    return {
        "version": __version__,
        "anchor": run.results.anchor,
        "players": [
            {"name": name, "elo": to_builtins(ratings[name]) if name in ratings else None}
            for name in run.results.names
        ],
        "pairs": [found for pairing in run.results.pairings if (found := _pair(run, pairing))],
        "complete": run.results.boards == run.total,
    }


def _pair(run: ArenaRun, pairing: Pairing) -> dict[str, Any] | None:
    result = run.results.of(pairing)
    if result is None:
        return None
    first, second = (run.results.names[number] for number in pairing)
    found = {"players": [first, second], **to_builtins(result)}
    if run.config.sprt is not None:
        bound = run.config.sprt.bound
        found["accepted_elo"] = run.decisions.get(pairing)
        found["llr"] = {"value": run.log_likelihood_ratio(pairing), "low": -bound, "high": bound}
    return found
