# cython: language_level=3
cdef class Exclusive:
    cdef bint busy      # a thread is at work without the interpreter's lock
    cdef int require_idle(self) except -1

cdef int check_planes(const float[:, :, :, ::1] planes, Py_ssize_t rows) except -1
cdef int check_evaluations(
    const float[:, ::1] logits, const float[::1] values, int count) except -1
