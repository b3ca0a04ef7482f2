"""A `NumpyExample` as workers of today write it, read and checked in one pass without objects.

What a worker posts costs the train server most where it is read, so this knows one form only: all
fields that this program writes, in the order of their numbers, arrays with the headers that it
writes. Whatever else comes, or is wrong with it, is for `hexz.wire.example` and for the checks that
give reasons. What is found sound here is sound there.
"""

from collections import namedtuple

import numpy as np

from libc.math cimport log
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from hexz.engine.bits cimport contains
from hexz.engine.reachable cimport read_end, read_planes
from hexz.engine.rules cimport (
    COLS, GEOMETRY, GRID, NUM_ACTIONS, NUM_CELLS, NUM_PLANES, ROWS, Position,
    clear_position, is_legal, list_actions, play_action,
)
from hexz.wire.replay cimport set_up

from hexz.errors import InvalidBoard
from hexz.example import HALF_TOLERANCE, MAX_NAME, PROBABILITY_TOLERANCE, VALUE_TOLERANCE
from hexz.wire.arrays import header_bytes

cdef enum:
    HEADER = 128            # bytes, of all arrays that are read here
    MASK_BYTES = (NUM_ACTIONS + 7) // 8
    VALUES = 1              # the planes that figures are made of
    NEXT_VALUES = 3
    OPPONENT_VALUES = 6

cdef enum:                  # numbers of fields
    UNIX_MICROS = 1
    BOARD = 2
    MOVE_PROBS = 3
    RESULT = 4
    TURN = 7
    MODEL_KEY = 11
    GAME_ID = 12
    MOVE = 13
    EXAMPLE_ID = 14
    INITIAL_BOARD = 16
    ACTION = 17
    LEGAL_MOVES = 18
    PRIORS = 19
    VISIT_COUNTS = 20
    ROOT_VALUE = 21
    NETWORK_VALUE = 22
    SIMULATIONS = 23
    FULL_SEARCH = 24
    FINAL_CELLS = 25
    SCORE_MARGIN = 26
    REPLY_PROBS = 27
    WRITER_VERSION = 100

cdef enum:                  # of protobuf
    VARINT = 0
    LENGTH = 2
    FOUR_BYTES = 5

cdef struct Field:
    uint64_t number         # of a varint
    float value             # of four bytes
    const uint8_t* at       # of a string or an array
    Py_ssize_t size
    bint known

# Fields that need not be there: 0 is not written, and the last position has no reply.
cdef uint64_t OPTIONAL = (
    1 << RESULT | 1 << MOVE | 1 << REPLY_PROBS
)
cdef uint64_t ALL = (
    1 << UNIX_MICROS | 1 << BOARD | 1 << MOVE_PROBS | 1 << RESULT | 1 << TURN | 1 << MODEL_KEY
    | 1 << GAME_ID | 1 << MOVE | 1 << EXAMPLE_ID | 1 << INITIAL_BOARD | 1 << ACTION
    | 1 << LEGAL_MOVES | 1 << PRIORS | 1 << VISIT_COUNTS | 1 << ROOT_VALUE | 1 << NETWORK_VALUE
    | 1 << SIMULATIONS | 1 << FULL_SEARCH | 1 << FINAL_CELLS | 1 << SCORE_MARGIN
    | 1 << REPLY_PROBS
)
cdef enum:
    NUM_FIELDS = 28

cdef double POLICY_TOLERANCE = PROBABILITY_TOLERANCE
cdef double PRIOR_TOLERANCE = HALF_TOLERANCE
cdef float LONGEST_VALUE = <float>(1 + VALUE_TOLERANCE)
cdef Py_ssize_t LONGEST_NAME = MAX_NAME

cdef bytes PLANES_HEADER = header_bytes("<f4", (NUM_PLANES, ROWS, COLS))
cdef bytes POLICY_HEADER = header_bytes("<f4", (2, ROWS, COLS))
cdef bytes MASK_HEADER = header_bytes("|u1", (MASK_BYTES,))
cdef bytes FINAL_HEADER = header_bytes("|i1", (2, ROWS, COLS))
cdef bytes REPLY_HEADER = header_bytes("<f2", (2, ROWS, COLS))
cdef list PRIOR_HEADERS = [header_bytes("<f2", (count,)) for count in range(NUM_ACTIONS + 1)]
cdef list VISIT_HEADERS = [header_bytes("<u2", (count,)) for count in range(NUM_ACTIONS + 1)]


