"""Matches between players, and how strong they are."""
