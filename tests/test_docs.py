"""README and the documentation: their commands are commands, their links lead somewhere, and the
site of them is built without a warning and fetches nothing from elsewhere.

All commands of hexzctl, make, python and pytest are looked at here, those of `docker`, `kubectl`
and `gcloud` in tests/system/test_manifests.py and test_images.py as far as no cloud is needed.
tests/system/test_first_pages.py, test_plug_in.py and tests/test_api.py run what can run."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from docs import api, commands, metrics
from hexz.player.levels import LEVELS
from hexz.schema.status import FIGURES
from hexzctl.cli import COMMANDS, command

from .browser import themed

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITERS = (api, commands, metrics)
"""Scripts that write a page of the reference; tests/schema/test_reference.py has the others."""
GENERATED = {script.PAGE for script in WRITERS}
_SPAN = re.compile(r"`([^`]+)`")
_ENTRY = re.compile(r"(?:^|.* )(hexzctl .+)", re.DOTALL)
_LINE = re.compile(r"    (?:[A-Z_]+=\S+ )*(?:\$ )?(?:\.venv/bin/)?(hexzctl .+)")
_SCRIPT = re.compile(r"(?:^    |`|&& )(?:[A-Z_]+=\S+ )*(?:python|pytest) ([^`\n&]+)", re.MULTILINE)


def text_of(page: Path) -> str:
    """A page with its command lines in one piece."""
    return re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))


def told(page: Path) -> Iterator[str]:
    """The command lines of a page: indented ones, and those in a sentence."""
    text = text_of(page)
    for line in text.splitlines():
        if match := _LINE.match(line):
            yield match[1]
    for span in _SPAN.findall(text.replace("```", "")):
        if match := _ENTRY.fullmatch(span):
            yield match[1]


LINES = sorted(
    {(page.relative_to(ROOT).as_posix(), line)
     for page in PAGES if page not in GENERATED for line in told(page)}
)  # fmt: skip


SCRIPTS = sorted(
    (page.name, shlex.split(line, comments=True))
    for page in PAGES
    for line in _SCRIPT.findall(text_of(page))
)
"""The command lines of python and pytest, with their pages."""


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


def files_of(words: list[str]) -> list[str]:
    """The words of a command line that name files of this repository."""
    return [word for word in words if re.match(r"(?:benchmarks|docs|tests)/", word)]


def test_scripts_exist() -> None:
    for page, words in SCRIPTS:
        module = words[0] == "-m" and words[1].startswith("tests.")
        scripts = [f"{words[1].replace('.', '/')}"] if module else []
        scripts += files_of(words)
        for script in scripts:
            path = ROOT / script
            assert path.exists() or path.with_suffix(".py").exists(), f"{page}: {words}"


PARSES = """
import argparse, json, runpy, sys

class Parsed(Exception):
    pass

def only_parses(parse):
    def run(self, *given):
        parse(self, *given)
        raise Parsed
    return run

for name in ("parse_args", "parse_intermixed_args"):
    setattr(argparse.ArgumentParser, name, only_parses(getattr(argparse.ArgumentParser, name)))
sys.path.insert(0, "benchmarks")
for words in json.load(sys.stdin):
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except Parsed:
        continue
    except SystemExit:
        print(*words)
"""
"""Prints those of some command lines of benchmarks that their scripts do not understand."""


def test_benchmarks_understand_their_command_lines() -> None:
    parsing = []
    for _, words in SCRIPTS:
        script = next(iter(files_of(words)), "")
        if not script.startswith("benchmarks/"):
            continue
        assert words[0] == script
        if "argparse" in (ROOT / words[0]).read_text("utf-8"):
            parsing.append(words)
        else:
            assert not any(word.startswith("--") for word in words), "it knows no options"
    assert len(parsing) > 30
    result = subprocess.run(
        [sys.executable, "-c", PARSES],
        input=json.dumps(parsing),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_the_options_in_sentences_exist() -> None:
    """Each is one of hexzctl, or of a script that the page names, or is in a command line there."""
    reference = set(_options(commands.PAGE.read_text("utf-8")))
    found = 0
    for page in [page for page in PAGES if page.parent != commands.PAGE.parent]:
        text = page.read_text("utf-8")
        scripts = set(re.findall(r"benchmarks/\w+\.py", text))
        known = reference.union(
            *(_options(line) for line in re.findall(r"(?m)^    .*", text)),
            *(_options((ROOT / script).read_text("utf-8")) for script in scripts),
        )
        for span in [span for span in _SPAN.findall(text) if span.startswith("--")]:
            named = {word.partition("=")[0] for word in shlex.split(span) if word.startswith("--")}
            assert named <= known, f"{page.name}: {span}"
            found += 1
    assert found > 100


def _options(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][\w-]*", text)


def test_scripts_that_use_the_tests_find_them_wherever_they_are_run() -> None:
    scripts = [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("docs/*.py")]
    using = [text for path in scripts if "\nfrom tests." in (text := path.read_text("utf-8"))]
    assert len(using) >= 5
    for text in using:
        assert "\nsys.path.insert(0, " in text.partition("\nfrom tests.")[0], text[:80]


def test_the_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for page in (*PAGES, ROOT / "docs" / "flagz.ipynb"):
        for names in re.findall(r"(?:hexzctl|whl\))\[([\w,]+)\]", page.read_text("utf-8")):
            assert set(names.split(",")) <= set(project["optional-dependencies"]), page


def test_the_conda_environment_has_everything() -> None:
    """All extras, in the versions of this repository, with a Python that will do."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    *packages, pip = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    constraints, itself = pip["pip"]
    assert (ROOT / constraints.removeprefix("-c ")).exists()
    extras = re.fullmatch(r"-e \.\[(.+)\]", itself)[1].split(",")
    assert set(extras) == set(project["optional-dependencies"])
    assert {"c-compiler", "make"} <= set(packages)
    version = tuple(map(int, re.fullmatch(r"python=(\d+)\.(\d+)", packages[0]).groups()))
    assert version >= (3, 11)


