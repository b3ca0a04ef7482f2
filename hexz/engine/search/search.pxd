# cython: language_level=3
from hexz.engine.search.rule cimport SelectionRule

cdef SelectionRule rule_of(settings)
