"""Processes that train together: they do what one would do, and one that ends is told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
import torch
from msgspec import structs
from torch import nn

from hexz.example import Example
from hexz.model.checkpoint import decode_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.records import TrainingReport
from hexz.schema.training import TrainingConfig
from hexz.training.crew import Crew, CrewFailed
from hexz.training.group import Group
from hexz.training.learner import Learner, restore, trainable
from hexz.training.norm import GroupBatchNorm
from hexz.training.rows import to_rows
from hexz.training.steps import Run, Steps
from tests.training.test_learner import BROKEN
from tests.wire.sample import make_example

CONFIG = TrainingConfig(
    batch_size=48,
    held_out=0.2,
    window_min=60,
    learning_rate=2e-4,
    kernel_rate=2e-3,
    precision="float32",
)
TINY = ModelConfig(blocks=2, filters=8)
CPU = torch.device("cpu")


def at_once(directory: Path, size: int, work: Callable[[Group], Any]) -> list[Any]:
    """What each member of a group returns; they are threads, whose collectives are real ones."""
    results: list[Any] = [None] * size
    directory.mkdir(exist_ok=True)

    def run(rank: int) -> None:
        results[rank] = work(Group.meet(directory / "group", rank, size, CPU))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [(torch.float32, 1e-3, 1e-4), (torch.bfloat16, 1e-2, 5e-2)]
)
def test_a_batch_norm_of_parts_is_that_of_the_whole(tmp_path, size, dtype, rtol, atol):
    torch.manual_seed(5)
    # Far from 0, where sums of squares would lose digits.
    x = torch.randn(4 * size, 3, 5, 4) * torch.tensor([1.0, 5.0, 0.1])[None, :, None, None] + 100
    x = x.to(dtype)
    gradient = torch.randn_like(x)

    def result(group: Group) -> tuple[torch.Tensor, ...]:
        norm = GroupBatchNorm(nn.BatchNorm2d(3)).train()
        norm.group = group
        nn.init.constant_(norm.weight, 1.5)
        part = x.chunk(group.size)[group.rank].clone().requires_grad_()
        output = norm(part)
        output.backward(gradient.chunk(group.size)[group.rank])
        return output.detach(), part.grad, norm.weight.grad, norm.running_mean, norm.running_var

    alone = result(Group())
    parts = at_once(tmp_path, size, result)
    for i in (0, 1):
        torch.testing.assert_close(torch.cat([p[i] for p in parts]), alone[i], rtol=rtol, atol=atol)
    torch.testing.assert_close(sum(p[2] for p in parts), alone[2], rtol=1e-3, atol=1e-3)
    for i in (3, 4):
        assert all(torch.equal(p[i], parts[0][i]) for p in parts)
        torch.testing.assert_close(parts[0][i], alone[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("folder", ["", "x" * 120])  # a path too long for a socket
def test_all_add_up_to_the_same_few_numbers_or_many(tmp_path, folder):
    directory = tmp_path / folder
    directory.mkdir(exist_ok=True)
    for count in (3, 10_000):

        def add_up(group: Group, count: int = count) -> torch.Tensor:
            return group.add_up(torch.full((count,), 1.0 + group.rank))

        for found in at_once(directory / str(count), 3, add_up):
            assert torch.equal(found, torch.full((count,), 6.0))


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Some lack targets, so that parts of a batch have different numbers of them."""
    return [
        make_example(seed=i, game_id=f"game-{i // 6}", moves=i % 40)
        if i % 5
        else make_example(seed=i, game_id=f"game-{i // 6}", score_margin=None, reply=None)
        for i in range(150)
    ]


def train_together(
    directory: Path, size: int, batches: list[list[Example]], config: TrainingConfig = CONFIG
) -> list[Any]:
    """Trains on some batches; returns the learner and its reports, and the steps of the others."""
    first = Learner.new(config, TINY, seed=7)
    model = first.checkpoint(model_name="m", number=0)
    state = first.training_state()
    queues: list[SimpleQueue[Run]] = [SimpleQueue() for _ in range(size)]

    def work(group: Group) -> Any:
        if group.rank:
            steps = Steps(config, trainable(decode_checkpoint(model, "m")), CPU)
            restore(steps, state)
            steps.join(group)
            for _ in batches:
                run = queues[group.rank].get()
                steps.take(run, None, lambda report: None)
                steps.held_out_losses(run, None)
            return steps

        def tell(run: Run) -> None:
            for queue in queues[1:]:
                queue.put(run)

        first.join(group, tell)
        return first, [
            first.train(to_rows(batch), reuse=2, on_step=lambda r: None) for batch in batches
        ]

    return at_once(directory, size, work)


