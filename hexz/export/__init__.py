"""Boards and games as pictures and pages that people look at."""

from hexz.export.page import GameRecord, games_page, top_moves
from hexz.export.svg import board_svg

__all__ = ["GameRecord", "board_svg", "games_page", "top_moves"]
