"""Memory that a step has freed is there for the next one."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from hexz.model.config import ModelConfig
from hexz.schema.training import TrainingConfig
from hexz.training.learner import Learner

def use() -> None:
    [torch.ones(1 << 20) for _ in range(4)]

Learner.new(TrainingConfig(), ModelConfig(1, 8), seed=0)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
def test_what_a_step_frees_is_kept_for_the_next() -> None:
    faults = subprocess.check_output([sys.executable, "-c", FAULTS])  # of 4 KB each, of 160 MB
    assert int(faults) < 2000
