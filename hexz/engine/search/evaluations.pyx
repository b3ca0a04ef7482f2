# cython: language_level=3
"""Finds the evaluation of a position among those that a game's searches have got."""
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hexz.engine.rules cimport GRID, Position
from hexz.engine.search.tree cimport Arena, Node, release

cdef extern from *:
    """
    /* Both halves of the product of two words: each bit of either changes about half of the bits.
       The primitive of wyhash and rapidhash. */
    static inline unsigned long long hexz_mix(unsigned long long a, unsigned long long b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (unsigned long long)product ^ (unsigned long long)(product >> 64);
    }
    """
    uint64_t mix "hexz_mix"(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    FIRST_CAPACITY = 256
    VALUE_WORDS = (GRID + 2) // 8


cdef uint64_t key_of(const Position* pos) noexcept nogil:
    """A hash of what tells positions of one game apart, never 0. Among a million of them, two have
    one key with a probability of 3e-8."""
    cdef uint64_t words[4 + VALUE_WORDS]
    cdef uint64_t key = 0x9E3779B97F4A7C15ULL + pos.turn
    cdef int i
    memcpy(words, pos.own, 4 * sizeof(uint64_t))
    memcpy(words + 4, pos.value, VALUE_WORDS * sizeof(uint64_t))
    for i in range(4 + VALUE_WORDS):
        # An odd summand of each word's own, so that equal words in other places make another key.
        key = mix(key ^ words[i], 0xD6E8FEB86659FD93ULL + 2 * <uint64_t>i)
    return key if key != 0 else 1


cdef const Node* find(const Evaluations* known, uint64_t key, const Arena* tree,
                      const Arena** arena) noexcept nogil:
    """The expanded node of a position, and the arena it lies in; NULL if there is none."""
    cdef uint32_t place
    cdef const Entry* entry
    if known.count == 0:
        return NULL
    place = <uint32_t>key & (known.capacity - 1)
    while True:
        entry = &known.entries[place]
        if entry.key == 0:
            return NULL
        if entry.key == key:
            arena[0] = &known.past if entry.is_past else tree
            return &arena[0].nodes[entry.node]
        place = (place + 1) & (known.capacity - 1)


cdef void note(Evaluations* known, uint64_t key, uint32_t node, bint is_past) noexcept nogil:
    """Remembers an expanded node. Where memory is short it is not found later, and no more."""
    cdef uint32_t place
    if 2 * known.count >= known.capacity and not grow(known):
        return
    place = <uint32_t>key & (known.capacity - 1)
    while known.entries[place].key != 0:
        if known.entries[place].key == key:
            return
        place = (place + 1) & (known.capacity - 1)
    known.entries[place] = Entry(key, node, is_past)
    known.count += 1


cdef bint grow(Evaluations* known) noexcept nogil:
    cdef Evaluations larger
    cdef uint32_t i
    memset(&larger, 0, sizeof(Evaluations))
    larger.capacity = max(<uint32_t>FIRST_CAPACITY, 2 * known.capacity)
    larger.entries = <Entry*>calloc(larger.capacity, sizeof(Entry))
    if larger.entries == NULL:
        return False
    for i in range(known.capacity):
        if known.entries[i].key != 0:
            note(&larger, known.entries[i].key, known.entries[i].node, known.entries[i].is_past)
    free(known.entries)
    known.entries = larger.entries
    known.capacity = larger.capacity
    return True


cdef void note_all(Evaluations* known, const Arena* tree, bint is_past) noexcept nogil:
    """Remembers the expanded nodes of a tree instead of all that was remembered."""
    cdef uint32_t i
    forget(known)
    for i in range(tree.num_nodes):
        if tree.nodes[i].key != 0 and tree.nodes[i].num_edges > 0:
            note(known, tree.nodes[i].key, i, is_past)


cdef void forget(Evaluations* known) noexcept nogil:
    """Forgets all, and keeps the memory."""
    if known.count > 0:
        memset(known.entries, 0, known.capacity * sizeof(Entry))
    known.count = 0


cdef void close(Evaluations* known) noexcept nogil:
    """Gives the memory back."""
    free(known.entries)
    release(&known.past)
