"""What a worker says about itself."""

import pytest

from hexz.schema.fleet import Heartbeat
from hexz.schema.programs import WorkerConfig
from hexz.worker.log import StatusLog
from hexz.worker.run import Worker

from ..redis_server import free_port


def test_what_it_waits_for_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """And once more at its end, which comes before anything else here."""
    said: list[Heartbeat] = []
    url = f"http://127.0.0.1:{free_port()}"
    worker = Worker(
        WorkerConfig(server_url=url),
        stop_asked=lambda: True,
        on_status=said.append,
        notify=lambda _: None,
    )
    worker.run()
    assert len(said) == 2
    StatusLog().print(said[0])
    assert "waiting for the train server" in capsys.readouterr().out
