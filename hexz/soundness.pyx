"""What `hexz.example` asks about whole arrays, in one pass over each: NumPy would need a dozen of
calls, and some hundred examples a second are checked.

Callers have checked dtypes and shapes. The compiler may assume that no number is infinite or NaN,
so those are recognised by their bits.
"""

from libc.stdint cimport int8_t, uint8_t, uint32_t
from libc.string cimport memcpy

from hexz.engine.rules cimport COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS

cdef enum:
    NORMAL_MOVES = 3  # the planes of the mover's normal moves and flags left
    FLAGS_LEFT = 4

# Own flags, values, blocked, next values, flags left; the same for the opponent; grass.
cdef int[NUM_PLANES] PLANE_MAX = [1, 5, 1, 5, 3, 1, 5, 1, 5, 3, 5]


def plane_problem(const float[:, :, :] planes):
    """What is wrong with planes, float32 [11, 11, 10]: None, or the end of a sentence."""
    cdef Py_ssize_t plane, row, col
    cdef float number
    cdef bint in_range = True
    for plane in range(NUM_PLANES):
        for row in range(ROWS):
            for col in range(COLS):
                number = planes[plane, row, col]
                if not is_small_integer(number):
                    return "hold a number that is not a small integer"
                in_range &= 0 <= number <= PLANE_MAX[plane]
    return None if in_range else "hold a number that is out of the range of its plane"


def legal_problem(const uint8_t[:] legal, const float[:, :, :] planes):
    """What is wrong with a mask of legal actions, bool [220] as bytes, in the position of sound
    planes: None, or the end of a sentence."""
    cdef Py_ssize_t i
    cdef bint flags = False, moves = False, moves_agree = True
    for i in range(NUM_ACTIONS):
        if legal[i] and is_no_cell(i % GRID):
            return "has an action on a cell that does not exist"
    for i in range(GRID):
        flags |= legal[i] != 0
        moves |= legal[GRID + i] != 0
        moves_agree &= (legal[GRID + i] != 0) == (planes[NORMAL_MOVES, i // COLS, i % COLS] > 0)
    if not (flags or moves):
        return "has no legal action"
    if not moves_agree:
        return "and the planes differ in the normal moves"
    if flags != (planes[FLAGS_LEFT, 0, 0] > 0):
        return "and the planes differ in whether a flag is left"
    return None


def probability_problem(
    const float[:] probabilities, const uint8_t[:] possible, double tolerance
):
    """What is wrong with float32 [220] that shall sum to 1 and be 0 outside of a mask, bool [220]
    as bytes: None, or the end of a sentence."""
    cdef Py_ssize_t i
    cdef double total = 0
    cdef bint negative = False, illegal = False
    for i in range(NUM_ACTIONS):
        if not is_finite(probabilities[i]):
            return "has a number that is not finite"
        total += probabilities[i]
        negative |= probabilities[i] < 0
        illegal |= probabilities[i] != 0 and not possible[i]
    if not -tolerance <= total - 1 <= tolerance:
        return f"sums to {total:g}, not 1"
    if negative:
        return "has a negative probability"
    return "gives an illegal action a probability" if illegal else None


def has_illegal_count(const uint32_t[:] counts, const uint8_t[:] legal):
    """Whether uint32 [220] are not all 0 outside of a mask, bool [220] as bytes."""
    cdef Py_ssize_t i
    for i in range(NUM_ACTIONS):
        if not legal[i] and counts[i] != 0:
            return True
    return False


def final_problem(const int8_t[:, :] owner, const int8_t[:, :] value):
    """What is wrong with the final cells, int8 [11, 10] each: None, or the end of a sentence."""
    cdef Py_ssize_t i
    cdef int8_t who, number
    cdef bint in_range = True, on_cells = True
    for i in range(GRID):
        who, number = owner[i // COLS, i % COLS], value[i // COLS, i % COLS]
        in_range &= -1 <= who <= 1 and 0 <= number <= 5
        on_cells &= not is_no_cell(i) or (who == 0 and number == 0)
    if not in_range:
        return "is out of range"
    return None if on_cells else "is set where there is no cell"


def final_margin(const int8_t[:, :] owner, const int8_t[:, :] value):
    """The sum of the products of sound final cells."""
    cdef Py_ssize_t i
    cdef int margin = 0
    for i in range(GRID):
        margin += owner[i // COLS, i % COLS] * value[i // COLS, i % COLS]
    return margin


cdef inline bint is_no_cell(Py_ssize_t i) noexcept:
    """The last column of an odd row is no cell."""
    return i % COLS == COLS - 1 and (i // COLS) % 2 == 1


cdef inline bint is_finite(float number) noexcept:
    cdef uint32_t bits
    memcpy(&bits, &number, sizeof(bits))
    return (bits & 0x7F800000) != 0x7F800000


cdef inline bint is_small_integer(float number) noexcept:
    return is_finite(number) and -128 <= number <= 127 and number == <int>number