SoundExample = namedtuple(
    "SoundExample",
    "model_name checkpoint game_id example_id move_number initial_board is_last value_error lead "
    "search_shift first_mover entropy surprise played",
)


def read_sound(bytes body not None):
    """Reads an example if it is one of today's and sound.

    Returns:
        A `SoundExample`; None if that is not certain.
    """
    cdef Field fields[NUM_FIELDS]
    cdef Field key[3]
    cdef const uint8_t* start = <const uint8_t*>body
    cdef Position pos, first
    cdef float policy[NUM_ACTIONS]
    cdef float priors[NUM_ACTIONS]
    cdef float reply[NUM_ACTIONS]
    cdef uint8_t legal[NUM_ACTIONS]
    cdef int count, i, mover, margin, action, result
    if not _read_fields(start, start + len(body), fields) or not _read_key(&fields[MODEL_KEY], key):
        return None
    if not (
        _is_name(&key[1]) and _is_name(&fields[GAME_ID]) and _is_id(&fields[EXAMPLE_ID])
        and key[2].number < 1 << 31 and fields[MOVE].number < NUM_CELLS
        and 1 <= fields[UNIX_MICROS].number < <uint64_t>1 << 63
        and 1 <= fields[TURN].number <= 2 and fields[ACTION].number < NUM_ACTIONS
        and fields[SIMULATIONS].number < 1 << 31 and fields[FULL_SEARCH].number <= 1
        and _is_finite(fields[RESULT].value)
        and _is_value(fields[ROOT_VALUE].value) and _is_value(fields[NETWORK_VALUE].value)
        and _is_array(&fields[BOARD], PLANES_HEADER, NUM_PLANES * GRID * sizeof(float))
        and _is_array(&fields[MOVE_PROBS], POLICY_HEADER, sizeof(policy))
        and _is_array(&fields[LEGAL_MOVES], MASK_HEADER, MASK_BYTES)
        and _is_array(&fields[FINAL_CELLS], FINAL_HEADER, 2 * GRID)
        and fields[INITIAL_BOARD].size == NUM_CELLS
        and set_up(&first, fields[INITIAL_BOARD].at)
    ):
        return None
    mover = <int>fields[TURN].number
    given = np.empty((NUM_PLANES, ROWS, COLS), np.float32)
    cdef float[:, :, ::1] view = given
    memcpy(&view[0, 0, 0], fields[BOARD].at + HEADER, NUM_PLANES * GRID * sizeof(float))
    final = np.frombuffer(
        body, np.int8, 2 * GRID, fields[FINAL_CELLS].at + HEADER - start
    ).reshape(2, ROWS, COLS)
    clear_position(&pos)
    try:
        read_planes(&pos, given, mover, <int>fields[MOVE].number, &first, None)
        count = list_actions(&pos, legal)
        action = <int>fields[ACTION].number
        if not (
            is_legal(&pos, action) and _is_mask(&fields[LEGAL_MOVES], legal, count)
            and _is_array(&fields[PRIORS], PRIOR_HEADERS[count], 2 * count)
            and _is_array(&fields[VISIT_COUNTS], VISIT_HEADERS[count], 2 * count)
        ):
            return None
        memcpy(policy, fields[MOVE_PROBS].at + HEADER, sizeof(policy))
        _widen(fields[PRIORS].at + HEADER, count, priors)
        if not (
            _is_policy(policy, legal, count, POLICY_TOLERANCE)
            and _sums_to_one(priors, count, PRIOR_TOLERANCE)
        ):
            return None
        play_action(&pos, action)
        if fields[REPLY_PROBS].known:
            if not _is_array(&fields[REPLY_PROBS], REPLY_HEADER, 2 * NUM_ACTIONS):
                return None
            _widen(fields[REPLY_PROBS].at + HEADER, NUM_ACTIONS, reply)
            if pos.over or not _is_reply(reply, &pos):
                return None
        read_end(&pos, final[0], final[1], mover)
    except InvalidBoard:
        return None
    margin = pos.score[mover - 1] - pos.score[2 - mover]
    result = (margin > 0) - (margin < 0)
    if (
        _zigzag(fields[SCORE_MARGIN].number) != margin or fields[RESULT].value != result
        or _final_margin(fields[FINAL_CELLS].at + HEADER) != margin
    ):
        return None
    cdef double entropy = 0, surprise = 0, share
    if fields[FULL_SEARCH].number:
        for i in range(count):
            share = policy[legal[i]]
            if share > 0:
                entropy -= share * log(share)
                surprise += share * log(share / max(priors[i], 1e-6))
    return SoundExample(
        _text(&key[1]), key[2].number, _text(&fields[GAME_ID]), _text(&fields[EXAMPLE_ID]),
        fields[MOVE].number, _text(&fields[INITIAL_BOARD]), not fields[REPLY_PROBS].known,
        (result - fields[NETWORK_VALUE].value) ** 2, _lead(&view[0, 0, 0]) * result,
        abs(fields[ROOT_VALUE].value - fields[NETWORK_VALUE].value),
        result if mover == 1 else -result,
        entropy if fields[FULL_SEARCH].number else None,
        surprise if fields[FULL_SEARCH].number else None,
        policy[action] if fields[FULL_SEARCH].number else None,
    )


