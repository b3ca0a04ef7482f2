"""The licences of all packages that users of hexzctl install, extras included: `make licences`.

Each must allow to use, change and pass on hexzctl under its own licence. What only developers
install may be under any free licence, and is not looked at.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
ALLOWED = re.compile(
    r"\b(MIT|BSD|Apache|ISC|ISCL|PSF|Python Software Foundation|MPL|Mozilla|Zlib|HPND)\b"
)


def packages() -> dict[str, Distribution]:
    """The packages that are here of those that hexzctl requires, and that these require."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    found: dict[str, Distribution] = {}
    _add(
        [*project["dependencies"], *(text for extra in extras for text in extra)], "", found, set()
    )
    return found


def _add(
    texts: Iterable[str], extra: str, found: dict[str, Distribution], seen: set[tuple[str, str]]
) -> None:
    for text in texts:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        try:
            package = distribution(wanted.name)
        except PackageNotFoundError:  # an extra that is not installed
            continue
        found[package.metadata["Name"].lower()] = package
        for asked in ("", *wanted.extras):
            if (key := (wanted.name.lower(), asked)) not in seen:
                seen.add(key)
                _add(package.requires or (), asked, found, seen)


def licence_of(package: Distribution) -> str:
    """What a package says of its licence, in a line."""
    metadata: Any = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License :: OSI")
    ]
    text = metadata.get("License-Expression") or ", ".join(classifiers) or metadata.get("License")
    return " ".join((text or "unknown").split())[:70]


def main() -> int:
    bad = []
    for name, package in sorted(packages().items()):
        licence = licence_of(package)
        print(f"{name:<28} {package.version:<14} {licence}")
        if not ALLOWED.search(licence):
            bad.append(name)
    if bad:
        print(f"The licences of these need a look: {', '.join(bad)}", file=sys.stderr)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
