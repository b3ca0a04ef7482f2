"""What a worker says about itself."""

import pytest

from hexz.schema.fleet import GameUnderWay, Heartbeat
from hexz.schema.programs import WorkerConfig
from hexz.selfplay.messages import Playing, ProcessFailed, Progress
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


def test_nobody_is_shown_the_game_of_a_process_that_has_ended() -> None:
    worker = Worker(
        WorkerConfig(), stop_asked=lambda: True, on_status=lambda _: None, notify=lambda _: None
    )
    games = [GameUnderWay(board="", moves=[number]) for number in range(2)]
    for number, game in enumerate(games):
        worker._take(Playing(number, checkpoint=7, evaluator="any"))
        worker._take(
            Progress(number, evaluations=10, batch_rows=10, mean_move=1.0, game=game),
        )
    assert worker.status().game == games[0]
    worker._take(ProcessFailed(0, "killed"))
    assert worker.status().game == games[1]
    assert worker.status().evaluations == 20
