"""`hexzctl train`: the whole loop on this machine, with nothing to set up."""

from __future__ import annotations

from hexz.schema.programs import LocalTrainingConfig
from hexzctl.interruption import Interruption
from hexzctl.options import options


@options(LocalTrainingConfig)
def train(config: LocalTrainingConfig) -> None:
    """Train a player on this machine: self-play, training and a status page in one command.

    Ctrl-C ends everything; the next start goes on where this one ended.

    Examples:
      hexzctl train
        Trains until Ctrl-C; the status page's address is shown.
      hexzctl train --max-seconds 600 --data-dir first-try
        Ten minutes, kept in a directory of its own.
      hexzctl train --profile gpu
        Plays and trains on a GPU, with a larger network.
    """
    from hexz.local.train import LocalTraining
    from hexz.machine import require_torch
    from hexz.output import lossy_output
    from hexzctl.train_view import TrainView

    require_torch("to train")
    training = LocalTraining(config)
    interruption = Interruption(training.stop)
    view = TrainView(training)
    with lossy_output():
        with view.display:
            for event in training.events():
                view.show(event)
        view.print_summary()
    interruption.exit()
