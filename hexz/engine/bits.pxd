# cython: language_level=3
"""Sets of cells as 128-bit integers, and the random numbers of playouts and search.

Bit `row * 10 + col` of a `CellSet` stands for a cell of the [11, 10] grid; the bits of the
cells that odd rows lack are never set.
"""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    typedef unsigned __int128 hexz_cellset;

    static inline int hexz_popcount(hexz_cellset s) {
        return __builtin_popcountll((unsigned long long)s)
             + __builtin_popcountll((unsigned long long)(s >> 64));
    }

    /* Index of the lowest member. The set must not be empty. */
    static inline int hexz_lowest(hexz_cellset s) {
        unsigned long long lo = (unsigned long long)s;
        return lo ? __builtin_ctzll(lo) : 64 + __builtin_ctzll((unsigned long long)(s >> 64));
    }

    #if defined(__BMI2__)
    #include <immintrin.h>
    static inline int hexz_select64(unsigned long long w, int n) {
        return __builtin_ctzll(_pdep_u64(1ULL << n, w));
    }
    #else
    static inline int hexz_select64(unsigned long long w, int n) {
        while (n--) w &= w - 1;
        return __builtin_ctzll(w);
    }
    #endif

    /* Index of the n-th lowest member, 0 <= n < popcount. Selecting the word without a branch
       matters: in random playouts it would be mispredicted half of the time. */
    static inline int hexz_select(hexz_cellset s, int n) {
        unsigned long long lo = (unsigned long long)s, hi = (unsigned long long)(s >> 64);
        int in_lo = __builtin_popcountll(lo), upper = n >= in_lo;
        return 64 * upper + hexz_select64(upper ? hi : lo, upper ? n - in_lo : n);
    }
    """
    # The true type is unsigned __int128; Cython only needs to know that it is an integer.
    # It must never be converted to or from a Python object.
    ctypedef unsigned long long CellSet "hexz_cellset"

    int popcount "hexz_popcount"(CellSet s) noexcept nogil
    int lowest "hexz_lowest"(CellSet s) noexcept nogil
    int select "hexz_select"(CellSet s, int n) noexcept nogil


cdef inline CellSet bit(int cell) noexcept nogil:
    return (<CellSet>1) << cell


cdef inline bint contains(CellSet s, int cell) noexcept nogil:
    return <int>(s >> cell) & 1


cdef inline uint64_t next_random(uint64_t* rng) noexcept nogil:
    """The next 64 random bits of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom
    Number Generators", OOPSLA 2014). The state is one counter, so any value is a good seed."""
    rng[0] += 0x9E3779B97F4A7C15u
    cdef uint64_t z = rng[0]
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu
    return z ^ (z >> 31)


cdef inline uint64_t random_stream(uint64_t seed, uint64_t stream) noexcept nogil:
    """The initial state of an independent generator, one for each (seed, stream)."""
    cdef uint64_t state = seed
    cdef uint64_t mixed = next_random(&state) ^ stream
    return next_random(&mixed)


cdef inline int scaled(uint32_t bits, int n) noexcept nogil:
    """32 random bits as a number in 0..n-1; the bias is below n / 2**32."""
    return <int>((<uint64_t>bits * <uint64_t>n) >> 32)


cdef inline double unit(uint64_t bits) noexcept nogil:
    """64 random bits as a number in (0, 1), both ends excluded: with one bit more, the sum would
    be rounded, at last to 1."""
    return (<double>(bits >> 12) + 0.5) * (1.0 / 4503599627370496.0)
