"""Compact games, played once more: what is wrong with one, and the arrays that follow from it.

All of a game is looked at without the GIL, so that as many threads as there are cores check games
at once. Numbers in half precision are compared and summed as integers, in units of 2**-24: exactly,
and without a thought for numbers that are not finite.
"""

import numpy as np

from libc.stdint cimport int8_t, int16_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from hexz.engine.bits cimport bit, contains, popcount
from hexz.engine.rules cimport (
    GEOMETRY, GRID, MAX_MOVES, NUM_ACTIONS, NUM_CELLS, NUM_GRASS, NUM_PLANES, NUM_ROCKS,
    Position, clear_position, list_actions, play_action, settle_turn, write_planes,
)

from hexz.errors import InvalidExample

cdef enum:
    MASK_BYTES = (NUM_ACTIONS + 7) // 8
    HALF_ONE = 1 << 24          # 1 in units of the smallest number in half precision
    LONGEST_VARINT = 5          # bytes of 32 bits

cdef enum:              # what may be wrong
    NONE, BOARD, OVER, ILLEGAL, NOT_OVER, SHORT, LONG, NEGATIVE, NOT_FINITE, NO_SUM,
    BAD_COUNT, BAD_FLAG, BAD_VALUE

cdef enum:              # columns, in the order of the message
    POLICIES, PRIORS, VISITS, ROOT_VALUES, NETWORK_VALUES, SIMULATIONS, FULL_SEARCHES, CHECKPOINTS,
    NUM_COLUMNS

_COLUMN_NAMES = (
    "policies", "priors", "visit_counts", "root_values", "network_values", "simulations",
    "full_searches", "checkpoints",
)

cdef struct Bytes:
    const uint8_t* at
    const uint8_t* end

cdef struct Game:
    const uint8_t* board        # NUM_CELLS characters
    const uint8_t* actions
    Py_ssize_t num_moves
    Bytes columns[NUM_COLUMNS]  # of each, what is not read yet
    uint32_t policy_tolerance   # how far sums may be from 1, in units of 2**-24
    uint32_t prior_tolerance
    float longest_value
    int fault                   # NONE or what is wrong
    int column                  # and where

cdef struct Arrays:
    # Row by row what follows from the game; see `replay`.
    uint8_t* planes
    uint8_t* legal
    uint16_t* policies
    uint16_t* priors
    uint32_t* visits
    uint8_t* turns
    uint32_t* simulations
    uint32_t* checkpoints


