"""The names of players that every command understands, such as `uct:32000` or `model@800`.

    random                  legal moves at random
    uct:32000, uct:2s       the reference player, so many playouts or seconds a move
    model:PATH@800          PUCT with the network in PATH, so many simulations a move
    model:PATH@2.5s         the same, so many seconds a move
    gumbel:PATH@64          Gumbel search with sequential halving, which needs a number
    cmd:COMMAND@2s          a program that speaks the protocol of docs/protocol.md
    glance:PATH@20          the network without a search, which notices 20 % of the moves
    beginner ... champion   the levels of `hexz.player.levels`, each one of these

Without `:PATH` the network that ships with hexz is meant. Without a budget, `uct`, `model`
and `cmd` think as long as whoever asks for a move says. PATH is what `--model` takes, COMMAND a
program and its arguments as in a shell; if there is an `@` in either, a budget must follow.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast, get_args

from hexz.errors import HexzError, InvalidSettings
from hexz.player.levels import LEVELS
from hexz.schema.search import MAX_SIMULATIONS, Algorithm
from hexz.similar import closest

Kind = Literal["random", "uct", "model", "gumbel", "glance", "cmd"]
_Number = TypeVar("_Number", int, float)

MAX_SECONDS: Final = 600.0
"""Longest time for a move."""
MAX_PLAYOUTS: Final = 1_000_000_000

_EXAMPLES: Final = (
    "random, uct:32000, uct:2s, model@800, model:PATH@800, model:PATH@2.5s, gumbel:PATH@64, "
    f"glance@20 or one of the levels {', '.join(level.name for level in LEVELS)}"
)
_SPEC: Final = re.compile(
    r"(random|uct|model|gumbel|glance|cmd)(?::(.*?))?(?:@([^@]*))?", re.DOTALL
)
_SIMULATIONS: Final = re.compile(r"[0-9]{1,10}")
_SIGHT: Final = re.compile(r"[1-9][0-9]?|100")
_SECONDS: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)s")


SPECS: Final = {level.name: level.spec for level in LEVELS}
"""What the names of the levels stand for."""
NAMES: Final = (*SPECS, *get_args(Kind))
"""What the text of a player may begin with."""


class InvalidSpec(HexzError, ValueError):
    """A text names no player."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A limit of what a player may spend on a move; the search ends with whatever is reached first.

    Attributes:
        simulations: 1 to MAX_PLAYOUTS; None: no limit.
        seconds: from the moment when the player is asked; above 0; None: no limit.

    Raises:
        InvalidSettings: a limit is none of these.
    """

    simulations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.simulations is None and self.seconds is None:
            raise ValueError("a budget has simulations or seconds")
        if self.simulations is not None and not 1 <= self.simulations <= MAX_PLAYOUTS:
            raise InvalidSettings(
                f"simulations must be in 1..{MAX_PLAYOUTS}, not {self.simulations}"
            )
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise InvalidSettings(f"seconds must be a number above 0, not {self.seconds:g}")

    def within(self, other: Budget | None) -> Budget:
        """The smaller of both budgets in each respect."""
        if other is None:
            return self
        return Budget(
            simulations=_least(self.simulations, other.simulations),
            seconds=_least(self.seconds, other.seconds),
        )

    def __str__(self) -> str:
        """As in a spec: "800" or "2.5s"."""
        parts = [] if self.simulations is None else [str(self.simulations)]
        return "/".join([*parts, f"{self.seconds:g}s"] if self.seconds is not None else parts)


@dataclass(frozen=True, kw_only=True)
class PlayerSpec:
    """A player, and what it may spend on a move.

    Attributes:
        kind: of player.
        path: of the network of `model` and `gumbel`; None: the one that ships with hexz. The
            command of `cmd`.
        budget: of a move; None: whoever asks for a move says.
        sight: the share of moves that `glance` notices, in percent; None for others.
    """

    kind: Kind
    path: str | None = None
    budget: Budget | None = None
    sight: int | None = None

    @property
    def needs_network(self) -> bool:
        return self.kind in ("model", "gumbel", "glance")

    @property
    def needs_budget(self) -> bool:
        """Tells whether the player thinks as long as whoever asks for a move says."""
        return self.budget is None and self.kind not in ("random", "glance")

    @property
    def algorithm(self) -> Algorithm:
        """The search of a player with a network."""
        return "gumbel" if self.kind == "gumbel" else "puct"

    def __str__(self) -> str:
        """The text that `parse_spec` takes."""
        path = "" if self.path is None else f":{self.path}"
        if self.sight is not None:
            return f"{self.kind}{path}@{self.sight}"
        if self.budget is None:
            return f"{self.kind}{path}"
        return f"{self.kind}{path}{':' if self.kind == 'uct' else '@'}{self.budget}"


def parse_spec(text: str, *, allow_programs: bool = False) -> PlayerSpec:
    """The player that a text names.

    Args:
        text: the spec.
        allow_programs: whether it may be a command, to be set only where the text comes from the
            person who uses this machine, and from no file, message or request.

    Raises:
        InvalidSpec: says what is expected.
    """
    match = _SPEC.fullmatch(SPECS.get(text, text))
    if match is None:
        raise InvalidSpec(f"{text!r} is no player: {_hint(text)}")
    kind, rest, budget = cast("tuple[Kind, str | None, str | None]", match.groups())
    if kind in ("random", "uct"):
        if budget is not None or (kind == "random" and rest is not None):
            raise InvalidSpec(f"{text!r} is no player: expected {_EXAMPLES}")
        return PlayerSpec(kind=kind, budget=None if rest is None else _budget(rest, text, kind))
    if kind == "cmd":
        _check_command(rest, text, allowed=allow_programs)
    if rest == "":
        raise InvalidSpec(f"{text!r} names no file or directory after the colon")
    if kind == "glance":
        if budget is None or not _SIGHT.fullmatch(budget):
            raise InvalidSpec(f"{text!r} needs a share of moves from 1 to 100, as in glance@20")
        return PlayerSpec(kind=kind, path=rest, sight=int(budget))
    if kind == "gumbel" and (budget is None or not _SIMULATIONS.fullmatch(budget)):
        raise InvalidSpec(f"{text!r} needs a number of simulations, as in gumbel@64")
    return PlayerSpec(
        kind=kind, path=rest, budget=None if budget is None else _budget(budget, text, kind)
    )


def _hint(text: str) -> str:
    """What to write instead of a text that names no player."""
    name = re.split("[:@]", text, maxsplit=1)[0]
    meant = closest(name, NAMES)
    if meant is None or meant == name:
        return f"expected {_EXAMPLES}"
    return f"did you mean {meant}{text.removeprefix(name)}?"


def _check_command(command: str | None, spec: str, *, allowed: bool) -> None:
    if not allowed:
        raise InvalidSpec(f"{spec!r} is a program, which only the command line may name")
    try:
        words = shlex.split(command or "")
    except ValueError as error:
        raise InvalidSpec(f"{spec!r} is no command: {str(error).lower()}") from None
    if not words:
        raise InvalidSpec(f"{spec!r} names no program, as cmd:./my-engine does")


def _budget(text: str, spec: str, kind: Kind) -> Budget:
    most = MAX_PLAYOUTS if kind == "uct" else MAX_SIMULATIONS
    if _SIMULATIONS.fullmatch(text) and 1 <= int(text) <= most:
        return Budget(simulations=int(text))
    seconds = _SECONDS.fullmatch(text)
    if seconds and 0 < float(seconds[1]) <= MAX_SECONDS:
        return Budget(seconds=float(seconds[1]))
    raise InvalidSpec(
        f"{spec!r} has the budget {text!r}: expected 1 to {most:,} simulations, as 800, "
        f"or up to {MAX_SECONDS:g} seconds, as 2.5s"
    )


def _least(a: _Number | None, b: _Number | None) -> _Number | None:
    return min((x for x in (a, b) if x is not None), default=None)
