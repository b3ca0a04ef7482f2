"""A report that may be read by anybody: what was found, without secrets."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping
from typing import Final

from hexz.doctor.finding import Finding

_SECRET: Final = re.compile(r"TOKEN|PASS|SECRET|KEY|CREDENTIAL|COOKIE|AUTH", re.IGNORECASE)
"""Variables of the environment with such names hold secrets."""
_USER: Final = re.compile(r"(?<=://)[^/\s@]*@")
_LEAST_SECRET: Final = 4
"""Shorter texts are no secrets, and would stand everywhere."""
_TOPIC: Final = 13
_MARKS: Final = {False: "ok ", True: "-> "}


def report(finding: Finding, width: int, environment: Mapping[str, str] = os.environ) -> str:
    """The lines about a finding, with neither secrets of the environment nor passwords of URLs nor
    the name of whoever runs this.

    Args:
        finding: what was found.
        width: of a line, in characters.
        environment: the variables of the environment.
    """
    mark = _MARKS[bool(finding.advice)]
    lines = _paragraph(f"{mark}{finding.topic:<{_TOPIC}}", finding.text, width, environment)
    if finding.advice:
        lines += _paragraph(" " * (_TOPIC + 3), f"To do: {finding.advice}", width, environment)
    return "\n".join(lines)


def _paragraph(begin: str, text: str, width: int, environment: Mapping[str, str]) -> list[str]:
    return textwrap.wrap(
        without_secrets(" ".join(text.split()), environment),
        max(width, 2 * len(begin)),
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
    )


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """A text that anybody may read."""
    text = _USER.sub("***@", text)
    secrets = {
        part
        for name, value in environment.items()
        if _SECRET.search(name) or "@" in value
        for part in (value, *_passwords(value))
        if len(part) >= _LEAST_SECRET
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    home = environment.get("HOME", "")
    return text.replace(home, "~") if len(home) > 1 else text


def _passwords(value: str) -> list[str]:
    """The names and passwords in a URL."""
    return [part for user in _USER.findall(value) for part in user.rstrip("@").split(":")]