def replay(columns, double policy_tolerance, double prior_tolerance, double value_tolerance):
    """Plays a game of T moves, looks at all that it says, and returns its arrays as a tuple:

    planes uint8 [T, 11 * 110], legal uint8 [T, 28] (bits as of `numpy.packbits`), policies and
    priors float16 [T, 220], visits uint32 [T, 220], turns uint8 [T] (0 or 1), simulations and
    checkpoints uint32 [T], owners (1 the first player, -1 the second, 0 nobody) and values
    int8 [110] at the end, and the scores of both.

    Args:
        columns: the bytes of the board, the actions and the columns in the order of the message.
        policy_tolerance, prior_tolerance: how far the sums of probabilities may be from 1.
        value_tolerance: how far beyond -1..1 a value may be.

    Raises:
        InvalidExample: the game cannot have been played like this; says why.
    """
    cdef Game game
    cdef Position final
    cdef Arrays arrays
    cdef Py_ssize_t move, i
    _open(&game, columns, policy_tolerance, prior_tolerance, value_tolerance)
    count = game.num_moves
    if not 1 <= count <= MAX_MOVES:  # before there is memory for them
        raise InvalidExample(f"a game has 1 to {MAX_MOVES} moves, not {count}")
    planes = np.empty((count, NUM_PLANES * GRID), np.uint8)
    legal = np.zeros((count, MASK_BYTES), np.uint8)
    policies, priors = np.zeros((2, count, NUM_ACTIONS), np.uint16)
    visits = np.zeros((count, NUM_ACTIONS), np.uint32)
    turns = np.empty(count, np.uint8)
    simulations, checkpoints = np.empty((2, count), np.uint32)
    arrays.planes = <uint8_t*><size_t>planes.ctypes.data
    arrays.legal = <uint8_t*><size_t>legal.ctypes.data
    arrays.policies = <uint16_t*><size_t>policies.ctypes.data
    arrays.priors = <uint16_t*><size_t>priors.ctypes.data
    arrays.visits = <uint32_t*><size_t>visits.ctypes.data
    arrays.turns = <uint8_t*><size_t>turns.ctypes.data
    arrays.simulations = <uint32_t*><size_t>simulations.ctypes.data
    arrays.checkpoints = <uint32_t*><size_t>checkpoints.ctypes.data
    with nogil:
        move = play(&game, &arrays, &final)
    if game.fault != NONE:
        raise InvalidExample(_reason(&game, move))
    owners, values = np.empty((2, GRID), np.int8)
    cdef int8_t[::1] owner = owners, value = values
    for i in range(GRID):
        value[i] = <int8_t>final.value[i]
        owner[i] = contains(final.own[0], i) - contains(final.own[1], i)
    return (
        planes, legal, policies.view(np.float16), priors.view(np.float16), visits, turns,
        simulations, checkpoints, owners, values, (final.score[0], final.score[1]),
    )


def legal_masks(str board, const int16_t[::1] actions):
    """The legal actions of each position of a game of T moves, bool [T, 220].

    Raises:
        InvalidExample: the board is no start position, or an action is illegal.
    """
    cdef bytes text = board.encode()
    cdef Position pos
    cdef uint8_t listed[NUM_ACTIONS]
    cdef Py_ssize_t move, i
    cdef int count
    if len(text) != NUM_CELLS or not set_up(&pos, <const uint8_t*>text):
        raise InvalidExample(_MESSAGES[BOARD])
    masks = np.zeros((len(actions), NUM_ACTIONS), np.bool_)
    cdef uint8_t[:, ::1] view = masks.view(np.uint8)
    for move in range(len(actions)):
        count = list_actions(&pos, listed)
        for i in range(count):
            view[move, listed[i]] = 1
        if not (0 <= actions[move] < NUM_ACTIONS and view[move, actions[move]]):
            raise InvalidExample(f"action {actions[move]} of move {move} is illegal")
        play_action(&pos, actions[move])
    return masks


def to_varints(const uint32_t[::1] numbers):
    """The varints of protobuf of some numbers, one behind the other."""
    cdef bytearray encoded = bytearray(LONGEST_VARINT * len(numbers))
    cdef uint8_t[::1] out = encoded
    cdef Py_ssize_t i, size = 0
    cdef uint32_t number
    for i in range(len(numbers)):
        number = numbers[i]
        while number >= 128:
            out[size] = <uint8_t>(number & 127 | 128)
            number >>= 7
            size += 1
        out[size] = <uint8_t>number
        size += 1
    return bytes(out[:size])


# --- Reading -------------------------------------------------------------------------------------


cdef int _open(
    Game* game, tuple columns, double policy_tolerance, double prior_tolerance,
    double value_tolerance,
) except -1:
    """Takes pointers into the columns, which must outlive the game."""
    cdef bytes column
    cdef int i
    column = columns[0]
    if len(column) != NUM_CELLS:
        raise InvalidExample(_MESSAGES[BOARD])
    game.board = <const uint8_t*>column
    column = columns[1]
    game.actions, game.num_moves = <const uint8_t*>column, len(column)
    for i in range(NUM_COLUMNS):
        column = columns[2 + i]
        game.columns[i].at = <const uint8_t*>column
        game.columns[i].end = game.columns[i].at + len(column)
    game.policy_tolerance = <uint32_t>(policy_tolerance * HALF_ONE)
    game.prior_tolerance = <uint32_t>(prior_tolerance * HALF_ONE)
    game.longest_value = <float>(1 + value_tolerance)
    game.fault, game.column = NONE, 0
    return 0


