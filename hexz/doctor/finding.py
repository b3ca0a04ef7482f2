"""`Finding`: what one look at the machine has shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one look has shown.

    Attributes:
        topic: what was looked at, in a word or two.
        text: what is there.
        advice: what to do about it if it is a problem; empty if all is well.
    """

    topic: str
    text: str
    advice: str = ""
