# cython: language_level=3
"""What all selection rules have in common."""


cdef class SelectionRule:
    # Each rule sets `config.rule` and `config.constants`.
    def __cinit__(self, settings):
        self.settings = settings
        self.config.explore = settings.explore
        self.config.simulations[0] = settings.simulations
        self.config.simulations[1] = settings.fast_simulations
        self.config.full_search_share = settings.full_search_share if settings.explore else 1.0
