"""Words that depend on figures."""

from hexz.wording import number_of


def test_one_is_not_many():
    assert [number_of(n, "board") for n in (0, 1, 2000)] == ["0 boards", "1 board", "2,000 boards"]
    assert [number_of(n, "copy", "copies") for n in (1, 2)] == ["1 copy", "2 copies"]
