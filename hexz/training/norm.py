"""Batch norm over the parts of a batch that several processes have."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from hexz.training.group import Group


class GroupBatchNorm(nn.BatchNorm2d):
    """A batch norm whose statistics are those of the whole batch, of which each process of a group
    has an equal part, as in `torch.nn.SyncBatchNorm`, which is for GPUs only.

    Args:
        norm: whose parameters and statistics it takes over.

    Attributes:
        group: the processes.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.group = Group()

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.group.size == 1:
            return super().forward(input)
        cast(Tensor, self.num_batches_tracked).add_(1)
        output: Tensor
        mean: Tensor
        var: Tensor
        output, mean, var = _Normalize.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, self.eps, self.group
        )
        count = self.group.size * input.numel() / input.shape[1]
        momentum = self.momentum or 0.0
        cast(Tensor, self.running_mean).lerp_(mean, momentum)
        cast(Tensor, self.running_var).lerp_(var * (count / (count - 1)), momentum)
        return output


class _Normalize(torch.autograd.Function):
    """Normalizes [B, C, H, W] of any precision; also returns the mean and the variance of each
    channel, in float32."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor]:
        # From the mean and variance of each part, since sums of squares would cost digits.
        own = torch.batch_norm_update_stats(x.float(), None, None, 0.0)
        found = group.collect(torch.stack(own))
        means, variances = found[:, 0], found[:, 1]
        mean = means.mean(0)
        var = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps, ctx.group = eps, group
        ctx.mark_non_differentiable(mean, var)
        return torch.batch_norm(x, weight, bias, mean, var, False, 0.0, eps, False), mean, var

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor, *_: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, var = ctx.saved_tensors
        # As if mean and variance were constants; then their own share is taken away.
        dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        whole_weight, whole_bias = ctx.group.add_up(torch.stack([dweight, dbias])).unbind()
        count = ctx.group.size * x.numel() / x.shape[1]
        inverse = torch.rsqrt(var + ctx.eps)
        slope = weight * inverse.square() * whole_weight / count
        offset = weight * inverse * whole_bias / count - slope * mean
        exact = torch.addcmul(dx.float(), x.float(), _by_channel(slope), value=-1)
        return exact.sub_(_by_channel(offset)).to(x.dtype), dweight, dbias, None, None


def _by_channel(values: Tensor) -> Tensor:
    return values[None, :, None, None]
