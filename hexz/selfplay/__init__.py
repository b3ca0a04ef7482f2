"""Self-play: games of the network against itself, and training examples from them.

This module imports only what describes a run; `hexz.selfplay.run` and `hexz.selfplay.loop` need
the network and import it.
"""
