# cython: language_level=3
"""The reference player `uct`, which is the Go server's: UCT with random playouts; and `random`.

Every strength figure is measured against `uct`, so its rules are fixed: no noise, a new tree for
every move, Q a win rate with a draw counting one half, and the score `Q + sqrt(ln N / n)` of UCB1
(Kocsis, Szepesvari: "Bandit based Monte-Carlo Planning", ECML 2006) with constant 1.
"""
import operator

import numpy as np

from libc.float cimport DBL_MAX
from libc.math cimport log, sqrt
from libc.stdint cimport int16_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from hexz.engine.bits cimport CellSet, next_random, popcount, random_stream, scaled, select
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.memory cimport enlarge
from hexz.engine.rules cimport (
    GRID, MAX_MOVES, NUM_ACTIONS, Position, list_actions, normal_moves, outcome, play_action,
    random_position,
)

from hexz.engine.move import Move
from hexz.engine.suggestion import Suggestion
from hexz.errors import IllegalMove

cdef struct Node:
    uint32_t visits
    uint32_t children         # offset of the Children in Tree.words, 0 until the second visit
    int16_t first_action      # the child that the first visit played,
    int16_t first_points      # and what it scored

# The children of a node as parallel arrays, so that the scan for the best score vectorises.
cdef struct Children:
    int count
    float* q                  # win rate for the player who moves at the node
    float* inverse_sqrt       # 1 / sqrt(visits)
    uint32_t* visits
    uint32_t* points          # 2 for a win, 1 for a draw
    uint32_t* node            # 0: never selected
    uint32_t* action

cdef enum:
    WORDS_PER_CHILD = 6
    MAX_SIMULATIONS = 1000000000
    SIMULATIONS_PER_LOOK = 64     # at the clock, some 0.2 ms
    SIMULATIONS_PER_QUESTION = 4096    # whether to go on, some 0.1 s
    # A tree of 1 GB, after some 1.3 million simulations, grows no more; its leaves only learn.
    MAX_WORDS = 1 << 28

cdef struct Tree:
    Node* nodes               # nodes[0] is unused, nodes[1] is the root
    uint32_t num_nodes
    uint32_t node_capacity
    uint32_t* words           # all Children, each a count and WORDS_PER_CHILD arrays of that length
    uint32_t num_words
    uint32_t word_capacity

# One step of the path from the root: which child was taken, and by whom.
cdef struct Step:
    uint32_t children
    int child
    int player


cdef inline Children children_at(const Tree* tree, uint32_t offset) noexcept nogil:
    cdef Children c
    cdef uint32_t* base = tree.words + offset
    c.count = <int>base[0]
    c.q = <float*>(base + 1)
    c.inverse_sqrt = c.q + c.count
    c.visits = <uint32_t*>(c.inverse_sqrt + c.count)
    c.points = c.visits + c.count
    c.node = c.points + c.count
    c.action = c.node + c.count
    return c


cdef int reserve(Tree* tree) noexcept nogil:
    """Makes room for what one iteration adds; returns -1 if memory is short."""
    if tree.num_nodes == tree.node_capacity:
        if enlarge(<void**>&tree.nodes, &tree.node_capacity, 256, sizeof(Node)) < 0:
            return -1
    if tree.word_capacity - tree.num_words < 1 + WORDS_PER_CHILD * NUM_ACTIONS:
        return enlarge(<void**>&tree.words, &tree.word_capacity, 65536, sizeof(uint32_t))
    return 0


cdef uint32_t add_node(Tree* tree) noexcept nogil:
    memset(&tree.nodes[tree.num_nodes], 0, sizeof(Node))
    tree.num_nodes += 1
    return tree.num_nodes - 1


cdef void add_children(Tree* tree, Node* node, const Position* pos) noexcept nogil:
    """Creates all children, with the one that the first visit played as it was left.

    This is put off until the second visit because most nodes never have one."""
    cdef uint8_t actions[NUM_ACTIONS]
    cdef int i, count = list_actions(pos, actions)
    cdef Children c
    node.children = tree.num_words
    tree.words[tree.num_words] = <uint32_t>count
    tree.num_words += 1 + WORDS_PER_CHILD * <uint32_t>count
    c = children_at(tree, node.children)
    for i in range(count):
        c.q[i] = 0.5            # unvisited: counts as one drawn game
        c.inverse_sqrt[i] = 1.0
        c.visits[i] = 0
        c.points[i] = 0
        c.node[i] = 0
        c.action[i] = actions[i]
        if actions[i] == node.first_action:
            add_result(&c, i, node.first_points)


