"""Settings of training: their bounds, and that they need no PyTorch."""

import subprocess
import sys

import pytest

from hexz.errors import InvalidSettings
from hexz.schema.training import LearningConfig, TrainingConfig


def test_the_window_grows_by_its_share_up_to_its_limit():
    config = TrainingConfig(window_min=1000, window_growth=0.25, window_max=2000)
    sizes = [config.window_size(total) for total in (0, 1000, 2000, 4999, 5000, 10**9)]
    assert sizes == [1000, 1000, 1250, 1999, 2000, 2000]


def test_the_learning_rates_fall_with_the_square_root_of_the_examples():
    config = TrainingConfig(decay_from=1000)
    shares = [config.rate_share_after(total) for total in (0, 1000, 4000, 100_000)]
    assert shares == pytest.approx([1, 1, 0.5, 0.1])


def test_nothing_changes_with_the_number_of_examples_that_are_all_there() -> None:
    config = TrainingConfig.for_examples(LearningConfig(window_max=5_000, root_value_share=0.4))
    for total in (1, 5_000, 10**9):
        assert config.window_size(total) == 5_000
        assert config.rate_share_after(total) == 1.0
        assert config.root_value_share_after(total) == 0.4


def test_the_search_gets_its_say_in_the_value_target_little_by_little():
    config = TrainingConfig(root_value_share=0.2, root_value_ramp=1000)
    shares = [config.root_value_share_after(total) for total in (0, 500, 1000, 10**9)]
    assert shares == pytest.approx([0, 0.1, 0.2, 0.2])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("learning_rate", float("nan")),
        ("kernel_rate", 2),
        ("decay_from", 0),
        ("weight_decay", -0.1),
        ("kernel_decay", float("nan")),
        ("clip_norm", 0),
        ("clip_norm", float("inf")),
        ("ema_decay", 1.1),
        ("reuse", 0.5),
        ("window_min", 0),
        ("window_max", 10_000),
        ("window_growth", 2),
        ("held_out", 1),
        ("value_weight", -1),
        ("margin_share", 1.5),
        ("root_value_ramp", 0),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InvalidSettings, match=f"^{name} must be in "):
        TrainingConfig(**{name: value})


def test_nothing_but_float32_is_trained_on_a_mac_gpu():
    with pytest.raises(InvalidSettings, match=r"^precision must be float32"):
        TrainingConfig(precision="bfloat16", device="mps")


def test_what_a_server_without_a_trainer_needs_does_not_import_torch():
    code = (
        "import sys, hexz.schema.training, hexz.training.report, hexz.training.rows;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
