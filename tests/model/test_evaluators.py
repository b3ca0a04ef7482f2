"""The evaluators against the network itself, and the choice between them."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hexz.errors import UnknownDevice
from hexz.inference import Evaluator, PreparedModel
from hexz.inference.openvino import OpenVinoModel
from hexz.model import openvino_conversion
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import load_checkpoint, new_checkpoint
from hexz.model.network import HexzNet
from hexz.model.peer_network import PeerNet
from hexz.model.torch_evaluator import TorchEvaluator, TorchModel
from tests.model.conftest import Positions
from tests.model.peers import peer_state

BATCH = 32
CHUNK = openvino_conversion._CHUNK


def openvino_model(net: HexzNet | PeerNet, *, batch_size: int, threads: int) -> OpenVinoModel:
    return openvino_conversion.convert(
        net.weights(), int8=False, batch_size=batch_size, threads=threads
    )


BACKENDS: dict[str, Callable[[HexzNet | PeerNet], Evaluator]] = {
    "torch": lambda net: TorchEvaluator(net, device="cpu", batch_size=BATCH, half=False),
    "openvino": lambda net: openvino_model(net, batch_size=BATCH, threads=1).load(),
    "openvino, 2 threads": lambda net: openvino_model(net, batch_size=BATCH, threads=2).load(),
}


@pytest.fixture(scope="module", params=BACKENDS)
def evaluator(request: pytest.FixtureRequest, sharp_net: HexzNet) -> Evaluator:
    return BACKENDS[request.param](sharp_net)


def assert_close(
    evaluator: Evaluator, net: nn.Module, planes: np.ndarray, tolerance: float
) -> None:
    logits, values = evaluator.evaluate(planes)
    with torch.inference_mode():
        expected_logits, expected_values = net(torch.from_numpy(planes))
    assert logits.shape == (len(planes), 220)
    assert values.shape == (len(planes),)
    assert logits.dtype == values.dtype == np.float32
    np.testing.assert_allclose(logits, expected_logits.numpy(), rtol=0, atol=tolerance)
    np.testing.assert_allclose(values, expected_values.numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "size", [1, CHUNK - 1, CHUNK, CHUNK + 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5]
)
def test_float32_is_the_network_for_every_number_of_positions(
    size: int, evaluator: Evaluator, sharp_net: HexzNet, new_positions: Positions
) -> None:
    assert_close(evaluator, sharp_net, new_positions.planes[:size], 1e-4)


def test_a_batch_smaller_than_a_chunk(sharp_net: HexzNet, new_positions: Positions) -> None:
    evaluator = openvino_model(sharp_net, batch_size=3, threads=1).load()
    assert_close(evaluator, sharp_net, new_positions.planes[:7], 1e-4)


def test_an_older_model(tmp_path_factory: pytest.TempPathFactory, new_positions: Positions) -> None:
    path = tmp_path_factory.mktemp("peer") / "old.pt"
    torch.save(peer_state("A"), path)
    net = load_checkpoint(path).net
    assert isinstance(net, PeerNet)
    for backend in ("torch", "openvino"):
        assert_close(BACKENDS[backend](net), net, new_positions.planes[:40], 1e-4)


def test_float16_is_close(sharp_net: HexzNet, new_positions: Positions) -> None:
    evaluator = TorchEvaluator(sharp_net, device="cpu", batch_size=BATCH, half=True)
    assert_close(evaluator, sharp_net, new_positions.planes[:40], 0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-2), ("float16", 0.1)])
def test_cuda(
    precision: str, tolerance: float, sharp_net: HexzNet, new_positions: Positions
) -> None:
    evaluator = create_evaluator(
        sharp_net.weights(),
        device="cuda",
        precision=precision,
        batch_size=BATCH,
        notify=pytest.fail,
    )
    assert_close(evaluator, sharp_net, new_positions.planes[: 3 * BATCH + 5], tolerance)


def test_results_belong_to_the_caller(evaluator: Evaluator, new_positions: Positions) -> None:
    first = evaluator.evaluate(new_positions.planes[:CHUNK])
    kept = [array.copy() for array in first]
    evaluator.evaluate(new_positions.planes[50 : 50 + CHUNK])
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))


def test_the_input_may_be_any_view_and_is_not_changed(
    evaluator: Evaluator, sharp_net: HexzNet, new_positions: Positions
) -> None:
    view = new_positions.planes[:100:3].copy(order="F")
    before = view.copy()
    logits, _ = evaluator.evaluate(view)
    expected, _ = evaluator.evaluate(np.ascontiguousarray(view))
    assert np.array_equal(logits, expected)
    assert np.array_equal(view, before)


def test_many_threads_may_evaluate(evaluator: Evaluator, new_positions: Positions) -> None:
    batches = [new_positions.planes[start : start + 21] for start in range(0, 210, 21)]
    expected = [evaluator.evaluate(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(evaluator.evaluate, batches * 3))
    for i, (logits, values) in enumerate(found):
        np.testing.assert_allclose(logits, expected[i % 10][0], atol=1e-5)
        np.testing.assert_allclose(values, expected[i % 10][1], atol=1e-5)


def test_the_evaluator_keeps_its_own_weights(new_positions: Positions, fresh_net: HexzNet) -> None:
    net = copy.deepcopy(fresh_net)
    planes = new_positions.planes[:5]
    for build in BACKENDS.values():
        evaluator = build(net)
        before, _ = evaluator.evaluate(planes)
        with torch.no_grad():
            for weights in net.parameters():
                weights.mul_(1.5)
        assert np.array_equal(evaluator.evaluate(planes)[0], before)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_a_prepared_model_can_be_loaded_by_another_process(
    backend: str, sharp_net: HexzNet, new_positions: Positions, tmp_path: Path
) -> None:
    prepared: PreparedModel = (
        TorchModel.prepare(sharp_net, device="cpu", batch_size=BATCH, half=False)
        if backend == "torch"
        else openvino_model(sharp_net, batch_size=BATCH, threads=1)
    )
    planes = new_positions.planes[:40]
    (tmp_path / "job").write_bytes(pickle.dumps((prepared, planes)))
    subprocess.run([sys.executable, "-c", LOAD], cwd=tmp_path, check=True)
    found = pickle.loads((tmp_path / "result").read_bytes())  # noqa: S301
    for arrays in zip(found, prepared.load().evaluate(planes), strict=True):
        np.testing.assert_array_equal(*arrays)


LOAD = """
import pickle
from pathlib import Path
prepared, planes = pickle.loads(Path("job").read_bytes())
Path("result").write_bytes(pickle.dumps(prepared.load().evaluate(planes)))
"""


# ---- The choice ----


def test_the_default_on_the_cpu_is_int8(sharp_net: HexzNet) -> None:
    evaluator = create_evaluator(sharp_net.weights(), batch_size=64, notify=pytest.fail)
    assert evaluator.name == "OpenVINO int8 on cpu"
    assert evaluator.batch_size == 64


def test_float32_can_be_asked_for(sharp_net: HexzNet) -> None:
    evaluator = create_evaluator(
        sharp_net.weights(), precision="float32", batch_size=8, notify=pytest.fail
    )
    assert evaluator.name == "OpenVINO float32 on cpu"


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        ("tpu", None),
        ("", None),
        ("cuda:0", None),
        ("cpu", "float16"),
        ("cuda", "int8"),
        ("cpu", "x"),
    ],
)
def test_what_is_unknown_is_refused(device: str, precision: str | None, fresh_net: HexzNet) -> None:
    with pytest.raises(UnknownDevice, match="expected one of"):
        create_evaluator(
            fresh_net.weights(),
            device=device,
            precision=precision,
            batch_size=8,
            notify=pytest.fail,
        )


@pytest.mark.parametrize(("batch_size", "threads"), [(0, 1), (-5, 1), (8, 0)])
def test_counts_below_one_are_refused(batch_size: int, threads: int, fresh_net: HexzNet) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        create_evaluator(
            fresh_net.weights(), batch_size=batch_size, threads=threads, notify=pytest.fail
        )


@pytest.mark.parametrize(
    ("device", "precision"), [("cuda", None), ("mps", "float16"), ("cuda", "float32")]
)
def test_a_missing_device_is_said_in_one_line_and_the_cpu_is_used(
    device: str, precision: str | None, fresh_net: HexzNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    lines: list[str] = []
    evaluator = create_evaluator(
        fresh_net.weights(), device=device, precision=precision, batch_size=8, notify=lines.append
    )
    assert evaluator.name == f"OpenVINO {'float32' if precision == 'float32' else 'int8'} on cpu"
    assert lines == [f"Device {device!r} is not available here: using the CPU."]


def test_without_openvino_pytorch_is_used_and_that_is_said_once(
    fresh_net: HexzNet, new_positions: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hexz.model.openvino_conversion", None)
    lines: list[str] = []
    for _ in range(2):
        evaluator = create_evaluator(fresh_net.weights(), batch_size=8, notify=lines.append)
        assert evaluator.name == "PyTorch float32 on cpu"
        assert_close(evaluator, fresh_net, new_positions.planes[:9], 1e-4)
    [line] = lines
    assert "pip install openvino" in line
    assert "\n" not in line


def test_where_openvino_fails_pytorch_is_used(
    fresh_net: HexzNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Exception from core.cpp:117:\n\nno kernel for this CPU\n")

    monkeypatch.setattr(openvino_conversion, "_compile", fail)
    lines: list[str] = []
    evaluator = create_evaluator(fresh_net.weights(), batch_size=8, notify=lines.append)
    assert evaluator.name == "PyTorch float32 on cpu"
    [line] = lines
    assert "no kernel for this CPU" in line
    assert "\n" not in line


@pytest.mark.soak
def test_preparing_many_models_takes_no_more_memory_than_a_few() -> None:
    def prepare(count: int) -> int:
        for seed in range(count):
            create_evaluator(new_checkpoint(seed=seed).weights, batch_size=16, notify=pytest.fail)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    few = prepare(15)
    assert prepare(40) - few < 30e6


SCRIPT = """
import sys
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import new_checkpoint
create_evaluator(new_checkpoint().weights, batch_size=16, notify=print)
assert not sys.modules.get("openvino_telemetry"), "telemetry would use the network"
assert "torch" not in sys.modules
new_checkpoint().net
import torch
assert torch.get_num_threads() == 1
"""


@pytest.mark.slow
def test_preparing_int8_is_silent_and_offline() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