def test_fewer_games_may_be_held_out_than_there_are_processes(tmp_path, examples):
    rows = torch.from_numpy(to_rows(examples[:1]).view("u1").reshape(1, -1))
    run = Run(steps=0, examples=100, held_out=1)
    model = Learner.new(CONFIG, TINY, seed=7).checkpoint(model_name="m", number=0)
    net = trainable(decode_checkpoint(model, "m"))
    members = [Steps(CONFIG, net, CPU) for _ in range(3)]
    alone = members[0].held_out_losses(run, rows)

    def losses(group: Group) -> dict[str, float]:
        steps = members[group.rank]
        steps.join(group)
        return steps.held_out_losses(run, None if group.rank else rows)

    for found in at_once(tmp_path, 3, losses):
        assert found == pytest.approx(alone, rel=1e-4)


@pytest.mark.parametrize(
    ("size", "precision", "tolerance"),
    [(2, "float32", 1e-3), (3, "float32", 1e-3), (2, "bfloat16", 1e-2)],
)
def test_processes_learn_what_one_would(tmp_path, size, precision, tolerance, examples):
    batches = [examples[:70], examples[70:]]
    config = structs.replace(CONFIG, precision=precision)
    alone = Learner.new(config, TINY, seed=7)
    begun = weights(alone)
    expected = [alone.train(to_rows(batch), reuse=2, on_step=lambda r: None) for batch in batches]
    (together, reports), *others = train_together(tmp_path, size, batches, config)
    for report, other in zip(reports, expected, strict=True):
        assert_close(report, other, tolerance)
    # Of the way that the weights have gone, the difference is a small part: Muon computes in
    # 16 bits, where a last digit of the gradient can change another one.
    one, two = weights(alone), weights(together)
    way = torch.cat([(one[name] - begun[name]).flatten() for name in one])
    difference = torch.cat([(one[name] - two[name]).flatten() for name in one])
    assert difference.norm() < 2 * tolerance * way.norm()
    for steps in others:
        ours, theirs = together._steps.net.state_dict(), steps.net.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    state = learner._steps.net.state_dict()
    return {name: value.clone() for name, value in state.items() if value.is_floating_point()}


def assert_close(one: TrainingReport, other: TrainingReport, tolerance: float) -> None:
    figures = ("steps", "skipped_steps", "new_examples", "new_held_out", "total_examples")
    assert [getattr(one, name) for name in figures] == [getattr(other, name) for name in figures]
    assert one.losses == pytest.approx(other.losses, rel=tolerance)
    assert one.held_out_losses == pytest.approx(other.held_out_losses, rel=10 * tolerance)
    assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=10 * tolerance)


def test_a_number_that_is_not_finite_is_skipped_by_all(tmp_path, examples):
    (together, [report]), other = train_together(tmp_path, 2, [[*examples[:70], BROKEN]])
    assert report.skipped_steps >= 1
    assert other.total == together.total_steps
    assert all(value.isfinite().all() for value in other.net.state_dict().values())


def test_one_process_alone_makes_no_files_that_it_would_leave_if_it_were_killed(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Crew(CONFIG, 1) as crew:
        crew.train_with(Learner.new(CONFIG, TINY, seed=7))
        assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def crew() -> Iterator[tuple[Crew, Learner]]:
    config = structs.replace(CONFIG, batch_size=32)
    with Crew(config, 2) as crew:
        learner = Learner.new(config, TINY, seed=7)
        crew.train_with(learner)
        yield crew, learner


def test_a_process_that_is_killed_is_told_of_in_training_and_between(crew, examples):
    crew, learner = crew

    def kill(step: object) -> None:
        crew.check()
        crew._children[0].process.kill()

    report = learner.train(to_rows(examples[:40]), reuse=1, on_step=lambda r: crew.check())
    assert report.steps > 0
    assert len(psutil.Process(crew._children[0].process.pid).net_connections("tcp")) > 0
    listening = psutil.Process().net_connections("tcp")
    assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    with pytest.raises(CrewFailed, match=r"process 2 of 2 .* killed by SIGKILL"), crew.watched():
        learner.train(to_rows(examples), reuse=9, on_step=kill)
