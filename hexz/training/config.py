"""Every constant of training that is worth changing, with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hexz.engine.settings import InvalidSettings


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Sources: [KG] Wu, "Accelerating Self-Play Learning in Go", arXiv:1902.10565; [AW] Loshchilov
    and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101; [MU] Jordan et al.,
    "Muon: An optimizer for hidden layers in neural networks", 2024. Where none is given, a
    40-minute trial of this game with these values learnt to beat the reference player.

    Attributes:
        batch_size: examples of an optimizer step.
        learning_rate: to begin with, of AdamW [AW], which trains all but the tower's kernels.
        kernel_rate: the same of Muon [MU], which trains those.
        decay_from: examples trained on until which these rates are constant; from then on they
            fall with the inverse square root of their number. docs/experiments.md has a test.
        weight_decay, kernel_decay: of AdamW and Muon.
        clip_norm: the norm to which longer gradients are shortened.
        ema_decay: decay a step of the moving average of the weights, which is the model that
            plays [KG].
        reuse: how often an example is trained on, on average; at least 1.
        window_min: examples in the replay window before it grows; there may be fewer yet.
        window_growth: of the examples beyond window_min, the share that the window holds.
        window_max: examples in the window at most; 2.2 KB each are needed as it fills.
        held_out: share of the games that are never trained on but measured with.
        value_weight, ownership_weight, margin_weight: weights of the losses beside the policy's.
        reply_weight: the same of the policy of the next position [KG]; docs/experiments.md has a
            test.
        margin_share: of the value target, the share of tanh(score margin / 15); the rest is the
            result of the game.
        root_value_share: of the value target, the share that the value found by the search has
            in the end.
        root_value_ramp: examples trained on until that share is reached; it grows from 0, since
            the values of a fresh network are noise.
        seed: of the choice of examples and their symmetries.
        device: "cpu", "cuda" or "mps".

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    batch_size: int = 256
    learning_rate: float = 2e-3
    kernel_rate: float = 2e-2
    decay_from: int = 250_000
    weight_decay: float = 1e-2
    kernel_decay: float = 1e-1
    clip_norm: float = 4.0
    ema_decay: float = 0.995
    reuse: float = 4.0
    window_min: int = 20_000
    window_growth: float = 0.5
    window_max: int = 500_000
    held_out: float = 1 / 32
    value_weight: float = 2.0
    ownership_weight: float = 0.7
    margin_weight: float = 0.3
    reply_weight: float = 0.15
    margin_share: float = 0.25
    root_value_share: float = 0.3
    root_value_ramp: int = 300_000
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        inf = float("inf")
        for name, low, high in (
            ("batch_size", 1, 1 << 16),
            ("clip_norm", 1e-6, inf),
            ("learning_rate", 0, 1),
            ("kernel_rate", 0, 1),
            ("decay_from", 1, inf),
            ("weight_decay", 0, 1),
            ("kernel_decay", 0, 1),
            ("ema_decay", 0, 1),
            ("reuse", 1, 1000),
            ("window_min", 1, inf),
            ("window_growth", 0, 1),
            ("window_max", self.window_min, inf),
            ("held_out", 0, 0.9),
            ("value_weight", 0, inf),
            ("ownership_weight", 0, inf),
            ("margin_weight", 0, inf),
            ("reply_weight", 0, inf),
            ("margin_share", 0, 1),
            ("root_value_share", 0, 1),
            ("root_value_ramp", 1, inf),
            ("seed", 0, 2**64 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high or value == inf:
                raise InvalidSettings(f"{name} must be in {low:g}..{high:g}, not {value:g}")

    def window_size(self, total: int) -> int:
        """Examples that the replay window spans after `total` examples."""
        grown = self.window_min + int(self.window_growth * max(0, total - self.window_min))
        return min(self.window_max, grown)

    def rate_share_after(self, total: int) -> float:
        """The share of the first learning rates that is left after `total` examples."""
        return min(1.0, math.sqrt(self.decay_from / max(total, 1)))

    def root_value_share_after(self, total: int) -> float:
        """The share of the search's value in the value target after `total` examples."""
        return self.root_value_share * min(1.0, total / self.root_value_ramp)