# --- The message ---------------------------------------------------------------------------------


cdef bint _read_fields(const uint8_t* at, const uint8_t* end, Field* fields) noexcept:
    """Reads all fields; False unless they are those of today, each once and in ascending order."""
    cdef Field version
    cdef uint64_t tag = 0, number, last = 0, found = 0
    for i in range(NUM_FIELDS):
        fields[i].known = False
        fields[i].number = 0
        fields[i].value = 0
    while True:
        at = _varint(at, end, &tag)
        if at == NULL:
            return False
        number = tag >> 3
        if number <= last:
            return False
        last = number
        if number == WRITER_VERSION:
            at = _read_field(at, end, tag & 7, &version)
            return (
                at == end and tag & 7 == LENGTH and _is_name(&version)
                and (found | OPTIONAL) == ALL
            )
        if number >= NUM_FIELDS or not ALL >> number & 1 or <int>(tag & 7) != _kind(number):
            return False
        at = _read_field(at, end, tag & 7, &fields[number])
        if at == NULL:
            return False
        found |= <uint64_t>1 << number


cdef int _kind(uint64_t number) noexcept:
    if number in (UNIX_MICROS, TURN, MOVE, ACTION, SIMULATIONS, FULL_SEARCH, SCORE_MARGIN):
        return VARINT
    if number in (RESULT, ROOT_VALUE, NETWORK_VALUE):
        return FOUR_BYTES
    return LENGTH


cdef const uint8_t* _read_field(
    const uint8_t* at, const uint8_t* end, int kind, Field* field
) noexcept:
    """Reads a field of a kind; returns what follows, NULL if it is cut off or of another kind."""
    cdef uint64_t size = 0
    field.known = True
    if kind == VARINT:
        return _varint(at, end, &field.number)
    if kind == FOUR_BYTES:
        if end - at < 4:
            return NULL
        memcpy(&field.value, at, 4)
        return at + 4
    if kind != LENGTH:
        return NULL
    at = _varint(at, end, &size)
    if at == NULL or size > <uint64_t>(end - at):
        return NULL
    field.at, field.size = at, <Py_ssize_t>size
    return at + size


cdef bint _read_key(const Field* message, Field* key) noexcept:
    """Reads a `ModelKey`: its name is field 1, its checkpoint field 2."""
    cdef const uint8_t* at = message.at
    cdef const uint8_t* end = at + message.size
    cdef uint64_t tag = 0
    key[2].number = 0
    at = _varint(at, end, &tag)
    if at == NULL or tag != (1 << 3 | LENGTH):
        return False
    at = _read_field(at, end, LENGTH, &key[1])
    if at == NULL or at == end:
        return at != NULL
    at = _varint(at, end, &tag)
    return (
        at != NULL and tag == (2 << 3 | VARINT) and _read_field(at, end, VARINT, &key[2]) == end
    )


cdef const uint8_t* _varint(const uint8_t* at, const uint8_t* end, uint64_t* number) noexcept:
    """Reads a varint of at most 63 bits."""
    cdef int shift
    number[0] = 0
    for shift in range(0, 63, 7):
        if at == end:
            return NULL
        number[0] |= <uint64_t>(at[0] & 127) << shift
        if at[0] < 128:
            return at + 1
        at += 1
    return NULL


cdef int64_t _zigzag(uint64_t number) noexcept:
    return <int64_t>(number >> 1) ^ -<int64_t>(number & 1)


# --- Its parts -----------------------------------------------------------------------------------


cdef bint _is_name(const Field* text) noexcept:
    """Whether a text is one of printable ASCII."""
    cdef Py_ssize_t i
    if not 1 <= text.size <= LONGEST_NAME:
        return False
    for i in range(text.size):
        if not 32 <= text.at[i] < 127:
            return False
    return True


