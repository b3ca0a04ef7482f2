"""README and the documentation: their commands are commands, their links lead somewhere, and the
site of them is built without a warning and fetches nothing from elsewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import commands as reference
from hexzctl.cli import COMMANDS, command

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"commands.md", "settings.md", "messages.md"}
OTHERS = "make|docker|python|pip|uvx|pipx|conda|gcloud|gsutil|kubectl|kustomize|pytest|go|git"
_ENTRY = re.compile(r"`(hexzctl [^`]+)`")


def told(page: Path) -> Iterator[str]:
    """The command lines of a page: indented ones, in one piece, and those in a sentence."""
    text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
    for line in text.splitlines():
        if match := re.match(r"    (?:[A-Z_]+=\S+ )*(?:\$ )?(?:\.venv/bin/)?(hexzctl .+)", line):
            yield match[1]
    yield from _ENTRY.findall(text)


LINES = sorted(
    {(page.relative_to(ROOT).as_posix(), line)
     for page in PAGES if page.name not in GENERATED for line in told(page)}
)  # fmt: skip


@pytest.mark.parametrize("page", sorted({page for page, _ in LINES}))
def test_each_command_is_one(page: str) -> None:
    """As the command line's own parser sees it. What a sentence names in part, such as a command
    without what it wants, is known but for that."""
    for line in [line for name, line in LINES if name == page]:
        words = shlex.split(re.sub(r"\s(?:#|>|\||&&|<).*", "", line).replace("...", ""))[1:]
        if not words or words[0].startswith("-"):
            continue
        assert words[0] in COMMANDS, f"{page}: {line}"
        _parse(command(words[0]), words[1:], f"{page}: {line}")


def _parse(parser: Any, words: list[str], where: str) -> None:
    parts = getattr(parser, "commands", None)
    if parts is not None:
        if words and not words[0].startswith("-"):
            assert words[0] in parts, where
            _parse(parts[words[0]], words[1:], where)
        return
    try:
        parser.make_context("hexzctl", list(words))
    except Exception as error:
        kind = type(error).__name__  # Typer has its own copy of Click
        named_in_part = kind in ("Exit", "MissingParameter", "NoArgsIsHelpError")
        has_a_gap = kind == "BadParameter" and re.search(r"[A-Z]{3}", where.partition(": ")[2])
        if not named_in_part and not has_a_gap:
            pytest.fail(f"{where}: {error}")


def test_there_are_many() -> None:
    assert len(LINES) > 100
    assert ("README.md", "hexzctl doctor") in LINES


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))
    for page in PAGES:
        named = re.findall(r"(?m)(?:^    |`)make ([a-z][\w-]*)", page.read_text("utf-8"))
        assert set(named) <= targets, page


def test_the_first_two_commands_of_the_readme() -> None:
    """`.ci/run` has the second."""
    lines = re.findall(r"(?m)^    (\S.*)$", (ROOT / "README.md").read_text("utf-8"))
    assert lines[:2] == ["make play", "make test"]


def test_a_dry_run_of_make_play_installs_no_pytorch() -> None:
    make = ["make", "--dry-run", "VENV=/nonexistent", "play"]
    plan = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-e .\n" in plan
    assert "--group dev" not in plan
    assert "serve-player" in plan


def test_the_reference_of_commands_is_up_to_date() -> None:
    assert reference.PAGE.read_text("utf-8") == reference.page(), "run make reference"


def test_links_of_the_readme_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        text = page.read_text("utf-8")
        for link in re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text):
            assert "://" in link or (ROOT / link).exists(), f"{page.name}: {link}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text("utf-8")
        fetched = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="?([^"\s>]+)', text)
        for rel, link in re.findall(r'<link[^>]*rel="?([\w-]+)"?[^>]*href="?([^"\s>]+)', text):
            fetched += [link] if rel not in ("canonical", "next", "prev") else []
        assert not [link for link in fetched if re.match(r"(?:https?:)?//", link)], page


def test_the_site_has_what_it_promises_without_a_script(site: Path) -> None:
    text = (site / "laptop.html").read_text("utf-8")
    assert "laptop.svg" in text
    assert (site / "laptop.svg").exists()
    assert "<h1" in text
    assert all((site / "how" / f"{name}.svg").exists() for name in ("engine", "fleet", "network"))
