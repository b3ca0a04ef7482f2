"""The choice between the implementations of `Evaluator`, and what to use where one is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hexz.errors import UnknownDevice
from hexz.inference import Evaluator, PreparedModel
from hexz.machine import require_torch, usable_device
from hexz.model.script import ScriptModel, ScriptNet
from hexz.model.weights import Weights

Notify = Callable[[str], None]

PRECISIONS: Final = {
    "cpu": ("int8", "float32"),
    "cuda": ("float16", "float32"),
    "mps": ("float16", "float32"),
}
"""The devices and their precisions, the default first."""


def prepare_model(
    network: Weights | ScriptNet,
    *,
    device: str = "cpu",
    precision: str | None = None,
    batch_size: int,
    threads: int = 1,
    notify: Notify,
) -> PreparedModel:
    """Converts a network for inference, which takes less than a second in int8.

    Args:
        network: the network, or the program.
        device: "cpu", "cuda" or "mps". Where it is missing, the CPU is used.
        precision: "float32", "int8" (cpu only) or "float16" (GPUs only). None is the fastest.
        batch_size: the usual number of positions of a call, and the largest of one inference.
        threads: CPU threads of an inference.
        notify: takes one line for people when something else is used than was asked for. A line
            is said once in the life of the process.

    Raises:
        UnknownDevice: the device is unknown, or it does not have the precision.
        InvalidModel: a TorchScript file does not keep the convention.
        ValueError: batch_size or threads is less than 1.
    """
    if batch_size < 1 or threads < 1:
        raise ValueError(f"batch_size={batch_size} and threads={threads} must be at least 1")
    _check_device(device, precision)
    if isinstance(network, ScriptNet):
        if device != "cpu" or precision not in (None, "float32"):
            _notify_once(notify, "TorchScript runs as it is, on the CPU")
        return ScriptModel.prepare(network, batch_size=batch_size)
    if usable_device(device, lambda line: _notify_once(notify, line)) != device:
        device, precision = "cpu", None if precision == "float16" else precision
    precision = precision or PRECISIONS[device][0]
    if device == "cpu":
        return _prepare_for_cpu(network, precision, batch_size, threads, notify)
    return _torch_model(network, device, batch_size, half=precision == "float16")


def create_evaluator(
    network: Weights | ScriptNet,
    *,
    device: str = "cpu",
    precision: str | None = None,
    batch_size: int,
    threads: int = 1,
    notify: Notify,
) -> Evaluator:
    """Prepares a network and loads it in the same process; see `prepare_model`."""
    return prepare_model(
        network,
        device=device,
        precision=precision,
        batch_size=batch_size,
        threads=threads,
        notify=notify,
    ).load()


def _check_device(device: str, precision: str | None) -> None:
    if device not in PRECISIONS:
        raise UnknownDevice(f"unknown device {device!r}: expected one of {', '.join(PRECISIONS)}")
    known = PRECISIONS[device]
    if precision is not None and precision not in known:
        raise UnknownDevice(
            f"unknown precision {precision!r} for device {device!r}: "
            f"expected one of {', '.join(known)}"
        )


def _prepare_for_cpu(
    network: Weights, precision: str, batch_size: int, threads: int, notify: Notify
) -> PreparedModel:
    """OpenVINO, or PyTorch where that is missing or does not work on this machine."""
    try:
        from hexz.model.openvino_conversion import convert

        int8 = precision == "int8"
        return convert(network, int8=int8, batch_size=batch_size, threads=threads)
    except ImportError:
        reason = "OpenVINO is not installed"
    except RuntimeError as error:  # what OpenVINO raises
        reason = f"OpenVINO does not work here ({str(error).strip().splitlines()[-1]})"
    _notify_once(
        notify,
        f"{reason}: using PyTorch on the CPU, which is much slower. "
        "For fast inference: pip install openvino",
    )
    return _torch_model(network, "cpu", batch_size, half=False)


def _torch_model(network: Weights, device: str, batch_size: int, *, half: bool) -> PreparedModel:
    require_torch(f"to run a network on {device}")
    from hexz.model.networks import network_of
    from hexz.model.torch_evaluator import TorchModel

    return TorchModel.prepare(network_of(network), device=device, batch_size=batch_size, half=half)


_said: set[str] = set()


def _notify_once(notify: Notify, line: str) -> None:
    """A process that prepares a new model every minute need not repeat itself."""
    if line not in _said:
        _said.add(line)
        notify(line)