_MESSAGES = {
    BOARD: "initial_board does not have 15 rocks and grass of the values 1 to 5",
    OVER: "the game is over after {move} moves, and goes on",
    ILLEGAL: "the action of move {move} is illegal",
    NOT_OVER: "the game is not over after the last move",
    SHORT: "{column} ends at move {move}",
    LONG: "{column} goes on after the last move",
    NEGATIVE: "{column} of move {move} has a negative probability",
    NOT_FINITE: "{column} of move {move} has a number that is not finite",
    NO_SUM: "{column} of move {move} does not sum to 1",
    BAD_COUNT: "{column} of move {move} has a number that is out of range",
    BAD_FLAG: "{column} of move {move} is neither 0 nor 1",
    BAD_VALUE: "{column} of move {move} is not in -1..1",
}


cdef str _reason(const Game* game, Py_ssize_t move):
    return _MESSAGES[game.fault].format(column=_COLUMN_NAMES[game.column], move=move)


cdef bint set_up(Position* pos, const uint8_t* board) noexcept nogil:
    """Makes the start position of a text; returns whether it is one."""
    cdef int rocks = 0, grass = 0, i, cell
    clear_position(pos)
    for i in range(NUM_CELLS):
        cell = GEOMETRY.grid_of[i]
        if board[i] == c'#':
            rocks += 1
        elif c'1' <= board[i] <= c'5':
            grass |= 1 << (board[i] - c'1')
            pos.grass |= bit(cell)
            pos.value[cell] = <uint8_t>(board[i] - c'0')
        elif board[i] == c'.':
            continue
        else:
            return False
        pos.empty ^= bit(cell)
    settle_turn(pos, 1)
    return (
        rocks == NUM_ROCKS
        and popcount(pos.grass) == NUM_GRASS and grass == (1 << NUM_GRASS) - 1
    )


cdef Py_ssize_t play(Game* game, Arrays* out, Position* pos) noexcept nogil:
    """Plays the game; returns the move at which `game.fault` was found, if any was."""
    cdef uint8_t legal[NUM_ACTIONS]
    cdef Py_ssize_t move
    cdef int count, i
    cdef bint known
    if not set_up(pos, game.board):
        game.fault = BOARD
        return 0
    for move in range(game.num_moves):
        if pos.over:
            game.fault = OVER
            return move
        count = list_actions(pos, legal)
        known = False
        for i in range(count):
            known |= legal[i] == game.actions[move]
        if not known:
            game.fault = ILLEGAL
            return move
        note_position(pos, legal, count, out, move)
        if not (
            take_probabilities(game, POLICIES, legal, count, game.policy_tolerance,
                               out.policies + NUM_ACTIONS * move)
            and take_probabilities(game, PRIORS, legal, count, game.prior_tolerance,
                                   out.priors + NUM_ACTIONS * move)
            and take_visits(game, legal, count, out.visits + NUM_ACTIONS * move)
            and take_value(game, ROOT_VALUES)
            and take_value(game, NETWORK_VALUES)
            and take_flag(game)
            and take_numbers(game, out, move)
        ):
            return move
        play_action(pos, game.actions[move])
    if not pos.over:
        game.fault = NOT_OVER
        return move
    for i in range(NUM_COLUMNS):
        if game.columns[i].at != game.columns[i].end:
            game.fault, game.column = LONG, i
            return move
    return 0


