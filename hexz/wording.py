"""Words for people that depend on figures."""


def number_of(count: int, one: str, many: str | None = None) -> str:
    """Returns how many there are of something, as "1 board" or "2,000 boards".

    Args:
        count: how many.
        one: what one of them is called.
        many: what others are called; None: the same with an s.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
