"""Training with a tower in bfloat16: when it is done, its gradients and what is kept."""

from __future__ import annotations

import pytest
import torch
from msgspec import structs

from hexz.model.checkpoint import decode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.processor import Processor
from hexz.schema.training import TrainingConfig
from hexz.training import steps
from hexz.training.batch import make_batch
from hexz.training.learner import Learner, trainable
from hexz.training.losses import losses
from hexz.training.network import TrainingNet
from hexz.training.rows import to_rows
from hexz.training.steps import tower_dtype
from tests.training.conftest import QUICK, SMALL

HALF = structs.replace(QUICK, precision="bfloat16")


@pytest.mark.parametrize(
    ("features", "settings", "expected"),
    [
        (("AVX2", "AVX-512 BF16"), {}, torch.bfloat16),
        (("AVX2", "AVX-512 VNNI"), {}, None),
        (("AVX2", "AVX-512 BF16"), {"device": "cuda"}, None),
        (("AVX2", "AVX-512 BF16"), {"precision": "float32"}, None),
        (("AVX2",), {"precision": "bfloat16"}, torch.bfloat16),
        (("AVX2",), {"precision": "bfloat16", "device": "cuda"}, torch.bfloat16),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_instructions_for_it(
    monkeypatch, features, settings, expected
):
    monkeypatch.setattr(steps, "processor", lambda: Processor("a processor", features))
    assert tower_dtype(TrainingConfig(**settings)) == expected


@pytest.mark.parametrize("kernel", ["ring", "square"])
def test_gradients_point_where_those_of_float32_do(real_examples, kernel):
    torch.manual_seed(3)  # of the auxiliary heads
    model = trainable(new_checkpoint(ModelConfig(blocks=2, filters=16, kernel=kernel), seed=3))
    net = TrainingNet(model).train()
    rows = torch.from_numpy(to_rows(real_examples[:256]).view("u1").reshape(256, -1))
    batch = make_batch(
        rows, torch.zeros(256, dtype=torch.int64), margin_share=0.25, root_value_share=0.3
    )

    def gradient(dtype: torch.dtype | None) -> list[torch.Tensor]:
        net.net.tower_dtype = dtype
        net.zero_grad()
        losses(net(batch.planes), batch, QUICK)["total"].backward()
        return [parameter.grad.flatten() for parameter in net.parameters()]

    for exact, half in zip(gradient(None), gradient(torch.bfloat16), strict=True):
        assert half.dtype == torch.float32
        if exact.norm() > 1e-4:  # the bias before a batch norm has no gradient
            assert torch.cosine_similarity(exact, half, dim=0) > 0.97


def test_a_network_that_learns_in_bfloat16_is_kept_in_float32(real_examples):
    learner = Learner.new(HALF, SMALL, seed=9)
    report = learner.train(to_rows(real_examples), reuse=2, on_step=lambda _: None)
    kept = decode_checkpoint(learner.checkpoint(model_name="m", number=1), "m").net
    assert {p.dtype for p in kept.parameters()} == {torch.float32}
    assert learner.held_out_losses() == report.held_out_losses
