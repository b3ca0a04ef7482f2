# cython: language_level=3
"""What the searches of a game know of positions that were evaluated.

Other orders of the same moves lead to one position, and so does the search of the next move, if it
begins anew: with 64 and 12 simulations a move, a third of the leaves. They get the evaluation that
is there, so a search finds what it would find without, for fewer evaluations. KataGo has such a
cache for all its games (`cpp/neuralnet/nneval.h`); one of each game needs no lock, and holds
nothing that is older than the last move.
"""
from libc.stdint cimport uint32_t, uint64_t

from hexz.engine.rules cimport Position
from hexz.engine.search.tree cimport Arena, Node

cdef struct Entry:
    uint64_t key            # of a position; 0: free
    uint32_t node
    bint is_past            # the node is in `past`

cdef struct Evaluations:
    Entry* entries          # by open addressing
    uint32_t capacity       # a power of two, or 0
    uint32_t count
    Arena past              # the tree of the last move, where that of this one began anew

cdef uint64_t key_of(const Position* pos) noexcept nogil
cdef const Node* find(const Evaluations* known, uint64_t key, const Arena* tree,
                      const Arena** arena) noexcept nogil
cdef void note(Evaluations* known, uint64_t key, uint32_t node, bint is_past) noexcept nogil
cdef void note_all(Evaluations* known, const Arena* tree, bint is_past) noexcept nogil
cdef void forget(Evaluations* known) noexcept nogil
cdef void close(Evaluations* known) noexcept nogil
