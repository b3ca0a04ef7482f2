# cython: language_level=3
"""How the engine was compiled."""

cdef extern from *:
    """
    #ifndef HEXZ_FLAGS
    #define HEXZ_FLAGS "unknown"
    #endif
    #ifdef __clang__
    #define HEXZ_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define HEXZ_COMPILER "gcc " __VERSION__
    #else
    #define HEXZ_COMPILER "another compiler"
    #endif
    """
    const char* HEXZ_FLAGS
    const char* HEXZ_COMPILER

FLAGS = HEXZ_FLAGS.decode()
COMPILER = HEXZ_COMPILER.decode()
