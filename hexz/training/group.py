"""Processes that train one network together, by the collectives of `torch.distributed`.

Each has a part of every batch. What they add up is the same, to the bit, in all of them, so that
they take the same steps and their networks stay equal.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

from hexz.schema.programs import LOOPBACK
from hexz.training.mesh import MAX_BYTES, MAX_PATH, Mesh

TIMEOUT: Final = timedelta(minutes=5)
"""One that waits longer for another gives up."""

_FEW: Final = MAX_BYTES // 8
"""So many numbers are added up by each process for itself: one message on the way instead of two,
which for them takes longer than what is in it."""


class Group:
    """The processes as one of them knows them; by default it is alone.

    Attributes:
        rank: its number, from 0. Process 0 has the window and hands out the examples.
        size: how many there are.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, backend: Any = None, mesh: Mesh | None = None
    ) -> None:
        self.rank = rank
        self.size = size
        self._backend = backend
        self._mesh = mesh

    @classmethod
    def meet(cls, file: Path, rank: int, size: int, device: torch.device) -> Group:
        """Waits for the other processes of this machine, and returns the group.

        Args:
            file: a path in a directory that is theirs, where no file is yet.
            rank, size: its number, and how many there are.
            device: where their tensors are: gloo works for the CPU, NCCL for GPUs.
        """
        # PyTorch declares no types of these. Nobody on the network is listened to.
        distributed: Any = dist
        store = distributed.FileStore(str(file), size)
        mesh = None
        if device.type == "cuda":
            os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
            backend = distributed.ProcessGroupNCCL
            options = backend.Options()
        else:
            backend = distributed.ProcessGroupGloo
            if len(os.fsencode(file)) <= MAX_PATH:  # otherwise all goes through gloo
                mesh = Mesh(file, rank, size, TIMEOUT)
            options = backend._Options()
            options._threads = 1
            options._devices = [backend.create_device(hostname=LOOPBACK)]
        options._timeout = TIMEOUT
        group = cls(rank, size, backend(store, rank, size, options), mesh)  # all are there now
        if mesh is not None:
            mesh.connect()
        return group

    def add_up(self, tensor: Tensor) -> Tensor:
        """Replaces a tensor by the sum of those of all processes, and returns it."""
        if self._backend is not None and tensor.numel() <= _FEW:
            torch.sum(self.collect(tensor), 0, out=tensor)
        elif self._backend is not None:
            self._backend.allreduce([tensor]).wait()
        return tensor

    def collect(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, [size, ...]."""
        if self._backend is None:
            return tensor[None]
        found = tensor.new_empty((self.size, *tensor.shape))
        if self._mesh is not None and tensor.numel() <= _FEW:
            found[self.rank] = tensor
            self._mesh.exchange([memoryview(part.numpy()).cast("B") for part in found])
        else:
            self._backend.allgather([list(found)], [tensor]).wait()
        return found

    def hand_out(self, rows: Tensor | None, like: Tensor) -> Tensor:
        """Gives each process an equal part of some rows.

        Args:
            rows: of process 0: as many as all parts have; the others have None.
            like: an empty tensor, of the shape and on the device of one part.
        """
        if self._backend is None:
            return like if rows is None else rows
        parts: list[Sequence[Tensor]] = [] if rows is None else [rows.chunk(self.size)]
        options = dist.ScatterOptions()
        options.rootRank = 0
        self._backend.scatter([like], parts, options).wait()
        return like

    def tell_all(self, tensor: Tensor) -> Tensor:
        """Replaces a tensor by that of process 0, and returns it."""
        if self._backend is not None:
            options = dist.BroadcastOptions()
            options.rootRank = 0
            self._backend.broadcast([tensor], options).wait()
        return tensor
