# cython: language_level=3
"""Arrays that grow: the arenas of the search trees are made of them."""
from libc.stdint cimport UINT32_MAX, uint32_t
from libc.stdlib cimport realloc


cdef inline int enlarge(void** array, uint32_t* capacity, uint32_t first,
                        size_t item_size) noexcept nogil:
    """Doubles an array of `capacity` items and adds `first` more, the whole of it where it was
    empty. Returns -1, nothing changed, if memory is short or indices would not fit 32 bits."""
    cdef size_t items = 2 * <size_t>capacity[0] + first
    cdef void* grown = NULL
    if items <= UINT32_MAX:
        grown = realloc(array[0], items * item_size)
    if grown == NULL:
        return -1
    array[0] = grown
    capacity[0] = <uint32_t>items
    return 0
