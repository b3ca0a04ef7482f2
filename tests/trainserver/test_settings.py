"""The settings document: what it says, what is refused, and that it may change."""

import logging
import os

import pytest

from hexz.engine import SearchSettings
from hexz.errors import InvalidSettings
from hexz.schema.fleet import FleetSettings, Step, WorkerSettings
from hexz.schema.programs import LocalTrainingConfig
from hexz.trainserver.settings import SettingsSource

DOCUMENT = """
games_per_process = 32
post = "games"

[search]
algorithm = "puct"
simulations = 100
temperature = 2

[[schedule]]
examples = 0
simulations = 10

[[schedule]]
examples = 1000
simulations = 20
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(DOCUMENT)
    return path


def test_the_settings_that_the_package_has_for_a_gpu():
    settings = FleetSettings.read(LocalTrainingConfig.of({"profile": "gpu"}).settings)
    assert settings.at(0).games_per_process > WorkerSettings().games_per_process
    assert settings.at(0).search.simulations < settings.at(10**7).search.simulations


def rewrite(path, text):
    """Replaces a document, and makes sure that its time differs."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_a_document_is_read(path):
    settings = FleetSettings.read(path)
    assert settings == FleetSettings(
        search=SearchSettings(
            algorithm="puct",
            simulations=100,
            full_search_share=0.25,
            fast_simulations=12,
            temperature=2,
        ),
        games_per_process=32,
        post="games",
        schedule=(Step(examples=0, simulations=10), Step(examples=1000, simulations=20)),
    )


def test_an_empty_document_is_the_default_without_a_schedule(path):
    path.write_text("")
    assert FleetSettings.read(path) == FleetSettings(schedule=())


@pytest.mark.parametrize(("examples", "simulations"), [(0, 10), (999, 10), (1000, 20), (10**9, 20)])
def test_the_schedule_replaces_the_simulations(path, examples, simulations):
    settings = SettingsSource(path).at(examples)
    assert settings.search.simulations == simulations
    assert settings.search.algorithm == "puct"


def test_a_schedule_may_begin_later(path):
    path.write_text("[search]\nsimulations = 7\n[[schedule]]\nexamples = 5\nsimulations = 9")
    source = SettingsSource(path)
    assert [source.at(examples).search.simulations for examples in (4, 5)] == [7, 9]


def test_without_a_document_a_young_network_searches_little():
    source = SettingsSource(None)
    assert source.at(0).search.simulations == FleetSettings().schedule[0].simulations
    assert source.at(10**9).search.simulations == FleetSettings().schedule[-1].simulations


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("games_per_proces = 1", ["games_per_proces", "games_per_process"]),
        ("[search]\nsimulation = 1", ["search.simulation", "simulations"]),
        ("[[schedule]]\nexample = 1", ["schedule.example", "examples"]),
        ("[[schedule]]\nexamples = 0\nsimulations = 1\nruns = 1", ["schedule.runs"]),
        ("games_per_process = 'many'", ["games_per_process", "'many'"]),
        ("games_per_process = true", ["games_per_process", "True"]),
        ("games_per_process = 0", ["games_per_process"]),
        ("post = 'letters'", ["post", "letters"]),
        ("search = 1", ["search", "table"]),
        ("[search]\nsimulations = 1.5", ["simulations", "1.5"]),
        ("[search]\nsimulations = 0", ["simulations", "0"]),
        ("[search]\ntemperature = nan", ["temperature", "nan"]),
        ("[search]\nalgorithm = 'minimax'", ["minimax", "gumbel"]),
        ("schedule = 1", ["schedule", "list"]),
        ("schedule = [1]", ["schedule", "table"]),
        ("[[schedule]]\nexamples = 0", ["schedule.simulations", "missing"]),
        ("[[schedule]]\nexamples = -1\nsimulations = 1", ["examples", "-1"]),
        ("[[schedule]]\nexamples = 0\nsimulations = 0", ["simulations", "0"]),
        ("[[schedule]]\nexamples = 0\nsimulations = 9999999", ["simulations", "9999999"]),
        (
            "schedule = [{examples = 2, simulations = 1}, {examples = 1, simulations = 1}]",
            ["ascend"],
        ),
        ("post = = 1", ["line 1"]),
    ],
)
def test_a_document_that_cannot_be_used_is_named_with_the_reason(path, text, words):
    path.write_text(text)
    with pytest.raises(InvalidSettings) as caught:
        SettingsSource(path)
    message = str(caught.value)
    assert str(path) in message
    assert all(word in message for word in words), message


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match="settings"):
        SettingsSource(path)


def test_a_missing_document_is_refused(tmp_path):
    with pytest.raises(InvalidSettings, match=r"cannot read .*none\.toml: No such file"):
        SettingsSource(tmp_path / "none.toml")


def test_a_change_is_followed(path):
    source = SettingsSource(path)
    rewrite(path, "games_per_process = 5")
    assert source.at(0) == WorkerSettings(games_per_process=5, post="examples")


def test_after_a_broken_edit_the_last_good_document_stays_and_is_reported_once(path, caplog):
    source = SettingsSource(path)
    before = source.at(0)
    for broken in ("games_per_process = 'x'", "games_per_process ="):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            rewrite(path, broken)
            assert [source.at(0) for _ in range(3)] == [before] * 3
        assert len(caplog.messages) == 1
        assert str(path) in caplog.messages[0]
    rewrite(path, "games_per_process = 6")
    assert source.at(0).games_per_process == 6


def test_a_document_that_goes_away_and_comes_back_is_followed(path):
    source = SettingsSource(path)
    before = source.at(0)
    path.unlink()
    assert source.at(0) == before
    path.write_text("games_per_process = 7")
    assert source.at(0).games_per_process == 7
