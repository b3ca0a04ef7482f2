"""hexz: engine, network, self-play and learning for Flagz.

Import from the rooms below (`hexz.engine`, `hexz.model`, ...); see docs/architecture.md.
"""
