"""Dockerfile and .dockerignore, as far as ours use them: what an image is made of and runs."""

import fnmatch
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Stage:
    """A stage of the Dockerfile, with what it has from the one that it is based on.

    Attributes:
        environment: its variables, ARG included.
        install: its RUN commands of pip and python.
        user: that it ends with.
        entrypoint: arguments of the process.
    """

    environment: dict[str, str] = field(default_factory=dict)
    install: list[str] = field(default_factory=list)
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)


def read_dockerfile() -> dict[str, Stage]:
    """The stages by name."""
    stages: dict[str, Stage] = {}
    stage = Stage()
    for keyword, argument in _instructions((REPOSITORY / "Dockerfile").read_text()):
        if keyword == "FROM":
            base, name = argument.split(" AS ")
            like = stages.get(base, Stage())
            stage = Stage(dict(like.environment), list(like.install), like.user)
            stages[name] = stage
        elif keyword in ("ENV", "ARG"):
            pairs = (part.partition("=") for part in shlex.split(argument))
            stage.environment.update((name, value) for name, _, value in pairs)
        elif keyword == "USER":
            stage.user = argument
        elif keyword == "ENTRYPOINT":
            stage.entrypoint = json.loads(argument)
        elif keyword == "RUN" and argument.startswith(("pip ", "python ")):
            stage.install.append(argument)
        else:
            assert keyword in ("RUN", "COPY", "WORKDIR"), f"{keyword} is new to these tests"
    return stages


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line:
            keyword, argument = line.split(None, 1)
            yield keyword, argument


def copy_context(target: Path) -> None:
    """Copies what `COPY . .` copies."""
    patterns = [
        line
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert patterns[0] == "*", "everything is left out but what is named"
    wanted = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    unwanted = [pattern for pattern in patterns[1:] if not pattern.startswith("!")]
    assert all(re.fullmatch(r"\*\*/[^/]+", pattern) for pattern in unwanted)
    ignored = [pattern.removeprefix("**/") for pattern in unwanted]
    for name in wanted:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(
                REPOSITORY / name,
                target / name,
                ignore=lambda _, names: [
                    name for name in names if any(fnmatch.fnmatch(name, p) for p in ignored)
                ],
            )
        else:
            shutil.copy(REPOSITORY / name, target / name)
