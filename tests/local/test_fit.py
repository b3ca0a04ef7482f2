"""Networks fitted to examples that are there."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hexz.errors import InvalidModel, InvalidSettings, OutputError
from hexz.local.fit import Fit, Measured, NothingToFit, Reading, Settling, Stepped
from hexz.local.fit_state import CannotResume
from hexz.model.checkpoint import load_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.programs import FitConfig
from hexz.training.crew import CrewFailed

from ..dataset.files import write_zip
from ..dataset.replay_files import columns_of, write_replay
from ..games import game_examples
from ..model.peers import peer_state
from ..system.processes import spawned


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some games, of which a fifth is held out."""
    path = tmp_path_factory.mktemp("source")
    return write_zip(path / "a.zip", [e for game in game_examples(12) for e in game]).parent


def config(output: Path, **changes: Any) -> FitConfig:
    given = {"blocks": 1, "filters": 8, "batch_size": 64, "reuse": 2.0, "held_out": 0.2}
    return FitConfig.of({"output": output, **given, **changes})


def done(fit: Fit) -> list[Any]:
    return list(fit.events())


def test_a_fit_reads_steps_measures_and_saves(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.pt"
    fit = Fit(config(output, learning_rate=0.01, reuse=4.0), [str(source)], print)
    events = done(fit)
    assert isinstance(events[0], Reading)
    steps = [event.step for event in events if isinstance(event, Stepped)]
    assert steps[-1] == fit.num_steps == -(-4 * fit.examples // 64)
    assert [event for event in events if isinstance(event, Measured)] == fit.curve
    first, *_, last = fit.curve
    assert (first.step, first.losses) == (0, {})
    assert last.step == fit.num_steps
    assert last.losses["total"] < fit.curve[1].losses["total"] - 0.3
    checkpoint = load_checkpoint(output)
    assert checkpoint.config == ModelConfig(blocks=1, filters=8)
    record = checkpoint.metadata["fit"]
    assert (record["examples"], record["held_out"]) == (fit.examples, fit.held_out)
    assert record["held_out_losses"] == last.held_out_losses
    rows = list(csv.DictReader(output.with_suffix(".csv").open()))
    assert [int(row["step"]) for row in rows] == [row.step for row in fit.curve]
    assert float(rows[-1]["held_out_value"]) == pytest.approx(
        last.held_out_losses["value"], abs=1e-5
    )
    assert rows[0]["policy"] == ""


def test_networks_of_different_sizes_are_measured_with_the_same_games(
    source: Path, tmp_path: Path
) -> None:
    counts = set()
    for filters in (8, 12):
        fit = Fit(
            config(tmp_path / "m.pt", filters=filters, max_seconds=1e-3), [str(source)], print
        )
        done(fit)
        counts.add((fit.examples, fit.held_out))
        assert len(fit.curve) == 2  # the time was over at once, and what there was is kept
    assert len(counts) == 1


def test_a_warm_start_goes_on_from_its_network(source: Path, tmp_path: Path) -> None:
    first = Fit(config(tmp_path / "a.pt"), [str(source)], print)
    done(first)
    changes = {"blocks": None, "filters": None, "start": str(tmp_path / "a.pt")}
    second = Fit(config(tmp_path / "b.pt", **changes), [str(source)], print)
    events = done(second)
    before, after = first.curve[-1].held_out_losses, second.curve[0].held_out_losses
    for name in ("policy", "value", "ownership", "margin"):
        assert after[name] == pytest.approx(before[name], abs=1e-6)
    # The other heads are not in the file, and have learnt before anything else.
    for name in ("reply", "soft_policy"):
        assert after[name] < before[name] + 0.02
    settling = [event.share for event in events if isinstance(event, Settling)]
    assert settling == sorted(settling)
    assert settling[-1] == 1
    assert second.curve[0].seconds > 0  # which counts
    assert load_checkpoint(tmp_path / "b.pt").metadata["fit"]["start"] == ["flagz", 0]


def test_the_same_seed_makes_the_same_network(source: Path, tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        done(Fit(config(tmp_path / name), [str(source)], print))
    first, second = (load_checkpoint(tmp_path / name).net.state_dict() for name in ("a.pt", "b.pt"))
    assert all((first[key] == second[key]).all() for key in first)


def test_a_warm_start_can_grow(source: Path, tmp_path: Path) -> None:
    first = Fit(config(tmp_path / "a.pt"), [str(source)], print)
    done(first)
    changes = {"blocks": 2, "filters": 12, "start": str(tmp_path / "a.pt")}
    second = Fit(config(tmp_path / "b.pt", **changes), [str(source)], print)
    done(second)
    assert load_checkpoint(tmp_path / "b.pt").config == ModelConfig(blocks=2, filters=12)
    before, after = first.curve[-1].held_out_losses, second.curve[0].held_out_losses
    for name in ("policy", "value"):
        assert after[name] == pytest.approx(before[name], abs=1e-5)
    assert second.curve[-1].losses["total"] < second.curve[1].losses["total"]
    less = {**changes, "filters": 4}
    with pytest.raises(InvalidModel, match="networks only grow"):
        done(Fit(config(tmp_path / "b.pt", **less), [str(source)], print))


def test_the_search_has_its_share_of_the_value_target_however_few_examples_there_are(
    source: Path, tmp_path: Path
) -> None:
    found = []
    for share in (0.0, 1.0):
        fit = Fit(config(tmp_path / "m.pt", root_value_share=share), [str(source)], print)
        found.append(next(e for e in fit.events() if isinstance(e, Measured)).held_out_losses)
        (tmp_path / "m.resume").unlink()
    # A search by an untrained network expects nothing, but each game has a result.
    assert found[1]["value"] < found[0]["value"] / 4
    assert found[1]["policy"] == found[0]["policy"]


@pytest.mark.parametrize("name", ["m.resume", "m.csv", "m", ".", ".pt", "lr0.01"])
def test_a_model_whose_curve_or_state_would_take_a_name_of_others_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match=r"output must end in \.pt"):
        FitConfig(output=Path(name))


def test_other_targets_are_a_matter_of_weights(source: Path, tmp_path: Path) -> None:
    others = ("soft_policy", "value", "ownership", "margin", "reply")
    policy_only = {f"{name}_weight": 0.0 for name in others}
    fit = Fit(config(tmp_path / "m.pt", **policy_only), [str(source)], print)
    done(fit)
    for losses in (fit.curve[-1].losses, fit.curve[-1].held_out_losses):
        assert losses["total"] == pytest.approx(losses["policy"], rel=1e-6)
        assert losses["value"] > 0  # measured all the same


# --- Interruptions -------------------------------------------------------------------------------


def interrupted(fit: Fit, steps: int, *, killed: bool = False) -> None:
    """Runs a fit until then."""
    for event in fit.events():
        if isinstance(event, Measured) and event.step >= steps:
            if killed:
                return
            fit.stop()


@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(
    source: Path, tmp_path: Path, killed: bool
) -> None:
    whole = Fit(config(tmp_path / "whole.pt"), [str(source)], print)
    done(whole)
    output = tmp_path / "m.pt"
    lines: list[str] = []
    interrupted(Fit(config(output), [str(source)], print), 10, killed=killed)
    assert output.with_suffix(".resume").exists()
    fit = Fit(config(output), [str(source)], lines.append)
    steps = [event for event in done(fit) if isinstance(event, Stepped)]
    before = next(row for row in reversed(fit.curve) if row.step < steps[0].step)
    assert steps[0].seconds > before.seconds > 0
    assert len(lines) == 1
    assert "going on with the fit that was interrupted after" in lines[0]
    first, second = (
        load_checkpoint(path).net.state_dict() for path in (whole.config.output, output)
    )
    assert all((first[key] == second[key]).all() for key in first)
    ends = [(row.step, row.held_out_losses) for row in (fit.curve[0], fit.curve[-1])]
    assert ends == [(r.step, r.held_out_losses) for r in (whole.curve[0], whole.curve[-1])]
    assert [row.step for row in fit.curve] == sorted({row.step for row in fit.curve})
    assert not output.with_suffix(".resume").exists()


def test_several_processes_measure_what_one_does_and_one_goes_on_for_two(
    source: Path, tmp_path: Path
) -> None:
    alone = Fit(config(tmp_path / "alone.pt"), [str(source)], print)
    done(alone)
    output = tmp_path / "m.pt"
    interrupted(Fit(config(output, train_processes=2), [str(source)], print), 10)
    fit = Fit(config(output), [str(source)], print)
    done(fit)
    assert [row.step for row in fit.curve][-1] == alone.curve[-1].step
    for row, other in zip(fit.curve[::10], alone.curve[::10], strict=True):
        for name, loss in other.held_out_losses.items():
            assert row.held_out_losses[name] == pytest.approx(loss, rel=1e-3)


def test_a_process_that_ends_is_told_of_and_what_was_measured_is_kept(
    source: Path, tmp_path: Path
) -> None:
    fit = Fit(config(tmp_path / "m.pt", train_processes=2), [str(source)], print)
    events = fit.events()
    while not isinstance(next(events), Stepped):
        pass
    children = psutil.Process().children(recursive=True)
    [trains_along] = spawned(children, "hexz.training.crew.run_process")
    trains_along.kill()
    with pytest.raises(CrewFailed, match="process 2 of 2 that train failed: killed"):
        list(events)
    assert load_checkpoint(tmp_path / "m.pt").metadata["fit"]["steps"] == fit.curve[-1].step


def test_what_another_fit_has_left_is_not_touched(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.pt"
    interrupted(Fit(config(output), [str(source)], print), 10)
    left = output.with_suffix(".resume")
    before = left.read_bytes(), output.read_bytes()
    with pytest.raises(
        CannotResume, match=r"m\.resume is of an interrupted fit with other settings"
    ):
        done(Fit(config(output, learning_rate=0.1), [str(source)], print))
    more = write_zip(tmp_path / "more" / "b.zip", game_examples(1, seed=5)[0])
    (source / "b.zip").write_bytes(more.read_bytes())
    try:
        with pytest.raises(CannotResume, match="the sources have other examples"):
            done(Fit(config(output), [str(source)], print))
    finally:
        (source / "b.zip").unlink()
    assert (left.read_bytes(), output.read_bytes()) == before
    left.write_bytes(before[0][:1000])
    with pytest.raises(CannotResume, match="is damaged: delete it"):
        done(Fit(config(output), [str(source)], print))


def test_one_that_is_told_to_stop_keeps_what_it_has(source: Path, tmp_path: Path) -> None:
    fit = Fit(config(tmp_path / "m.pt", reuse=1000.0), [str(source)], print)
    for event in fit.events():
        if isinstance(event, Stepped):
            fit.stop()
    assert fit.curve[-1].step < fit.num_steps
    assert load_checkpoint(tmp_path / "m.pt").metadata["fit"]["steps"] == fit.curve[-1].step > 0


def test_all_kinds_of_sources_and_no_fast_searches(source: Path, tmp_path: Path) -> None:
    games = game_examples(4, seed=9)
    rows = [example for game in games[:2] for example in game]
    write_replay(tmp_path / "models/flagz/x/h5/examples.h5", columns_of(rows))
    fast = [replace(example, full_search=False) for example in games[2]]
    write_zip(tmp_path / "fast.zip", [*fast, *games[3]])
    fit = Fit(config(tmp_path / "m.pt", held_out=0.0, max_seconds=1e-3), [str(tmp_path)], print)
    done(fit)
    assert (fit.examples, fit.held_out) == (len(rows) + len(games[3]), 0)
    assert fit.curve[-1].held_out_losses == {}
    write_zip(tmp_path / "none" / "a.zip", fast)
    with pytest.raises(NothingToFit, match="no examples to train on"):
        done(Fit(config(tmp_path / "m.pt"), [str(tmp_path / "none")], print))


def test_only_the_newest_are_kept_where_there_are_too_many(source: Path, tmp_path: Path) -> None:
    few = {"window_max": 200, "window_min": 200, "max_seconds": 1e-3}
    fit = Fit(config(tmp_path / "m.pt", **few), [str(source)], print)
    done(fit)
    assert fit.examples == 200


def test_what_cannot_be_fitted_is_told_in_one_line(source: Path, tmp_path: Path) -> None:
    import torch

    with pytest.raises(OutputError, match="there is no such directory"):
        done(Fit(config(tmp_path / "nowhere" / "m.pt"), [str(source)], print))
    torch.save(peer_state("B", blocks=1, filters=8), tmp_path / "peer.pt")
    peer = {"blocks": None, "filters": None, "start": str(tmp_path / "peer.pt")}
    with pytest.raises(InvalidModel, match="cannot be trained further"):
        done(Fit(config(tmp_path / "m.pt", **peer), [str(source)], print))


def test_all_held_out_games_are_measured_with(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few of them a train server keeps."""
    counts = set()
    for capacity in (1, 2048):
        monkeypatch.setattr("hexz.training.window.HELD_OUT_CAPACITY", capacity)
        fit = Fit(config(tmp_path / "m.pt", max_seconds=1e-3), [str(source)], print)
        done(fit)
        counts.add(fit.held_out)
    assert len(counts) == 1
    assert counts.pop() > 1
