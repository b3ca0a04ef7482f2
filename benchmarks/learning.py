"""Learns from nothing in one process on one core, to compare ways to learn at equal cost.

    python benchmarks/learning.py a.pt --seconds 450
    python benchmarks/learning.py b.pt --seconds 450 --set reuse=8 --settings other.toml
    hexzctl arena --player gumbel:a.pt@64 --player gumbel:b.pt@64 --boards 60

Self-play and training take turns, both as in `hexzctl train`. What counts is the CPU time of the
process, so that two runs may share a machine with two cores. The model is written, and a line
printed, after each minibatch; the last one ends a little after the time.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hexz.example import Example
from hexz.inference import Evaluator
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import decode_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.declaration import settings_of
from hexz.schema.fleet import FleetSettings
from hexz.schema.training import TrainingConfig
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.training.learner import Learner
from hexz.training.rows import to_rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, help="the file to write")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", type=Path, help="as of hexzctl train-server")
    parser.add_argument("--minibatch-size", type=int, default=16384)
    parser.add_argument(
        "--set", type=setting, action="append", default=[], metavar="NAME=NUMBER",
        help="another number than its default for a field of TrainingConfig",
    )  # fmt: skip
    parser.add_argument("--blocks", type=int, default=ModelConfig().blocks)
    parser.add_argument("--filters", type=int, default=ModelConfig().filters)
    options = parser.parse_args()

    learn(
        options.model,
        TrainingConfig.of({"seed": options.seed, **dict(options.set)}),
        ModelConfig(options.blocks, options.filters),
        FleetSettings() if options.settings is None else FleetSettings.read(options.settings),
        seconds=options.seconds,
        minibatch_size=options.minibatch_size,
        tell=lambda line: print(line, flush=True),
    )


def learn(
    model: Path,
    config: TrainingConfig,
    network: ModelConfig,
    fleet: FleetSettings,
    *,
    seconds: float,
    minibatch_size: int,
    tell: Callable[[str], None],
) -> int:
    """Plays and trains until this process has used so many CPU seconds since the call, and returns
    the number of examples; tells of each minibatch. The seed is that of the training."""
    begin = time.process_time()
    learner = Learner.new(config, network, config.seed)
    games = fleet.games_per_process

    def evaluator(number: int) -> Evaluator:
        data = learner.checkpoint(model_name="learning", number=number)
        model.write_bytes(data)
        network = decode_checkpoint(data, str(model)).weights
        return create_evaluator(network, batch_size=games // 2, notify=tell)

    play = SelfPlay(evaluator(0), fleet.at(0).search, games_per_process=games, seed=config.seed)
    examples = 0
    for number, batch in enumerate(minibatches(play, minibatch_size), 1):
        report = learner.train(
            to_rows([example for example in batch if example.full_search]),
            reuse=config.reuse,
            on_step=lambda _: None,
        )
        examples += len(batch)
        play.use(evaluator(number), number)
        play.change(fleet.at(examples).search, games)
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report.held_out_losses.items())
        used = time.process_time() - begin
        tell(
            f"{used:.0f} s, {examples:,} examples, {play.evaluations:,} "
            f"evaluations, {report.total_steps:,} steps, held-out losses: {losses}"
        )
        if used >= seconds:
            break
    return examples


def setting(text: str) -> tuple[str, float]:
    known = {setting.name: setting for setting in settings_of(TrainingConfig)}
    name, _, number = text.partition("=")
    if name not in known:
        raise ValueError(name)
    return name, known[name].parse(number)


def minibatches(play: SelfPlay, size: int) -> Iterator[list[Example]]:
    """The examples of the games that end, so many at a time."""
    examples: list[Example] = []
    for finished in play.rounds():
        for game in finished:
            name = f"game-{game.game_id}"
            examples += examples_of(game, game_name=name, model_name="learning", unix_micros=1)
        if len(examples) >= size:
            yield examples[:size]
            examples = examples[size:]


if __name__ == "__main__":
    main()
