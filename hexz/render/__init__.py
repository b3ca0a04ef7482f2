"""Boards and games as pictures and pages that people look at."""

from hexz.render.page import games_page
from hexz.render.svg import board_svg

__all__ = ["board_svg", "games_page"]
