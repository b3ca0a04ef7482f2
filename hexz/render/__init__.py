"""Boards and games as pictures and pages that people look at."""

from hexz.render.page import games_page

__all__ = ["games_page"]
