"""`hexzctl train-server`: take examples over HTTP, train, store and announce checkpoints."""

from __future__ import annotations

from hexz.schema.programs import ServerConfig
from hexzctl.interruption import Interruption
from hexzctl.options import options


@options(ServerConfig)
def train_server(config: ServerConfig) -> None:
    """Train a model on the examples that workers post, and send it back to them.

    HEXZ_AUTH_TOKEN in the environment is the token that clients must show; other machines are
    served only if it is set. The status page is at /status. Ctrl-C ends the server; accepted
    examples and the last checkpoint are kept, and the next start goes on from there.

    Examples:
      hexzctl train-server --store hexz-data
        For workers on this machine.
      hexzctl train-server --host 0.0.0.0 --store gs://a-bucket/a --profile fleet --worker-cores 64
        For machines with 64 cores in all, with checkpoints in a bucket.
    """
    Interruption(is_success=True)  # until the server takes the signals

    from hexz.machine import require_torch
    from hexz.trainserver.serve import serve

    require_torch("to train")
    serve(config, lambda url: print(f"Listening at {url}\nStatus page: {url}/status", flush=True))
