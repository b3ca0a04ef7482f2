"""Types of single.pyx, whose docstrings say what everything means."""

from typing import NamedTuple

class SoundExample(NamedTuple):
    """What the train server wants to know of a sound example.

    The figures are those of `hexz.vetting.figures`; the last three are None for a fast search.
    """

    model_name: str
    checkpoint: int
    game_id: str
    example_id: str
    move_number: int
    initial_board: str
    is_last: bool
    value_error: float
    lead: float
    search_shift: float
    first_mover: int
    entropy: float | None
    surprise: float | None
    played: float | None

def read_sound(body: bytes) -> SoundExample | None: ...
