"""Draws the pictures of docs/rules.md: `python -m tests.player.rules_pictures`."""

from pathlib import Path

from hexz.player.page.pictures import PICTURES, picture

DIRECTORY = Path(__file__).parents[2] / "docs" / "rules"


def rules_pictures() -> dict[str, str]:
    return {f"{name}.svg": picture(name, complete=True) for name in PICTURES}


if __name__ == "__main__":
    for name, text in rules_pictures().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
