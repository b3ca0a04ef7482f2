# cython: language_level=3
"""What is checked before the search trusts it: shapes, evaluations, and that one thread is at it."""
from hexz.engine.rules cimport COLS, NUM_ACTIONS, NUM_PLANES, ROWS

from hexz.errors import InvalidEvaluation


cdef extern from *:
    """
    /* The engine is compiled for finite numbers only, where comparing floats cannot find a NaN,
       so this looks at their bits. */
    static inline int hexz_is_sound(const float* logits, float value) {
        unsigned bits, largest = 0;
        for (int i = 0; i < 220; i++) {
            __builtin_memcpy(&bits, &logits[i], sizeof bits);
            bits &= 0x7fffffffu;
            largest = bits > largest ? bits : largest;
        }
        __builtin_memcpy(&bits, &value, sizeof bits);
        return largest < 0x7f800000u && (bits & 0x7fffffffu) <= 0x3f800000u;
    }
    """
    # Whether all 220 logits are finite and the value is in -1..1. One number that is not would
    # spread through a tree without a sign.
    bint is_sound "hexz_is_sound"(const float* logits, float value) noexcept nogil


cdef class Exclusive:
    """What one thread at a time may use: two in one tree would tear it."""

    cdef int require_idle(self) except -1:
        if self.busy:
            raise RuntimeError(f"another thread is using this {type(self).__name__}")
        return 0


cdef int check_planes(const float[:, :, :, ::1] planes, Py_ssize_t rows) except -1:
    """Raises ValueError unless planes are [rows or more, 11, 11, 10]."""
    if planes.shape[0] < rows or planes.shape[1] != NUM_PLANES or (
            planes.shape[2] != ROWS or planes.shape[3] != COLS):
        raise ValueError(f"expected planes [{rows or 'n'}, {NUM_PLANES}, {ROWS}, {COLS}]")
    return 0


cdef int check_evaluations(
    const float[:, ::1] logits, const float[::1] values, int count
) except -1:
    """Raises ValueError unless logits are [count or more, 220] and values [count or more], and
    InvalidEvaluation if one of these is not finite or no value of a game."""
    cdef int row
    if logits.shape[0] < count or values.shape[0] < count:
        raise ValueError(f"expected evaluations of {count} leaves")
    if logits.shape[1] != NUM_ACTIONS:
        raise ValueError(f"expected 220 logits a leaf, not {logits.shape[1]}")
    for row in range(count):
        if not is_sound(&logits[row, 0], values[row]):
            raise InvalidEvaluation(
                "the network returned a logit that is not finite or a value that is not in -1..1")
    return 0
