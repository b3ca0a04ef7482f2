"""`hexzctl bench`: how fast this machine is, and which settings suit it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hexz.version import __version__
from hexzctl.command import App
from hexzctl.options import Device, GamesPerProcess, RunsPerMove, Search, path_option

if TYPE_CHECKING:
    from hexz.bench import Rate
    from hexz.model.checkpoint import Checkpoint

app = App(
    help="Measure what this machine does: the engine, the network, self-play. Each figure is the "
    "median of 5 runs.\n\nExamples:\n  hexzctl bench --compare\n    This machine beside an AMX, an "
    "AVX-512 VNNI and an AVX2 one.",
    no_args_is_help=True,
)

_COMPARED_SECONDS = 0.3
"""Of each of the five runs of a figure."""

Model = Annotated[
    Path | None,
    path_option(
        "Model file or directory, or 'shipped', the one of hexzctl. Default: a fresh network of "
        "the default size."
    ),
]
Seconds = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.01, max=3600, help="Duration of each of the five runs."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, see docs/performance.md.")]


@app.callback(invoke_without_command=True)
def bench(
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Measure the engine and the network for 15 seconds, and print this machine beside "
            "others.",
        ),
    ] = False,
) -> None:
    if compare:
        _print_comparison(_measured(_COMPARED_SECONDS))


@app.command()
def engine(seconds: Seconds = 1.0, as_json: Json = False) -> None:
    """Measure random playouts, uct, the vector environment, and the search without a network.

    Each on one core, a second:

      playouts       random games, played from a fresh board to their end
      uct_start      iterations of the reference player uct, from a start position
      uct_move_20    the same after 20 random moves
      env_steps      moves in a VectorEnv of 256 games
      env_observed   the same, with the planes of each position
      search_puct    simulations of the PUCT search, 800 a move, where a network costs nothing
      search_gumbel  the same for the Gumbel search, 64 a move

    Examples:
      hexzctl bench engine
        Takes 35 seconds.
      hexzctl bench engine --seconds 0.1 --json
        Takes 4 seconds; the figures vary more.
    """
    from hexz.bench import ENGINE_RATES, RUNS, engine_rates
    from hexzctl.display import Steps

    rates = []
    with Steps(len(ENGINE_RATES), RUNS * seconds) as steps:
        for rate in engine_rates(seconds, steps.begin):
            if not as_json:
                _print_rate(rate, rate.name)
            rates.append(rate)
    if as_json:
        _print_json("engine", rates={rate.name: _figures(rate) for rate in rates})


@app.command()
def inference(
    model: Model = None,
    device: Device = "cpu",
    batch_size: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=65536,
            help="Positions at once. May be given several times. Default: 1, 8, 32, 128.",
        ),
    ] = None,
    seconds: Seconds = 1.0,
    as_json: Json = False,
) -> None:
    """Measure positions a second in every precision of a device, on one thread.

    A row is a backend, its precision, and so many positions at once, with the next batch always
    under way, as in self-play.

    Examples:
      hexzctl bench inference --batch-size 32
        A fresh network of the default size, in batches of 32.
      hexzctl bench inference --model hexz-data --device cuda --batch-size 512
        Your own network on a GPU.
    """
    from hexz.bench import RUNS, inference_rate
    from hexz.model.backends import PRECISIONS, create_evaluator
    from hexzctl.display import Steps, notice

    weights = _load(model).weights
    results = []
    kinds = [(p, size) for p in PRECISIONS[device] for size in batch_size or [1, 8, 32, 128]]
    with Steps(len(kinds), RUNS * seconds) as steps:
        for precision, size in kinds:
            steps.begin(f"{precision}, batch {size}")
            evaluator = create_evaluator(
                weights, device=device, precision=precision, batch_size=size, notify=notice
            )
            name, rate = evaluator.name, inference_rate(evaluator, size, seconds)
            if not as_json:
                _print_rate(rate, f"{name}, batch {size}")
            results.append({"evaluator": name, "batch_size": size, "positions": _figures(rate)})
    if as_json:
        _print_json("inference", results=results)


@app.command()
def selfplay(
    model: Model = None,
    device: Device = "cpu",
    games_per_process: GamesPerProcess = 64,
    runs_per_move: RunsPerMove = 800,
    search: Search = "puct",
    seconds: Seconds = 2.0,
    as_json: Json = False,
) -> None:
    """Measure evaluations a second of one self-play process.

    Measured in turns, a second:

      self-play                              positions that the games had evaluated
      evaluator alone                        the same batches without any game
      one position at a time, eager PyTorch  what a simple program would do

    Examples:
      hexzctl bench selfplay
        A fresh network of the default size, 64 games at once.
    """
    from hexz.bench import RUNS, self_play_rates
    from hexz.engine import SearchSettings
    from hexzctl.display import Steps, notice

    with Steps(RUNS, 3 * seconds) as steps:
        rates = self_play_rates(
            _load(model),
            device=device,
            settings=SearchSettings(algorithm=search, simulations=runs_per_move),
            games=games_per_process,
            seconds=seconds,
            notify=notice,
            on_begin=steps.begin,
        )
    if as_json:
        figures = {
            name: _figures(value) if isinstance(value, dict) else value
            for name, value in asdict(rates).items()
        }
        _print_json("selfplay", **figures)
        return
    print(f"{rates.evaluator}, batch {rates.batch_size}")
    _print_rate(rates.self_play, "self-play")
    _print_rate(rates.alone, "evaluator alone")
    if rates.eager is not None:
        _print_rate(rates.eager, "one position at a time, eager PyTorch")
    print(f"self-play / alone  {100 * rates.efficiency:.1f} %")
    if rates.speedup is not None:
        print(f"self-play / eager  {rates.speedup:.1f} x")


def _measured(seconds: float) -> dict[str, float]:
    """The figures of this machine, by the names of `recorded`."""
    from hexz.bench import (
        COMPARED_BATCH,
        COMPARED_NETWORK,
        ENGINE_RATES,
        RUNS,
        engine_rates,
        inference_rate,
    )
    from hexz.model.backends import PRECISIONS, create_evaluator
    from hexz.model.checkpoint import new_checkpoint
    from hexzctl.display import Steps, notice

    found = {}
    with Steps(len(ENGINE_RATES) + len(PRECISIONS["cpu"]), RUNS * seconds) as steps:
        for rate in engine_rates(seconds, steps.begin):
            found[rate.name] = rate.median
        weights = new_checkpoint(COMPARED_NETWORK).weights
        for precision in PRECISIONS["cpu"]:
            steps.begin(precision)
            evaluator = create_evaluator(
                weights, precision=precision, batch_size=COMPARED_BATCH, notify=notice
            )
            found[precision] = inference_rate(evaluator, COMPARED_BATCH, seconds).median
    return found


def _print_comparison(measured: dict[str, float]) -> None:
    from hexz.bench import recorded
    from hexz.processor import processor

    here, kinds = processor(), recorded()
    print(f"{'a second and a core':<20}{'this machine':>14}", end="")
    print("".join(f"{kind.name:>14}" for kind in kinds.values()))
    for name, figure in measured.items():
        others = (kind.figures.get(name) for kind in kinds.values())
        cells = "".join(f"{other:>14,.0f}" if other else f"{'':>14}" for other in others)
        print(f"{name:<20}{figure:>14,.0f}{cells}")
    print(f"This machine: {here.name}; {', '.join(here.features) or 'none of these'}")
    for kind in kinds.values():
        print(f"{kind.name}: {kind.machine}")


def _load(model: Path | None) -> Checkpoint:
    from hexz.model.checkpoint import load_checkpoint, new_checkpoint

    return new_checkpoint() if model is None else load_checkpoint(model)


def _print_rate(rate: Rate, name: str) -> None:
    print(
        f"{name:<40} {rate.median:>12,.0f} /s   ({rate.low:,.0f} to {rate.high:,.0f})", flush=True
    )


def _figures(rate: Any) -> dict[str, float]:
    """The JSON of a rate, a second."""
    figures = rate if isinstance(rate, dict) else asdict(rate)
    return {key: round(figures[key], 1) for key in ("median", "low", "high")}


def _print_json(benchmark: str, **content: Any) -> None:
    print(json.dumps({"benchmark": benchmark, "version": __version__, **content}, indent=2))
