"""`hexzctl worker`: play for a train server."""

from __future__ import annotations

from hexz.schema.programs import WorkerConfig
from hexzctl.interruption import Interruption
from hexzctl.options import options


@options(WorkerConfig)
def worker(config: WorkerConfig) -> None:
    """Play with the newest network and post the examples to a train server.

    HEXZ_AUTH_TOKEN in the environment is the token that the server asks for. Waits for a server
    that is not up yet, and writes no files. SIGTERM or Ctrl-C: posts what is finished, exits 0.

    Examples:
      hexzctl worker --server-url http://192.168.0.10:8080
        Plays for a train server on another machine, on all cores.
      hexzctl worker --num-workers 2 --max-seconds 3600
        Plays for one on this machine, on two cores, for an hour.
    """
    # First of all: an end during the imports is as good as a later one.
    interruption = Interruption(lambda: None, is_success=True)

    from hexz.output import lossy_output
    from hexz.worker.log import StatusLog
    from hexz.worker.run import Worker
    from hexzctl.display import notice

    with lossy_output():
        Worker(
            config,
            stop_asked=lambda: interruption.has_come,
            on_status=StatusLog().print,
            notify=notice,
        ).run()
