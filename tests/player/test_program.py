"""Programs of others as players: good ones, and each way to fail."""

import contextlib
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from hexz.engine import Board, IllegalMove
from hexz.player import program
from hexz.player.player import Overloaded
from hexz.player.players import make_player
from hexz.player.program import EngineFailed, ProgramPlayer
from hexz.player.spec import Budget, parse_spec

from ..waiting import wait_until

BAD = Path(__file__).parent / "bad_engine.py"
GREEDY = Path(__file__).parents[2] / "docs" / "engine.py"
BOARD = Board.random(17)

Make = Callable[..., ProgramPlayer]


def spec_of(file: Path, *arguments: object, budget: str = "") -> str:
    return f"cmd:{shlex.join(map(str, (sys.executable, file, *arguments)))}{budget}"


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes players by the file of their program, its arguments and a budget, and closes them."""
    made = []

    def make(file: Path, *arguments: object, budget: str = "") -> ProgramPlayer:
        spec = spec_of(file, *arguments, budget=budget)
        player = make_player(parse_spec(spec, allow_programs=True))
        assert isinstance(player, ProgramPlayer)
        made.append(player)
        return player

    yield make
    for player in made:
        player.close()


class Clock:
    """The clock of `hexz.player.program`, which stands unless it is put forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(program, "time", clock)
    return clock


def running() -> list[psutil.Process]:
    """The programs that run, without what keeps watch over them."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if BAD.name in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_the_example_plays_whole_games(make: Make) -> None:
    player = make(GREEDY, budget="@30s")
    other = make_player(parse_spec("random"), seed=1)
    board = Board.random(1)
    while not board.is_over:
        asked = player if board.turn == 1 else other
        board.play(asked.suggest(board).suggestion.move)
    assert player.name == "greedy"
    with pytest.raises(IllegalMove):
        player.suggest(board)


def test_the_example_is_as_short_as_the_documentation_says() -> None:
    assert len(GREEDY.read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("crash", r"bad 1\.0 ended with exit code 3"),
        ("kill", r"bad 1\.0 was killed by signal 9"),
        ("close", r"bad 1\.0 has closed its output"),
        ("endless", r"bad 1\.0 answers genmove without end"),
        ("illegal", r"bad 1\.0 plays no legal move: there is no cell j2: row 2 has columns a to i"),
        ("no move", r"bad 1\.0 plays no legal move: 'pass' is no move"),
        ("empty", r"bad 1\.0 plays no legal move: '' is no move"),
        ("unsigned", r"bad 1\.0 answers genmove with 'Fa1', which begins neither with = nor with"),
        ("error", r"bad 1\.0 answers genmove with: I resign"),
        ("no number", r"bad 1\.0 expects 'good', which is no number"),
        ("nan", r"bad 1\.0 expects 'nan', which is no number"),
    ],
)
def test_a_program_that_fails_is_started_again(
    how: str, reason: str, make: Make, clock: Clock, tmp_path: Path
) -> None:
    player = make(BAD, how, tmp_path / "was here")
    (failing,) = running()
    clock.now += 5
    with pytest.raises(EngineFailed, match=reason) as caught:
        player.suggest(BOARD, Budget(seconds=60))
    assert "\n" not in str(caught.value)
    assert not failing.is_running()
    suggestion = player.suggest(BOARD, Budget(seconds=60)).suggestion
    assert suggestion.move == BOARD.legal_moves()[0]
    assert suggestion.value == 0.25


def test_one_that_hangs_is_killed_with_what_it_started(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(program, "GRACE_SECONDS", 3.0)  # until it has told of its child
    caplog.set_level("DEBUG")
    player = make(BAD, "hang")
    with pytest.raises(EngineFailed, match="does not answer genmove in time"):
        player.suggest(BOARD, Budget(seconds=0.1))
    told = re.search(r"child (\d+)", caplog.text)
    assert told is not None
    wait_until(lambda: not psutil.pid_exists(int(told[1])))


def test_one_that_fails_again_and_again_is_started_more_and_more_rarely(
    make: Make, clock: Clock
) -> None:
    player = make(BAD, "crash")
    waits = []
    for _ in range(9):
        with pytest.raises(EngineFailed, match="ended with exit code 3"):
            player.suggest(BOARD)
        with pytest.raises(EngineFailed, match="is started again in"):
            player.suggest(BOARD)
        before = clock.now
        player.get_ready()
        waits.append(clock.now - before)
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


@pytest.fixture
def during_start(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens from now on while a program is started."""
    happens: list[Callable[[], object]] = []

    class Started(program.EngineProcess):
        def __init__(self, command: Sequence[str]) -> None:
            super().__init__(command)
            for do in happens:
                do()

    monkeypatch.setattr(program, "EngineProcess", Started)
    return happens


def test_one_that_starts_more_slowly_than_it_is_to_move_plays_again(
    make: Make, clock: Clock, during_start: list[Callable[[], object]], tmp_path: Path
) -> None:
    player = make(BAD, "crash", tmp_path / "was here")
    clock.now += 5
    with pytest.raises(EngineFailed, match="ended with exit code 3"):
        player.suggest(BOARD, Budget(seconds=30))
    during_start.append(lambda: clock.sleep(40))
    with pytest.raises(Overloaded, match=r"bad 1\.0 was still being started: try again later"):
        player.suggest(BOARD, Budget(seconds=30))
    assert player.suggest(BOARD, Budget(seconds=30)).suggestion.value == 0.25


def test_one_that_is_ended_while_it_starts_leaves_nothing(
    make: Make, clock: Clock, during_start: list[Callable[[], object]]
) -> None:
    player = make(BAD, "crash")
    with pytest.raises(EngineFailed, match="ended with exit code 3"):
        player.suggest(BOARD)
    clock.now += 5
    during_start.append(player.close)
    with pytest.raises(EngineFailed, match="has been ended"):
        player.suggest(BOARD)
    assert not running()


def test_what_cannot_be_started_says_why(make: Make, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="there is no program"):
        make_player(parse_spec("cmd:./no-such-engine --flag", allow_programs=True))
    with pytest.raises(EngineFailed, match=r"ended with exit code 3 \(a bug on line 7\)"):
        make(BAD, "start")
    script = tmp_path / "engine"
    script.write_bytes(b"\x7fELF nothing")
    script.chmod(0o755)
    with pytest.raises(EngineFailed, match=r"ended with exit code 1 .*Exec format error"):
        make_player(parse_spec(f"cmd:{script}", allow_programs=True))
    assert not running()


def test_it_is_told_its_limits_and_no_secrets(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEXZ_AUTH_TOKEN", "a secret of sixteen")
    caplog.set_level("DEBUG")
    (tmp_path / "was here").touch()
    player = make(BAD, "crash", tmp_path / "was here", budget="@100")
    assert player.name == "bad 1.0"
    player.suggest(BOARD, Budget(seconds=30))
    player.suggest(BOARD)
    # What it writes on its standard error is read by a thread.
    wait_until(lambda: re.search(r"asked time 2[0-9]\.\d\d\d simulations 100\n", caplog.text))
    wait_until(lambda: re.search(r"asked simulations 100\n", caplog.text))
    assert "secret" not in caplog.text


def test_an_ended_player_leaves_nothing(make: Make, tmp_path: Path) -> None:
    player = make(BAD, "hang", tmp_path)
    assert running()
    player.close()
    wait_until(lambda: not running())
    with pytest.raises(EngineFailed, match="has been ended"):
        player.suggest(BOARD)
