"""Every constant of training that is worth changing, with its source."""

import math
import sys
from typing import Annotated, Literal, Self

from hexz.errors import InvalidSettings
from hexz.schema.declaration import Settings, setting
from hexz.schema.shared import Device, Seed

Precision = Literal["auto", "float32", "bfloat16"]

TrainProcesses = Annotated[
    int,
    setting(
        "Processes that train together: one core each, or one GPU each. The batch size must be a "
        "multiple.",
        ge=1,
        le=64,
    ),
]


class LearningConfig(Settings, frozen=True, kw_only=True):
    """The settings of learning from examples, wherever they come from; their sources are those of
    `TrainingConfig`.

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    batch_size: Annotated[int, setting("Examples of an optimizer step.", ge=1, le=1 << 16)] = 256
    learning_rate: Annotated[
        float,
        setting(
            "First learning rate of AdamW [AW], which trains everything but the kernels of the "
            "tower.",
            ge=0,
            le=1,
        ),
    ] = 2e-3
    kernel_rate: Annotated[
        float,
        setting(
            "First learning rate of Muon [MU], which trains the kernels of the tower.", ge=0, le=1
        ),
    ] = 2e-2
    weight_decay: Annotated[float, setting("Weight decay of AdamW [AW].", ge=0, le=1)] = 1e-2
    kernel_decay: Annotated[float, setting("Weight decay of Muon [MU].", ge=0, le=1)] = 1e-1
    clip_norm: Annotated[
        float, setting("Norm to which longer gradients are shortened.", ge=1e-6)
    ] = 4.0
    ema_decay: Annotated[
        float,
        setting(
            "Decay a step of the moving average of the weights, which is the model that plays "
            "[KG].",
            ge=0,
            le=1,
        ),
    ] = 0.995
    reuse: Annotated[
        float,
        setting(
            "Times that an example is trained on, on average, if training keeps up.", ge=1, le=1000
        ),
    ] = 4.0
    window_max: Annotated[
        int,
        setting(
            "Examples in the replay window at most; 2.2 KB of memory are needed for each as it "
            "fills.",
            ge=1,
        ),
    ] = 500_000
    held_out: Annotated[
        float,
        setting("Share of the games that are never trained on but measured with.", ge=0, le=0.9),
    ] = 1 / 32
    value_weight: Annotated[
        float, setting("Weight of the value's loss beside the policy's.", ge=0)
    ] = 2.0
    soft_policy_weight: Annotated[
        float,
        setting(
            "Weight of the loss of the softened policy, in which all moves count; "
            "docs/experiments.md has a test.",
            ge=0,
        ),
    ] = 8.0
    ownership_weight: Annotated[
        float, setting("Weight of the loss of the cells' final owners.", ge=0)
    ] = 0.7
    margin_weight: Annotated[float, setting("Weight of the loss of the score margin.", ge=0)] = 0.3
    reply_weight: Annotated[
        float,
        setting(
            "Weight of the loss of the next position's policy [KG]; docs/experiments.md has a "
            "test.",
            ge=0,
        ),
    ] = 0.15
    margin_share: Annotated[
        float,
        setting(
            "Share of tanh(score margin / 15) in the value target; the rest is the result of the "
            "game.",
            ge=0,
            le=1,
        ),
    ] = 0.25
    root_value_share: Annotated[
        float,
        setting(
            "Share that the value found by the search has in the value target in the end.",
            ge=0,
            le=1,
        ),
    ] = 0.3
    precision: Annotated[
        Precision,
        setting(
            "Precision of the tower; weights and heads are of float32 in any. 'auto' is bfloat16 "
            "on a processor that has instructions for it, and float32 elsewhere."
        ),
    ] = "auto"
    seed: Seed = 0
    device: Device = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision == "bfloat16" and self.device == "mps":
            raise InvalidSettings("precision must be float32 with the device mps")

    def check_processes(self, number: int) -> None:
        """Checks that so many processes can train together; raises InvalidSettings if not."""
        if self.batch_size % number:
            raise InvalidSettings(
                f"batch_size must be a multiple of train_processes: {self.batch_size} examples "
                f"cannot be shared by {number} processes"
            )
        if number > 1 and self.device == "mps":
            raise InvalidSettings("train_processes must be 1 with the device mps")


class TrainingConfig(LearningConfig, frozen=True, kw_only=True):
    """The settings of training, which goes on while examples arrive.

    Sources: [KG] Wu, "Accelerating Self-Play Learning in Go", arXiv:1902.10565; [AW] Loshchilov
    and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101; [MU] Jordan et al.,
    "Muon: An optimizer for hidden layers in neural networks", 2024. Where none is given, a
    40-minute trial of this game with these values learnt to beat the reference player `uct`.

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    decay_from: Annotated[
        int,
        setting(
            "Examples trained on until which both rates are constant. From then on they fall with "
            "the inverse square root of that number; docs/experiments.md has a test.",
            ge=1,
        ),
    ] = 250_000
    window_min: Annotated[
        int,
        setting(
            "Examples in the replay window before it grows, no more than window_max; there may be "
            "fewer yet.",
            ge=1,
        ),
    ] = 20_000
    window_growth: Annotated[
        float,
        setting("Share of all further examples that the window grows by.", ge=0, le=1),
    ] = 0.5
    root_value_ramp: Annotated[
        int,
        setting(
            "Examples trained on until that share is reached. It grows from 0, since the values "
            "of a fresh network are noise.",
            ge=1,
        ),
    ] = 300_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window_max < self.window_min:
            raise InvalidSettings(
                f"window_max must be in {self.window_min}..inf, where window_min is, "
                f"not {self.window_max}"
            )

    @classmethod
    def for_examples(cls, settings: LearningConfig) -> Self:
        """The settings for examples that are all there before the first step: all of them count
        alike, and nothing changes with how many they are."""
        return cls(
            **{name: getattr(settings, name) for name in LearningConfig.__struct_fields__},
            window_min=settings.window_max,
            window_growth=0.0,
            decay_from=sys.maxsize,
            root_value_ramp=1,
        )

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
