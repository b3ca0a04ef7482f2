"""How fast this machine plays: rates of the engine, of the evaluators, and of self-play.

Every figure is a rate a second, measured several times; where two are compared, their runs take
turns, so that a machine whose speed drifts is fair to both.
"""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

import numpy as np

from hexz.engine import (
    NUM_ACTIONS,
    Board,
    GameBatch,
    RandomPlayer,
    SearchSettings,
    UctPlayer,
    VectorEnv,
    random_playouts,
)
from hexz.inference import Evaluator
from hexz.machine import has_torch
from hexz.model.config import ModelConfig
from hexz.selfplay.loop import SelfPlay

if TYPE_CHECKING:
    from hexz.model.checkpoint import Checkpoint

RUNS: Final = 5
"""Times that each rate is measured; the median is what counts."""
SEED: Final = 2023
SEARCH_GAMES: Final = 64
"""Games at once in the measurement of the search without a network."""


@dataclass(frozen=True)
class Rate:
    """A rate a second: median, smallest and largest of the runs."""

    name: str
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, runs: list[float]) -> Rate:
        return cls(name, statistics.median(runs), min(runs), max(runs))


@dataclass(frozen=True)
class Recorded:
    """What was measured on a kind of processor.

    Attributes:
        name: of the kind, for people.
        machine: that it was measured on.
        figures: rates a second and a core, by name: those of the engine, and positions of
            COMPARED_NETWORK in batches of COMPARED_BATCH, by precision.
    """

    name: str
    machine: str
    figures: Mapping[str, float]


COMPARED_BATCH: Final = 32
COMPARED_NETWORK: Final = ModelConfig(blocks=4, filters=32, kernel="square")
"""Whatever the default is: other machines were measured with this one."""


def recorded() -> dict[str, Recorded]:
    """Returns what was measured on each kind of processor; see `Processor.kind`."""
    text = resources.files("hexz").joinpath("data/performance.toml").read_text("utf-8")
    return {
        kind: Recorded(facts.pop("name"), facts.pop("machine"), facts)
        for kind, facts in tomllib.loads(text).items()
    }


Step = Callable[[], int]
"""Does a small piece of work and returns how much it was."""


ENGINE_RATES: Final = (
    "playouts", "uct_start", "uct_move_20", "env_steps", "env_observed", "search_puct",
    "search_gumbel",
)  # fmt: skip
"""The names of those of the engine, in their order."""


def engine_rates(
    seconds: float, on_begin: Callable[[str], None] = lambda _: None
) -> Iterator[Rate]:
    """Measures the engine on one core, `seconds` a run.

    Args:
        seconds: of a run.
        on_begin: is called with the name of each rate when its measurement begins.

    Yields:
        playouts: full random games from fresh random boards.
        uct_start, uct_move_20: iterations of the reference player `uct` from a start position and
            after 20 random moves.
        env_steps, env_observed: random moves of a `VectorEnv` of 256 games, without and with the
            planes of each position.
        search_puct, search_gumbel: leaves that the network search asks an evaluator about that
            returns constants, from start positions.
    """
    start = Board.random(SEED)
    later = start.copy()
    mover = RandomPlayer(SEED)
    for _ in range(20):
        later.play(mover.suggest(later).move)
    steps: tuple[Step, ...] = (
        lambda: _random_games(2000),
        lambda: _uct_iterations(start),
        lambda: _uct_iterations(later),
        lambda: _environment_steps(observe=False),
        lambda: _environment_steps(observe=True),
        lambda: _constant_search(SearchSettings(simulations=800)),
        lambda: _constant_search(SearchSettings(algorithm="gumbel", simulations=64)),
    )
    for name, step in zip(ENGINE_RATES, steps, strict=True):
        on_begin(name)
        yield Rate.of(name, [rate_of(step, seconds) for _ in range(RUNS)])


def _random_games(count: int) -> int:
    random_playouts(count, SEED)
    return count


def _uct_iterations(board: Board, iterations: int = 20_000) -> int:
    UctPlayer(iterations, SEED).suggest(board)
    return iterations


def _environment_steps(*, observe: bool, games: int = 256, steps: int = 100) -> int:
    env = VectorEnv(games, SEED)
    planes = env.observe()
    for _ in range(steps):
        env.step(env.sample())
        if observe:
            env.observe(planes)
    return games * steps