cdef inline void add_result(const Children* c, int i, int points) noexcept nogil:
    c.visits[i] += 1
    c.points[i] += <uint32_t>points
    c.q[i] = <float>(0.5 * c.points[i] / c.visits[i])
    c.inverse_sqrt[i] = <float>(1.0 / sqrt(<double>c.visits[i]))


cdef inline int best_child(const Children* c, uint32_t parent_visits) noexcept nogil:
    """The child of the highest score, the first of equals."""
    cdef float scores[NUM_ACTIONS]
    cdef float factor = <float>sqrt(log(<double>parent_visits))
    cdef float best = 0.0
    cdef int i
    for i in range(c.count):
        scores[i] = c.q[i] + factor * c.inverse_sqrt[i]
    for i in range(c.count):
        best = scores[i] if scores[i] > best else best
    for i in range(c.count):
        if scores[i] == best:
            return i
    return 0


cdef inline int uniform_action(const Position* pos, uint64_t* rng) noexcept nogil:
    cdef CellSet moves = normal_moves(pos, pos.turn)
    cdef int num_flags = popcount(pos.empty) if pos.flags_left[pos.turn] > 0 else 0
    cdef int i = scaled(<uint32_t>(next_random(rng) >> 32), num_flags + popcount(moves))
    return select(pos.empty, i) if i < num_flags else GRID + select(moves, i - num_flags)


cdef int iterate(Tree* tree, const Position* root, uint64_t* rng) noexcept nogil:
    """Selection, expansion, playout and backup once; returns -1 if memory is short."""
    cdef Position pos = root[0]
    cdef Step path[MAX_MOVES]
    cdef int depth = 0, i, player, points
    cdef uint32_t index = 1
    cdef Node* node
    cdef Children c
    if reserve(tree) < 0:
        return -1
    while not pos.over:
        node = &tree.nodes[index]
        node.visits += 1
        player = pos.turn
        if node.visits == 1 or (node.children == 0 and tree.num_words >= MAX_WORDS):
            node.first_action = <int16_t>uniform_action(&pos, rng)
            play_action(&pos, node.first_action)
            roll_out(&pos, rng)
            node.first_points = <int16_t>(1 + outcome(&pos, player))
            break
        if node.children == 0:
            add_children(tree, node, &pos)
        c = children_at(tree, node.children)
        i = best_child(&c, node.visits - 1)
        path[depth] = Step(node.children, i, player)
        depth += 1
        if c.node[i] == 0:
            c.node[i] = add_node(tree)
        index = c.node[i]
        play_action(&pos, <int>c.action[i])
    points = 1 + outcome(&pos, 0)
    for i in range(depth):
        c = children_at(tree, path[i].children)
        add_result(&c, path[i].child, points if path[i].player == 0 else 2 - points)
    return 0


cdef inline double now() noexcept nogil:
    """Seconds, from any start."""
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec + 1e-9 * time.tv_nsec


cdef int begin(Tree* tree) noexcept nogil:
    """Makes the root. Returns -1 without memory."""
    if reserve(tree) < 0:
        return -1
    tree.num_nodes = 1
    tree.num_words = 1
    add_node(tree)
    return 0


cdef int grow(
        Tree* tree, const Position* root, int first, int last, double end, uint64_t* rng
) noexcept nogil:
    """Adds the simulations of these numbers, the last one excluded. Returns the number of the next
    one, which is smaller if the time is over, or -1 without memory."""
    cdef int i
    for i in range(first, last):
        if i % SIMULATIONS_PER_LOOK == SIMULATIONS_PER_LOOK - 1 and now() >= end:
            return i
        if iterate(tree, root, rng) < 0:
            return -1
    return last


