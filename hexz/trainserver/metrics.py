"""What Prometheus reads of the train server."""

from __future__ import annotations

from typing import Final

from hexz.metrics import Metric
from hexz.schema.status import JournalStatus, ServerStatus

WANTED_BATCHES: Final = 2.0
"""Minibatches that wait for training where there are neither too few workers nor too many."""


def _worker_demand(journal: JournalStatus) -> float:
    """1 while as many examples wait as shall: one minibatch in training, and one that is ready when
    it ends. At most doubles or halves the fleet."""
    waiting = journal.waiting / journal.minibatch_size
    return min(2.0, max(0.5, WANTED_BATCHES / waiting)) if waiting else 2.0


def _waiting_shares(status: ServerStatus) -> dict[tuple[str, ...], float] | None:
    if status.limit is None:
        return None
    return {
        ("workers", "server"): status.limit.workers_waiting,
        ("trainer", "workers"): status.limit.trainer_waiting,
        ("trainer", "store"): status.limit.trainer_saving,
    }


def _losses(status: ServerStatus) -> dict[tuple[str, ...], float] | None:
    if not status.checkpoints:
        return None
    newest = status.checkpoints[-1]
    sets = {"training": newest.losses, "held_out": newest.held_out_losses}
    return {(name, kind): loss for name, losses in sets.items() for kind, loss in losses.items()}


METRICS: Final[tuple[Metric[ServerStatus], ...]] = (
    Metric(
        "hexz_examples_accepted_total",
        "Examples taken since the start",
        lambda status: status.examples.accepted,
    ),
    Metric(
        "hexz_examples_duplicate_total",
        "Examples posted again",
        lambda status: status.examples.duplicates,
    ),
    Metric(
        "hexz_requests_refused_total",
        "Requests that were refused, by HTTP status",
        lambda status: {(str(code),): n for code, n in sorted(status.examples.refused.items())},
        ("status",),
    ),
    Metric(
        "hexz_examples_waiting",
        "Examples not yet trained on",
        lambda status: status.journal.waiting,
    ),
    Metric(
        "hexz_examples_set_aside",
        "Examples of workers in quarantine",
        lambda status: sum(worker.set_aside for worker in status.conduct),
    ),
    Metric(
        "hexz_workers_quarantined",
        "Workers whose examples are set aside",
        lambda status: sum(worker.state == "quarantined" for worker in status.conduct),
    ),
    Metric(
        "hexz_worker_demand",
        "Workers that are wanted for each that there is",
        lambda status: _worker_demand(status.journal),
    ),
    Metric("hexz_ready", "Whether examples are taken", lambda status: status.ready),
    Metric("hexz_problems", "Things out of order", lambda status: len(status.problems)),
    Metric(
        "hexz_training",
        "Whether a training run goes on",
        lambda status: status.training.activity == "training",
    ),
    Metric(
        "hexz_waiting_share",
        "Share of its time that a part waits for another one",
        _waiting_shares,
        ("part", "for"),
    ),
    Metric(
        "hexz_limit",
        "1 for the part that limits",
        lambda status: None if status.limit is None else {(status.limit.part,): 1},
        ("part",),
    ),
    Metric(
        "hexz_checkpoints_unsaved",
        "Trained checkpoints that wait for the store",
        lambda status: status.training.unsaved,
    ),
    Metric(
        "hexz_checkpoint",
        "Newest checkpoint",
        lambda status: status.checkpoints[-1].number if status.checkpoints else None,
    ),
    Metric(
        "hexz_examples_trained_total",
        "Examples trained on",
        lambda status: status.examples.trained,
    ),
    Metric(
        "hexz_loss",
        "Losses of the newest checkpoint, on examples that it was and was not trained on",
        _losses,
        ("set", "loss"),
    ),
    Metric(
        "hexz_workers",
        "Workers of the last half minute",
        lambda status: len(status.workers),
    ),
    Metric(
        "hexz_worker_evaluations_per_second",
        "Positions evaluated by all workers",
        lambda status: status.evaluations_per_second,
    ),
)