def test_the_messages_that_troubleshooting_quotes_exist() -> None:
    """In the first column; what stands for `...` is not looked at."""
    sources = [ROOT / "Makefile", *ROOT.glob("hexz/**/*.py"), *ROOT.glob("hexzctl/**/*.py")]
    code = "\n".join(source.read_text("utf-8") for source in sources)
    rows = re.findall(r"(?m)^\|([^|]+)\|", (ROOT / "docs/troubleshooting.md").read_text("utf-8"))
    quotes = {span for row in rows for span in _SPAN.findall(row)}
    quotes -= {"hexzctl: command not found"}  # the shell says that
    assert len(quotes) > 5
    for quote in quotes:
        for part in quote.split("..."):
            assert part.strip() in code, quote


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


@pytest.mark.parametrize("script", WRITERS, ids=lambda script: script.__name__)
def test_the_reference_is_up_to_date(script: Any) -> None:
    assert script.PAGE.read_text("utf-8") == script.page(), "run make reference"


def test_the_figures_of_workers_are_those_that_are_compared() -> None:
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    table = page.partition("| figure | what it is |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| `{name}` | {note} |" for name, note in FIGURES.items()]


def test_the_level_that_serve_shows_is_rated_as_it_is() -> None:
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    [shown] = map(json.loads, re.findall(r'\{"spec": "[^{}]+\}', page))
    level = LEVELS[shown["level"] - 1]
    assert (shown["spec"], shown["elo"]) == (level.spec, level.elo)
    assert shown["name"] == level.name.capitalize()


def test_what_to_expect_on_a_laptop_is_what_the_runs_did() -> None:
    """The Elo of each row is that of all runs, between checkpoints if need be, to 50."""
    runs = []
    for path in (ROOT / "docs" / "curves").glob("*.csv"):
        rows = list(csv.DictReader(path.open()))
        runs.append(np.array([(60 * float(row["hours"]), float(row["elo"])) for row in rows]).T)
    text = (ROOT / "docs" / "laptop.md").read_text("utf-8").replace(",", "")
    told = re.findall(r"(?m)^\| (\d+) minutes \| about (-?\d+) to (-?\d+) \|", text)
    assert [int(row[0]) for row in told] == [5, 10, 30, 90, 180]
    for minutes, low, high in told:
        long_enough = [run for run in runs if run[0, -1] > int(minutes) - 2]
        reached = [np.interp(float(minutes), *run) for run in long_enough]
        assert abs(min(reached) - int(low)) <= 30, minutes
        assert abs(max(reached) - int(high)) <= 30, minutes


def test_links_of_the_readme_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        text = page.read_text("utf-8")
        for link in re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src="([^"]+)"', text):
            assert "://" in link or (ROOT / link).exists(), f"{page.name}: {link}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    env = {**os.environ, "DOCS_URL": "https://example.org/flagz"}
    done = subprocess.run(build, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
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


def test_the_site_knows_where_it_is_published(site: Path) -> None:
    assert "<loc>https://example.org/flagz/start.html</loc>" in (site / "sitemap.xml").read_text()
    lost = (site / "404.html").read_text("utf-8")
    links = re.findall(r'(?:href|src)="?(/[^"\s>]*)', lost)
    assert links
    assert all(link.startswith("/flagz/") for link in links)


def test_the_site_has_what_it_promises_without_a_script(site: Path) -> None:
    text = (site / "laptop.html").read_text("utf-8")
    assert "laptop.svg" in text
    assert (site / "laptop.svg").exists()
    assert "<h1" in text
    assert all((site / "how" / f"{name}.svg").exists() for name in ("whole", "engine", "fleet"))


def test_the_site_is_dark_where_the_system_is_and_needs_no_script(
    site: Path, chromium: Any
) -> None:
    def background(theme: str) -> int:
        themed(chromium, theme)
        chromium.get((site / "start.html").as_uri())
        paper = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", paper)[:3]))

    for without_script in (False, True):
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": without_script})
        try:
            assert background("light") > 600
            assert background("dark") < 200
            shown = chromium.find_element("css selector", ".md-sidebar--primary").text
            assert "Troubleshooting" in shown
            search = chromium.find_element("css selector", ".md-search__input")
            assert not search.is_displayed()  # it needs a script, and a server
        finally:
            chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_first_page_of_the_site_is_the_readme(site: Path) -> None:
    text = (site / "index.html").read_text("utf-8")
    assert "make play" in text
    assert 'src="game.gif"' in text
    assert 'href="strength.html"' in text
