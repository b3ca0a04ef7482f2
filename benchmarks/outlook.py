"""Fits the heads that tell how a game will end to a network that has none, its tower frozen.

    hexzctl selfplay --model hexz/data/model.pt --search gumbel --runs-per-move 16 \
        --max-seconds 600 --output-dir outlook-games
    python benchmarks/outlook.py outlook-games hexz/data/model.pt --output hexz/data/model.pt

What the network plays stays as it is. One game in ten is held out, and how well the heads know its
end is printed: the share of cells whose owner is right, and the mean error of the margin.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.engine import NUM_CELLS
from hexz.example import Example
from hexz.model.checkpoint import load_checkpoint, save_checkpoint
from hexz.model.config import MARGIN_SCALE
from hexz.model.features import geometry
from hexz.model.network import HexzNet, OutlookHeads, TowerOutput
from hexz.training.batch import Batch, make_batch
from hexz.training.rows import to_rows

STEPS, BATCH = 1500, 512


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", help="files of examples, or a directory of them")
    parser.add_argument("model", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    checkpoint = load_checkpoint(options.model)
    net = checkpoint.net
    if not isinstance(net, HexzNet):
        parser.error(f"{options.model} is a network of another kind")
    reader = ExampleReader(find_archives([options.examples]), on_problem=print)
    examples = [found.example for found in reader]
    games = sorted({example.game_id for example in examples})
    held_out = set(games[::10])
    started = time.process_time()
    heads = fit(net, [e for e in examples if e.game_id not in held_out])
    seconds = time.process_time() - started
    right, error = measure(net, heads, [e for e in examples if e.game_id in held_out])
    net.outlook_heads = heads
    save_checkpoint(replace(checkpoint, weights=net.weights()), options.output)
    print(
        f"{len(examples)} examples of {len(games)} games, {seconds:.0f} CPU s. Of held-out games: "
        f"{right:.1%} of cells are owned by whom the heads expect, margins err by {error:.1f}"
    )


@torch.no_grad()
def seen(net: HexzNet, examples: list[Example]) -> list[tuple[TowerOutput, Batch]]:
    """What the tower makes of examples in each of the four symmetries, with their targets."""
    rows, found = to_rows(examples), []
    for symmetry in range(4):
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            bytes_of = torch.from_numpy(part.view(np.uint8).reshape(len(part), -1).copy())
            symmetries = torch.full((len(part),), symmetry)
            batch = make_batch(bytes_of, symmetries, margin_share=0, root_value_share=0)
            found.append((net.tower(batch.planes), batch))
    return found


def fit(net: HexzNet, examples: list[Example]) -> OutlookHeads:
    """The heads after training on examples."""
    heads = OutlookHeads(net.config.filters)
    optimizer = torch.optim.Adam(heads.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    batches = seen(net, examples)
    order = np.random.default_rng(0)
    for _ in range(STEPS):
        tower, batch = batches[order.integers(len(batches))]
        ownership, margin = heads.outlook(tower)
        loss = cells_error(ownership, batch) + nn.functional.mse_loss(margin, batch.margin)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return heads


def cells_error(ownership: Tensor, batch: Batch) -> Tensor:
    """The mean squared error over the cells that exist."""
    error = (ownership - batch.ownership).square() * torch.from_numpy(geometry()[0, 0].flatten())
    return error.sum(1).mean() / NUM_CELLS


@torch.no_grad()
def measure(net: HexzNet, heads: OutlookHeads, examples: list[Example]) -> tuple[float, float]:
    """The share of owned cells that are right, and the mean error of margins in points."""
    right, errors = [], []
    for tower, batch in seen(net, examples):
        ownership, margin = heads.outlook(tower)
        owned = batch.ownership != 0
        right.append((ownership.sign() == batch.ownership)[owned].float().mean())
        points = MARGIN_SCALE * torch.atanh(margin.clamp(-0.9999, 0.9999))
        actual = MARGIN_SCALE * torch.atanh(batch.margin.clamp(-0.9999, 0.9999))
        errors.append((points - actual).abs().mean())
    return float(torch.stack(right).mean()), float(torch.stack(errors).mean())


if __name__ == "__main__":
    main()