cdef class UctPlayer:
    """The Go server's built-in computer player with a fixed number of simulations a move.

    Args:
        simulations: playouts a move, at least 1.
        seed: of the playouts; a player answers the same boards in the same order alike.
    """
    cdef readonly int simulations
    cdef uint64_t rng

    def __init__(self, simulations, seed=0):
        simulations = operator.index(simulations)
        if not 1 <= simulations <= MAX_SIMULATIONS:
            raise ValueError(
                f"simulations must be in 1..{MAX_SIMULATIONS}, not {simulations}")
        self.simulations = simulations
        self.rng = random_stream(checked_seed(seed), 1)

    def suggest(self, Board board not None, seconds=None, goes_on=None):
        """Searches a position that is not over; see `Suggestion`.

        Args:
            board: the position.
            seconds: ends the search early after this time, but not before 63 simulations.
            goes_on: is called now and then; the search ends early once it returns False.
        """
        if board.pos.over:
            raise IllegalMove("the game is over")
        cdef double end = DBL_MAX if seconds is None else now() + seconds
        cdef Position root = board.pos    # the board may change while the GIL is released
        cdef Tree tree
        cdef int done = 0, last = 0
        memset(&tree, 0, sizeof(Tree))
        try:
            if begin(&tree) < 0:
                raise MemoryError(f"a tree of {self.simulations} simulations")
            while done == last < self.simulations and (
                    done == 0 or goes_on is None or goes_on()):
                last = min(done + SIMULATIONS_PER_QUESTION, self.simulations)
                with nogil:
                    done = grow(&tree, &root, done, last, end, &self.rng)
                if done < 0:
                    raise MemoryError(f"a tree of {self.simulations} simulations")
            # A root that was visited once has its only child still folded away.
            if tree.nodes[1].children == 0:
                add_children(&tree, &tree.nodes[1], &root)
            return suggestion_of(&tree)
        finally:
            free(tree.nodes)
            free(tree.words)


cdef object suggestion_of(const Tree* tree):
    cdef Children c = children_at(tree, tree.nodes[1].children)
    visits = np.zeros(NUM_ACTIONS, np.int32)
    q = np.zeros(NUM_ACTIONS, np.float32)
    cdef int i
    for i in range(c.count):
        visits[c.action[i]] = c.visits[i]
        q[c.action[i]] = 2 * c.q[i] - 1 if c.visits[i] else 0.0
    line = principal_variation(tree)
    total = int(visits.sum())
    return Suggestion(
        move=line[0], value=float((visits * q).sum() / total), visits=visits, q=q,
        priors=np.zeros(NUM_ACTIONS, np.float32), principal_variation=line,
    )


cdef int most_visited(const Children* c) noexcept:
    """The first in row-major order among the most visited, normal moves before flags."""
    cdef int i, best = 0
    for i in range(1, c.count):
        if (c.visits[i] > c.visits[best]
                or (c.visits[i] == c.visits[best] and c.action[i] >= GRID
                    and c.action[i] % GRID <= c.action[best] % GRID)):
            best = i
    return best


cdef list principal_variation(const Tree* tree):
    line = []
    cdef uint32_t node = 1
    cdef Children c
    cdef int i
    while node and tree.nodes[node].children:
        c = children_at(tree, tree.nodes[node].children)
        i = most_visited(&c)
        line.append(Move.from_index(c.action[i]))
        node = c.node[i]
    return line


class RandomPlayer:
    """Plays like the playouts of `UctPlayer`: a legal move at random, mostly normal ones."""

    def __init__(self, seed=0):
        self._state = np.array([checked_seed(seed)], np.uint64)

    def suggest(self, Board board not None):
        """A random move of a position that is not over; see `Suggestion`."""
        if board.pos.over:
            raise IllegalMove("the game is over")
        cdef uint64_t[::1] state = self._state
        cdef CellSet moves = normal_moves(&board.pos, board.pos.turn)
        move = Move.from_index(random_action(&board.pos, moves, &state[0]))
        visits = np.zeros(NUM_ACTIONS, np.int32)
        visits[move.index] = 1
        return Suggestion(
            move=move, value=0.0, visits=visits, q=np.zeros(NUM_ACTIONS, np.float32),
            priors=np.zeros(NUM_ACTIONS, np.float32), principal_variation=[move],
        )


def random_playouts(games, seed=0):
    """Plays `games` random games from fresh random boards; returns the number of all moves."""
    cdef uint64_t rng = random_stream(checked_seed(seed), 2)
    cdef int count = operator.index(games)
    cdef Position pos
    cdef long long moves = 0
    cdef int i
    with nogil:
        for i in range(count):
            random_position(&pos, next_random(&rng))
            roll_out(&pos, &rng)
            moves += pos.moves
    return moves