cdef bint _is_id(const Field* text) noexcept:
    cdef Py_ssize_t i
    cdef uint8_t sign
    if not 1 <= text.size <= LONGEST_NAME or text.at[0] == c'.':
        return False
    for i in range(text.size):
        sign = text.at[i]
        if not (c'a' <= sign <= c'z' or c'A' <= sign <= c'Z' or c'0' <= sign <= c'9'
                or sign == c'.' or sign == c'_' or sign == c'-'):
            return False
    return True


cdef str _text(const Field* text):
    return text.at[:text.size].decode("ascii")


cdef bint _is_array(const Field* field, bytes header, Py_ssize_t size) noexcept:
    return (
        field.size == HEADER + size and len(header) == HEADER
        and memcmp(field.at, <const uint8_t*>header, HEADER) == 0
    )


cdef bint _is_finite(float number) noexcept:
    # The compiler may assume that no number is infinite or NaN.
    cdef uint32_t bits
    memcpy(&bits, &number, sizeof(bits))
    return (bits & 0x7F800000) != 0x7F800000


cdef bint _is_value(float number) noexcept:
    return _is_finite(number) and -LONGEST_VALUE <= number <= LONGEST_VALUE


cdef bint _is_mask(const Field* mask, const uint8_t* legal, int count) noexcept:
    """Whether the bits of a mask are those of the legal actions."""
    cdef uint8_t bits[MASK_BYTES]
    cdef int i
    for i in range(MASK_BYTES):
        bits[i] = 0
    for i in range(count):
        bits[legal[i] >> 3] |= 128 >> (legal[i] & 7)
    return memcmp(bits, mask.at + HEADER, MASK_BYTES) == 0


cdef void _widen(const uint8_t* halves, int count, float* numbers) noexcept:
    """Numbers in half precision as floats; -1 for what is negative or not finite, as no
    probability is."""
    cdef uint16_t half
    cdef int i, exponent
    for i in range(count):
        memcpy(&half, halves + 2 * i, 2)
        exponent = half >> 10
        if exponent >= 31:
            numbers[i] = -1
        elif exponent == 0:
            numbers[i] = half * <float>(2.0 ** -24)
        else:
            numbers[i] = <float>((1024 | half & 1023) << exponent - 1) * <float>(2.0 ** -24)


cdef bint _sums_to_one(const float* numbers, int count, double tolerance) noexcept:
    """Whether numbers are finite, not negative, and sum to 1."""
    cdef double total = 0
    cdef int i
    for i in range(count):
        if not _is_finite(numbers[i]) or numbers[i] < 0:
            return False
        total += numbers[i]
    return -tolerance <= total - 1 <= tolerance


cdef bint _is_policy(
    const float* policy, const uint8_t* legal, int count, double tolerance
) noexcept:
    """Whether probabilities of all actions are on legal ones only, and sum to 1."""
    cdef int i, positive = 0
    if not _sums_to_one(policy, NUM_ACTIONS, tolerance):
        return False
    for i in range(NUM_ACTIONS):
        positive += policy[i] > 0
    for i in range(count):
        positive -= policy[legal[i]] > 0
    return positive == 0


cdef bint _is_reply(const float* reply, const Position* pos) noexcept:
    """The same in half precision, for what is legal in a position."""
    cdef uint8_t legal[NUM_ACTIONS]
    cdef int count = list_actions(pos, legal)
    return _is_policy(reply, legal, count, PRIOR_TOLERANCE)


cdef int _final_margin(const uint8_t* final) noexcept:
    """The margin of final cells; one that no game has if they are set where there is no cell."""
    cdef int margin = 0, i
    cdef int8_t owner, value
    for i in range(GRID):
        owner, value = <int8_t>final[i], <int8_t>final[GRID + i]
        if not contains(GEOMETRY.board, i) and (owner or value):
            return 1 << 20
        margin += owner * value
    return margin


cdef double _lead(const float* planes) noexcept:
    """1 if the mover has more points once the best value is taken, -1 if fewer."""
    cdef float own = 0, best = 0, other = 0
    cdef int i
    for i in range(GRID):
        own += planes[VALUES * GRID + i]
        other += planes[OPPONENT_VALUES * GRID + i]
        best = max(best, planes[NEXT_VALUES * GRID + i])
    return (own + best > other) - (own + best < other)