def _constant_search(settings: SearchSettings) -> int:
    """Searches the first move of many games."""
    batch = GameBatch(SEARCH_GAMES, settings, SEED)
    logits = np.zeros((SEARCH_GAMES, NUM_ACTIONS), np.float32)
    values = np.zeros(SEARCH_GAMES, np.float32)
    for game in range(SEARCH_GAMES):
        batch.start_game(Board.random(game), game)
    for _ in range(settings.simulations):
        batch.collect()
        batch.expand(logits, values)
    return int(batch.num_evaluations)


def inference_rate(evaluator: Evaluator, batch_size: int, seconds: float) -> Rate:
    """Measures positions a second of an evaluator on batches of one size."""
    step = alone_step(evaluator, batch_size)
    step()
    return Rate.of("positions", [rate_of(step, seconds) for _ in range(RUNS)])


def alone_step(evaluator: Evaluator, batch_size: int) -> Step:
    """Evaluates one batch a step with the next one always under way, as in self-play."""
    planes = np.stack([board.planes() for board in random_boards(batch_size)])
    running = evaluator.start(planes)

    def step() -> int:
        nonlocal running
        previous, running = running, evaluator.start(planes)
        previous()
        return len(planes)

    return step


def random_boards(count: int) -> Iterator[Board]:
    """Positions from all phases of random games."""
    mover = RandomPlayer(SEED)
    board = Board.random(SEED)
    for i in range(count):
        if board.is_over:
            board = Board.random(SEED + i)
        yield board.copy()
        board.play(mover.suggest(board).move)


@dataclass(frozen=True)
class SelfPlayRates:
    """Evaluations a second of one process, measured in turns.

    Attributes:
        evaluator: its name.
        batch_size: positions of a batch, half of the games.
        self_play: of self-play.
        alone: of the same evaluator on batches of the same size with no search.
        eager: one position at a time through eager PyTorch in float32, as the predecessor did;
            None without PyTorch.
        efficiency: self_play / alone, the median over the runs.
        speedup: self_play / eager, the median over the runs.
    """

    evaluator: str
    batch_size: int
    self_play: Rate
    alone: Rate
    eager: Rate | None
    efficiency: float
    speedup: float | None


def self_play_rates(
    checkpoint: Checkpoint,
    *,
    device: str,
    settings: SearchSettings,
    games: int,
    seconds: float,
    notify: Callable[[str], None],
    on_begin: Callable[[str], None] = lambda _: None,
) -> SelfPlayRates:
    """Measures self-play of one process with `games` games in flight and one inference thread;
    `on_begin` is called when a run begins."""
    from hexz.model.backends import create_evaluator

    batch_size = -(-games // 2)
    evaluator = create_evaluator(
        checkpoint.weights, device=device, batch_size=batch_size, notify=notify
    )
    with ExitStack() as ending:
        steps = [
            ending.enter_context(closing(SelfPlaySteps(evaluator, settings, games))).step,
            alone_step(evaluator, batch_size),
        ]
        if has_torch():
            from hexz.model.torch_evaluator import TorchEvaluator

            eager = TorchEvaluator(checkpoint.net, device="cpu", batch_size=1, half=False)
            steps.append(ending.enter_context(closing(SelfPlaySteps(eager, settings, 1))).step)
        for step in steps:
            step()
        runs = []
        for _ in range(RUNS):
            on_begin("rates in turns")
            runs.append([rate_of(step, seconds) for step in steps])
    is_compared = len(steps) == 3
    return SelfPlayRates(
        evaluator=evaluator.name,
        batch_size=batch_size,
        self_play=Rate.of("self_play", [run[0] for run in runs]),
        alone=Rate.of("alone", [run[1] for run in runs]),
        eager=Rate.of("eager", [run[2] for run in runs]) if is_compared else None,
        efficiency=statistics.median(run[0] / run[1] for run in runs),
        speedup=statistics.median(run[0] / run[2] for run in runs) if is_compared else None,
    )


class SelfPlaySteps:
    """Self-play that can be run for a round and left again."""

    def __init__(self, evaluator: Evaluator, settings: SearchSettings, games: int) -> None:
        self._play = SelfPlay(evaluator, settings, games, SEED)
        self._rounds = self._play.rounds()

    def step(self) -> int:
        before = self._play.evaluations
        next(self._rounds)
        return self._play.evaluations - before

    def close(self) -> None:
        self._rounds.close()


def rate_of(step: Step, seconds: float) -> float:
    """Repeats a step for some time; returns its work a second."""
    done = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        done += step()
    return done / elapsed
