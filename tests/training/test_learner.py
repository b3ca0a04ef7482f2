"""The learner: it learns, it resumes exactly, and it notices when it breaks."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs

from hexz.engine import Plane
from hexz.errors import InvalidModel, TrainingFailed
from hexz.example import Example
from hexz.model.checkpoint import (
    decode_checkpoint,
    encode_checkpoint,
    known_weights,
    load_checkpoint,
    new_checkpoint,
)
from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet
from hexz.schema.records import TrainingReport
from hexz.schema.training import TrainingConfig
from hexz.training.learner import Learner
from hexz.training.losses import LOSS_NAMES
from hexz.training.network import SOFTNESS, TrainingNet
from hexz.training.report import StepReport
from hexz.training.rows import game_number, is_held_out, to_rows
from hexz.training.steps import MAX_SKIPPED
from tests.model.peers import small_peer
from tests.training.conftest import QUICK, SMALL
from tests.wire.sample import make_example

TINY = ModelConfig(blocks=1, filters=8)


def ignore(_: StepReport) -> None:
    pass


def train(
    learner: Learner,
    examples: Sequence[Example],
    reuse: float = 2,
    on_step: Callable[[StepReport], None] = ignore,
) -> TrainingReport:
    return learner.train(to_rows(examples), reuse=reuse, on_step=on_step)


def checkpoint(learner: Learner, number: int = 1) -> bytes:
    return learner.checkpoint(model_name="susan", number=number)


def weights(model: bytes) -> dict[str, torch.Tensor]:
    return decode_checkpoint(model, "test").net.state_dict()


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []


def split(examples: list[Example]) -> tuple[list[Example], list[Example]]:
    """Those to train on, and those of held-out games."""
    known: list[Example] = []
    held_out: list[Example] = []
    for example in examples:
        is_held = is_held_out(game_number(example.game_id), QUICK.held_out)
        (held_out if is_held else known).append(example)
    return known, held_out


def test_training_on_self_play_lowers_the_held_out_loss(real_examples):
    learner = Learner.new(QUICK, SMALL, seed=9)
    known, held_out = split(real_examples)
    assert len(known) > 1000
    assert len({e.game_id for e in held_out}) > 15
    before = train(learner, held_out)
    assert (before.steps, before.new_held_out) == (0, len(held_out))
    after = train(learner, known)
    assert after.held_out_losses["ownership"] < 0.6 * before.held_out_losses["ownership"]
    assert after.held_out_losses["reply"] < 0.97 * before.held_out_losses["reply"]
    assert after.losses["total"] < before.held_out_losses["total"]


def points_ahead(example: Example) -> Example:
    """The example of a game that whoever is ahead wins. Who wins games of a network that has not
    learnt yet, a hundred games do not teach."""
    planes = example.planes
    result = int(np.sign(planes[Plane.VALUES].sum() - planes[Plane.OPPONENT_VALUES].sum()))
    return replace(example, result=result, root_value=None, score_margin=None)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_value_is_learnt(real_examples, precision):
    known, held_out = split([points_ahead(e) for e in real_examples])
    learner = Learner.new(structs.replace(QUICK, precision=precision), SMALL, seed=9)
    before = train(learner, held_out)
    after = train(learner, known, reuse=4)
    assert after.held_out_losses["value"] < 0.5 * before.held_out_losses["value"]


def best_next_values(example: Example) -> Example:
    """The example with a policy that can be seen on the board: the highest of the next values."""
    best = (example.planes[3] == example.planes[3].max()) & (example.planes[3] > 0)
    if not best.any():
        return example
    policy = np.concatenate([np.zeros(110), best.reshape(-1) / best.sum()]).astype(np.float32)
    return replace(example, policy=policy)


def test_a_policy_is_learnt(real_examples):
    known, held_out = split([best_next_values(e) for e in real_examples])
    learner = Learner.new(QUICK, SMALL, seed=1)
    before = train(learner, held_out)
    after = train(learner, known, reuse=4)
    assert after.held_out_losses["policy"] < 0.7 * before.held_out_losses["policy"]
    assert after.held_out_losses["soft_policy"] < 0.7 * before.held_out_losses["soft_policy"]
    assert after.policy_entropy < before.held_out_losses["policy"]


@pytest.fixture(scope="module")
def batches() -> list[list[Example]]:
    """Five batches of 60 examples from games of six."""
    return [
        [
            make_example(seed=60 * batch + i, game_id=f"game-{batch}-{i // 6}", moves=i % 40)
            for i in range(60)
        ]
        for batch in range(5)
    ]


RESUMING = TrainingConfig(
    batch_size=32, held_out=0.2, window_min=50, window_growth=0.3, window_max=100, decay_from=60
)


def test_a_grown_learner_goes_on_from_what_it_knows(batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    for batch in batches[:2]:
        train(learner, batch)
    before, steps = learner.held_out_losses(), learner.total_steps
    learner.grow(2, 16)
    assert learner.model_config == ModelConfig(2, 16)
    assert learner.held_out_losses() == pytest.approx(before, rel=1e-4)
    assert train(learner, batches[2]).total_steps > steps
    model, state = checkpoint(learner), learner.training_state()
    resumed = Learner.resume(RESUMING, model, state, map(to_rows, reversed(batches[:3])))
    assert train(resumed, batches[3]).losses == train(learner, batches[3]).losses


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_resumed_learner_goes_on_exactly_as_the_one_before(after, batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    for batch in batches[:after]:
        train(learner, batch)
    model, state = checkpoint(learner), learner.training_state()
    torch.manual_seed(after)  # the process's own random numbers must not matter
    resumed = Learner.resume(RESUMING, model, state, map(to_rows, reversed(batches[:after])))
    for batch in batches[after:]:
        expected, found = train(learner, batch), train(resumed, batch)
        assert found.losses == expected.losses
        assert found.held_out_losses == expected.held_out_losses
        assert found.total_steps == expected.total_steps
        assert found.window_size == expected.window_size
        assert_equal(weights(checkpoint(resumed)), weights(checkpoint(learner)))
    assert_equal(
        torch.load(BytesIO(resumed.training_state()), weights_only=True)["net"],
        torch.load(BytesIO(learner.training_state()), weights_only=True)["net"],
    )


def test_a_state_of_before_the_soft_policy_is_resumed_with_a_fresh_head(batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    train(learner, batches[0])
    model, state = checkpoint(learner), torch.load(BytesIO(learner.training_state()))
    for name in ("net", "average_heads"):
        heads = [key for key in state[name] if "soft_policy." in key]
        for key in heads:
            del state[name][key]
    remembered = state["optimizer"]["adamw"]["state"]
    for number in sorted(remembered)[-len(heads) :]:
        del remembered[number]
    old = BytesIO()
    torch.save(state, old)
    resumed = Learner.resume(RESUMING, model, old.getvalue(), [to_rows(batches[0])])
    assert_equal(weights(checkpoint(resumed)), weights(model))
    assert train(resumed, batches[1]).skipped_steps == 0
    del remembered[max(remembered)]
    assert_refused(model, state)
    whole = torch.load(BytesIO(learner.training_state()))
    del whole["net"]["auxiliary.reply.out.weight"]
    assert_refused(model, whole)


def assert_refused(model: bytes, state: object) -> None:
    damaged = BytesIO()
    torch.save(state, damaged)
    with pytest.raises(InvalidModel, match="is damaged, or of another network or version"):
        Learner.resume(RESUMING, model, damaged.getvalue(), [])


def trained_model(batches: list[list[Example]]) -> bytes:
    learner = Learner.new(RESUMING, TINY, seed=7)
    train(learner, batches[0])
    return checkpoint(learner)


def test_heads_that_a_file_lacks_learn_alone(batches):
    """And what they say is then worth teaching a tower that is trained."""
    model = trained_model(batches)
    learner = Learner.resume(RESUMING, model, None)
    learner.window.add(to_rows(batches[0]))
    fresh = learner.held_out_losses()
    shares = list(learner.settle())
    settled = learner.held_out_losses()
    assert shares[-1] == 1
    assert settled["reply"] < fresh["reply"] - 0.5
    for name in ("policy", "value", "ownership", "margin"):
        assert settled[name] == fresh[name]
    assert_equal(weights(checkpoint(learner)), weights(model))
    # The network in training has them, too.
    learner.train_on_window(1, rate_share=1e-6)
    assert learner.held_out_losses()["reply"] < settled["reply"] + 0.1


def test_the_soft_policy_of_a_trained_network_begins_as_its_policy_softened(batches):
    net = decode_checkpoint(trained_model(batches), "it").net
    assert isinstance(net, HexzNet)
    planes = torch.from_numpy(np.stack([example.planes for example in batches[0][:5]]))
    found = TrainingNet(net).eval()(planes)
    assert torch.allclose(found.soft_policy * SOFTNESS, found.logits, atol=1e-5)


def test_the_learning_rate_is_that_of_the_examples_so_far(batches):
    decaying = Learner.new(RESUMING, TINY, seed=7)
    total = train(decaying, batches[0]).total_examples + len(split_by(RESUMING, batches[1]))
    train(decaying, batches[1])
    share = RESUMING.rate_share_after(total)
    assert share < 1
    constant = Learner.new(RESUMING, TINY, seed=7)
    train(constant, batches[0])
    rates = {
        "learning_rate": share * RESUMING.learning_rate,
        "kernel_rate": share * RESUMING.kernel_rate,
    }
    config = structs.replace(RESUMING, **rates, decay_from=10**9)
    resumed = Learner.resume(
        config, checkpoint(constant), constant.training_state(), map(to_rows, batches[:1])
    )
    train(resumed, batches[1])
    assert_equal(weights(checkpoint(resumed)), weights(checkpoint(decaying)))


def test_a_share_of_the_rates(batches):
    third = Learner.new(RESUMING, TINY, seed=7)
    report = third.train(to_rows(batches[0]), reuse=2, rate_share=1 / 3, on_step=ignore)
    assert report.rate_share == 1 / 3
    rates = {
        "learning_rate": RESUMING.learning_rate / 3,
        "kernel_rate": RESUMING.kernel_rate / 3,
    }
    same = Learner.new(structs.replace(RESUMING, **rates), TINY, seed=7)
    train(same, batches[0])
    ours, expected = weights(checkpoint(third)), weights(checkpoint(same))
    assert ours.keys() == expected.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, expected[name])
    none = Learner.new(RESUMING, TINY, seed=7)
    before = {name: tensor.clone() for name, tensor in none._steps.net.named_parameters()}
    none.train(to_rows(batches[0]), reuse=2, rate_share=0.0, on_step=ignore)
    assert_equal(before, dict(none._steps.net.named_parameters()))


def split_by(config: TrainingConfig, examples: Sequence[Example]) -> list[Example]:
    """Those to train on."""
    return [e for e in examples if not is_held_out(game_number(e.game_id), config.held_out)]


def test_the_seeds_decide_everything(batches):
    def result(seed: int, config: TrainingConfig) -> dict[str, torch.Tensor]:
        learner = Learner.new(config, TINY, seed)
        train(learner, batches[0])
        return weights(checkpoint(learner))

    assert_equal(result(7, RESUMING), result(7, RESUMING))
    for other in (result(8, RESUMING), result(7, structs.replace(RESUMING, seed=1))):
        assert not torch.equal(other["stem.0.weight"], result(7, RESUMING)["stem.0.weight"])


def test_without_a_training_state_only_the_weights_remain(batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    train(learner, batches[0])
    resumed = Learner.resume(RESUMING, checkpoint(learner), None, map(to_rows, batches[:1]))
    assert_equal(weights(checkpoint(resumed)), weights(checkpoint(learner)))
    assert (resumed.window.total, resumed.total_steps) == (0, 0)


def test_a_new_configuration_holds_from_the_next_training_on(batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    train(learner, batches[0])
    still = structs.replace(
        RESUMING, learning_rate=0.0, kernel_rate=0.0, weight_decay=0.0, ema_decay=0.0
    )
    resumed = Learner.resume(still, checkpoint(learner), learner.training_state())
    before = torch.load(BytesIO(learner.training_state()), weights_only=True)["net"]
    train(resumed, batches[1])
    after = torch.load(BytesIO(resumed.training_state()), weights_only=True)["net"]
    parameters = [key for key in before if not key.endswith(("mean", "var", "tracked"))]
    assert all(torch.equal(before[key], after[key]) for key in parameters)


def test_checkpoint_zero_is_the_fresh_network():
    learner = Learner.new(QUICK, TINY, seed=7)
    fresh = new_checkpoint(TINY, seed=7).net.state_dict()
    found = weights(checkpoint(learner))
    assert_equal({key: found[key] for key in fresh}, fresh)


def test_the_file_is_a_checkpoint_without_what_only_training_needs(batches, tmp_path: Path):
    learner = Learner.new(RESUMING, TINY, seed=7)
    train(learner, batches[0])
    file = tmp_path / "model.pt"
    file.write_bytes(
        learner.checkpoint(model_name="susan", number=3, metadata={"losses": {"total": 1.5}})
    )
    loaded = load_checkpoint(file)
    assert (loaded.model_name, loaded.number, loaded.config) == ("susan", 3, TINY)
    assert loaded.metadata == {"losses": {"total": 1.5}}
    assert loaded.net.state_dict().keys() == HexzNet(TINY, outlook=True).state_dict().keys()


@pytest.mark.parametrize("begins", ["random", "trained", "trained and resumed"])
def test_the_model_is_an_average_of_weights_and_of_batch_norm_statistics(batches, begins):
    """With a decay of d a step, the average moves by 1 - d of its distance to the weights. At
    first that is more, if it begins with random ones."""
    config = structs.replace(RESUMING, ema_decay=0.15)
    learner = Learner.new(config, TINY, seed=7)
    if begins != "random":
        learner = Learner.resume(config, trained_model(batches), None)
    if begins == "trained and resumed":
        state = learner.training_state()
        learner = Learner.resume(config, trained_model(batches), state)
    average = weights(checkpoint(learner))

    def follow(report: StepReport) -> None:
        decay = min(0.15, report.step / (report.step + 9)) if begins == "random" else 0.15
        now = torch.load(BytesIO(learner.training_state()), weights_only=True)["net"]
        for key, value in average.items():
            if value.is_floating_point():
                place = key.replace("outlook_heads.", "auxiliary.")
                average[key] = (
                    decay * value + (1 - decay) * now[place if place != key else f"net.{key}"]
                )

    train(learner, batches[0], on_step=follow)
    found = weights(checkpoint(learner))
    for key, value in average.items():
        if value.is_floating_point():
            assert torch.allclose(found[key], value, rtol=1e-4, atol=1e-6), key
    assert not torch.equal(found["stem.1.running_mean"], torch.zeros(8))


def test_a_random_start_is_forgotten_after_a_resume_too(batches):
    """Although the file of the model that it goes on from has all heads."""
    first = Learner.new(RESUMING, TINY, seed=7)
    model, state = checkpoint(first), first.training_state()
    resumed = Learner.resume(RESUMING, model, state)
    for learner in (first, resumed):
        train(learner, batches[0])
    assert_equal(weights(checkpoint(resumed)), weights(checkpoint(first)))


def test_each_new_example_is_trained_on_reuse_times_on_average(batches):
    learner = Learner.new(structs.replace(RESUMING, held_out=0), TINY, seed=7)
    steps: list[StepReport] = []
    report = train(learner, batches[0], reuse=3.2, on_step=steps.append)
    assert report.steps == report.total_steps == len(steps) == 6  # 60 * 3.2 / 32
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert all(step.num_steps == 6 and not step.skipped for step in steps)
    assert report.losses["total"] == pytest.approx(np.mean([s.losses["total"] for s in steps]))
    assert tuple(report.losses) == LOSS_NAMES
    assert report.held_out_losses == {}
    with pytest.raises(ValueError, match="reuse"):
        train(learner, batches[1], reuse=0.5)


def test_what_on_step_raises_ends_the_training(batches):
    class Stop(Exception):
        pass

    def stop(report: StepReport) -> None:
        if report.step == 2:
            raise Stop

    learner = Learner.new(RESUMING, TINY, seed=7)
    with pytest.raises(Stop):
        train(learner, batches[0], on_step=stop)
    assert learner.total_steps == 2


BROKEN = make_example(seed=999, game_id="fine", root_value=float("nan"))
"""No decoder lets this pass; it stands for any number that training itself makes infinite."""


def test_a_step_that_is_not_finite_is_skipped_and_forgotten(batches):
    config = structs.replace(RESUMING, held_out=0, window_min=100)
    learner = Learner.new(config, TINY, seed=7)
    steps: list[StepReport] = []
    report = train(learner, [*batches[0], BROKEN], reuse=1, on_step=steps.append)
    assert report.skipped_steps == 1
    assert [step.skipped for step in steps].count(True) == 1
    assert np.isfinite([*report.losses.values(), report.gradient_norm]).all()
    model = decode_checkpoint(checkpoint(learner), "test")  # which refuses what is not finite
    assert model.net(torch.from_numpy(BROKEN.planes)[None])[1].isfinite().all()


def test_a_training_that_diverges_fails(batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    steps: list[StepReport] = []
    broken = [replace(BROKEN, game_id="game-0-1", move_number=i) for i in range(60)]
    with pytest.raises(TrainingFailed, match="diverged") as caught:
        train(learner, broken, reuse=10, on_step=steps.append)
    assert "\n" not in str(caught.value)
    assert len(steps) == MAX_SKIPPED


def overflowing(weight: float) -> Learner:
    """A learner with huge weights in its first layer."""
    fresh = new_checkpoint(TINY, seed=7)
    known_weights(fresh).tensors["stem.0.weight"].fill(weight)
    return Learner.resume(RESUMING, encode_checkpoint(fresh), None)


def test_infinite_activations_do_not_stay_in_the_batch_norms(batches):
    learner = overflowing(3e38)
    report = train(learner, batches[0][:30])
    assert report.skipped_steps == report.steps > 0
    assert report.losses == {}
    net = torch.load(BytesIO(learner.training_state()), weights_only=True)["net"]
    assert all(value.isfinite().all() for value in net.values())


def test_a_model_that_is_not_finite_is_never_handed_out(batches):
    """Here the losses are finite, but the variance that a batch norm remembers is not."""
    with pytest.raises(TrainingFailed, match="weights of the model are not finite"):
        train(overflowing(1e30), batches[0][:30])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_damaged_training_state_is_refused(share, batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    state = learner.training_state()
    with pytest.raises(InvalidModel, match="training state is damaged") as caught:
        Learner.resume(RESUMING, checkpoint(learner), state[: int(share * len(state))])
    assert "\n" not in str(caught.value)


def test_a_small_training_state_cannot_claim_much_memory():
    learner = Learner.new(RESUMING, TINY, seed=7)
    packed = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(learner.training_state())) as state,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for entry in state.infolist():
            archive.writestr(entry.filename, state.read(entry))
    with pytest.raises(InvalidModel, match="training state is damaged"):
        Learner.resume(RESUMING, checkpoint(learner), packed.getvalue())


def test_the_training_state_of_another_network_is_refused():
    state = Learner.new(RESUMING, SMALL, seed=7).training_state()
    with pytest.raises(InvalidModel, match="another network"):
        Learner.resume(RESUMING, checkpoint(Learner.new(RESUMING, TINY, seed=7)), state)


def test_models_that_cannot_be_trained_are_refused():
    peer = BytesIO()
    torch.save(small_peer("B"), peer)
    with pytest.raises(InvalidModel, match="Go server"):
        Learner.resume(RESUMING, peer.getvalue(), None)
    with pytest.raises(InvalidModel, match="the checkpoint"):
        Learner.resume(RESUMING, b"no model", None)


class Trap:
    """Creates a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_training_state_is_not_run(tmp_path, batches):
    learner = Learner.new(RESUMING, TINY, seed=7)
    state = BytesIO()
    torch.save({"format": Trap(tmp_path / "sprung")}, state)
    with pytest.raises(InvalidModel, match="training state is damaged"):
        Learner.resume(RESUMING, checkpoint(learner), state.getvalue(), [])
    assert list(tmp_path.iterdir()) == []