cdef void note_position(
    const Position* pos, const uint8_t* legal, int count, Arrays* out, Py_ssize_t move
) noexcept nogil:
    cdef float planes[NUM_PLANES * GRID]
    cdef uint8_t* row = out.planes + NUM_PLANES * GRID * move
    cdef int i
    write_planes(pos, planes)
    for i in range(NUM_PLANES * GRID):
        row[i] = <uint8_t>planes[i]
    row = out.legal + MASK_BYTES * move
    for i in range(count):
        row[legal[i] >> 3] |= 128 >> (legal[i] & 7)
    out.turns[move] = pos.turn


cdef bint take_probabilities(
    Game* game, int column, const uint8_t* legal, int count, uint32_t tolerance, uint16_t* row
) noexcept nogil:
    """Reads those of one move, and writes them where their actions belong."""
    cdef Bytes* data = &game.columns[column]
    cdef uint16_t number
    cdef uint64_t total = 0
    cdef int i, exponent
    game.column = column
    if data.end - data.at < 2 * count:
        game.fault = SHORT
        return False
    for i in range(count):
        memcpy(&number, data.at + 2 * i, 2)
        if number & 0x8000:
            game.fault = NEGATIVE
            return False
        exponent = number >> 10
        if exponent == 31:
            game.fault = NOT_FINITE
            return False
        if exponent == 0:
            total += number
        else:
            total += <uint64_t>(1024 | number & 1023) << (exponent - 1)
        row[legal[i]] = number
    data.at += 2 * count
    if total > HALF_ONE + tolerance or total + tolerance < HALF_ONE:
        game.fault = NO_SUM
        return False
    return True


cdef bint take_visits(Game* game, const uint8_t* legal, int count, uint32_t* row) noexcept nogil:
    cdef uint32_t number
    cdef int i
    for i in range(count):
        if not take_varint(game, VISITS, 0x7FFFFFFF, &number):
            return False
        row[legal[i]] = number
    return True


cdef bint take_numbers(Game* game, Arrays* out, Py_ssize_t move) noexcept nogil:
    """Reads the simulations and the checkpoint of one move."""
    cdef uint32_t simulations, checkpoint
    if not (
        take_varint(game, SIMULATIONS, 0x7FFFFFFF, &simulations)
        and take_varint(game, CHECKPOINTS, 0x7FFFFFFF, &checkpoint)
    ):
        return False
    out.simulations[move], out.checkpoints[move] = simulations, checkpoint
    return True


cdef bint take_varint(Game* game, int column, uint64_t largest, uint32_t* number) noexcept nogil:
    cdef Bytes* data = &game.columns[column]
    cdef uint64_t value = 0
    cdef uint8_t byte
    cdef int shift = 0
    game.column = column
    while True:
        if data.at == data.end:
            game.fault = SHORT
            return False
        byte = data.at[0]
        data.at += 1
        value |= <uint64_t>(byte & 127) << shift
        shift += 7
        if byte < 128:
            break
        if shift == 7 * LONGEST_VARINT:
            game.fault = BAD_COUNT
            return False
    if value > largest:
        game.fault = BAD_COUNT
        return False
    number[0] = <uint32_t>value
    return True


cdef bint take_value(Game* game, int column) noexcept nogil:
    cdef Bytes* data = &game.columns[column]
    cdef uint32_t bits
    cdef float value
    game.column = column
    if data.end - data.at < 4:
        game.fault = SHORT
        return False
    memcpy(&bits, data.at, 4)
    memcpy(&value, data.at, 4)
    data.at += 4
    if bits & 0x7F800000 == 0x7F800000:
        game.fault = NOT_FINITE
        return False
    if not -game.longest_value <= value <= game.longest_value:
        game.fault = BAD_VALUE
        return False
    return True


cdef bint take_flag(Game* game) noexcept nogil:
    cdef Bytes* data = &game.columns[FULL_SEARCHES]
    game.column = FULL_SEARCHES
    if data.at == data.end:
        game.fault = SHORT
        return False
    if data.at[0] > 1:
        game.fault = BAD_FLAG
        return False
    data.at += 1
    return True
