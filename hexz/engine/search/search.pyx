# cython: language_level=3
"""`Search`: position, tree and results of one game's search, for players, analysis and arena."""
import operator
from importlib import import_module

import numpy as np

from libc.stdint cimport UINT32_MAX, int32_t, uint32_t
from libc.string cimport memset

from hexz.engine.bits cimport random_stream
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.rules cimport COLS, MAX_MOVES, NUM_ACTIONS, NUM_PLANES, ROWS
from hexz.engine.search.guard cimport Exclusive, check_evaluations, check_planes
from hexz.engine.search.rule cimport SearchState, SelectionRule
from hexz.engine.search.tree cimport (
    DRAW, UNPROVEN, Arena, Edges, Node, edges_of, most_visited, release,
)
from hexz.engine.search.walk cimport (
    advance, best_edge, close, collect, expand, is_complete, most_waiting, root_value,
    write_policy,
)

from hexz.engine.move import Move
from hexz.errors import InvalidSettings
from hexz.engine.suggestion import Suggestion
from hexz.errors import IllegalMove


cdef SelectionRule rule_of(settings):
    """The selection rule of a SearchSettings, from the module of its name."""
    return import_module(f"hexz.engine.search.{settings.algorithm}").Rule(settings)


cdef class Search(Exclusive):
    """The search of one game's moves.

    Args:
        board: the position to search first; it is copied.
        settings: a SearchSettings, for all moves.
        seed: of the root noise and the choice of moves.
        max_in_flight: how many leaves may wait for their evaluation at once. More than one need
            PUCT.
        max_nodes: where the tree stops growing. A node takes up to 4 KB, mostly 1 to 2.

    Call `collect(planes)`, evaluate what it wrote, and hand the answer to `expand()`, until the
    search is `complete` and no leaf waits; or let `run(evaluate)` do that. More batches may be
    collected before the first is expanded, which happens in the order of their collection.
    """
    cdef SelectionRule rule
    cdef SearchState state
    cdef list batches           # the number of leaves of each batch that waits

    def __cinit__(
        self, Board board not None, settings, seed=0, *, max_in_flight=1, max_nodes=UINT32_MAX
    ):
        memset(&self.state, 0, sizeof(SearchState))
        if board.pos.over:
            raise IllegalMove("the game is over")
        if min(operator.index(max_in_flight), operator.index(max_nodes)) < 1:
            raise InvalidSettings(
                f"max_in_flight and max_nodes must be at least 1, not {max_in_flight} and "
                f"{max_nodes}")
        self.rule = rule_of(settings)
        if max_in_flight > 1 and not self.rule.config.rule.takes_waiting:
            raise InvalidSettings(f"many leaves at once need puct, not {settings.algorithm}")
        self.state.config = &self.rule.config
        self.state.root = board.pos
        self.state.rng = random_stream(checked_seed(seed), 3)
        self.state.max_in_flight = max_in_flight
        self.state.max_nodes = max_nodes
        self.batches = []

    def __dealloc__(self):
        close(&self.state)

    def collect(self, float[:, :, :, ::1] planes not None):
        """Walks to at most n new leaves and writes their planes.

        At most n simulations are begun: one that ends in a position that is proven, or that has
        been evaluated since the last move or in the tree, needs no evaluation, but takes the place
        of a leaf. No more than `most_waiting` leaves are out.

        Args:
            planes: float32 [n, 11, 11, 10], to be written to.

        Returns:
            How many leaves there are: `planes[:count]` is to be evaluated. 0 means that the search
            is complete, that enough leaves wait already, or that all n simulations ended in such
            positions.
        """
        cdef int count, most = <int>planes.shape[0]
        self.require_idle()
        check_planes(planes, 0)
        self.busy = True
        with nogil:
            count = collect(&self.state, most, &planes[0, 0, 0, 0])
        self.busy = False
        return self._collected(count)

    cdef int _collected(self, int count) except -1:
        """Notes the leaves of a batch."""
        if count < 0:
            raise MemoryError("no memory for a larger search tree")
        if count > 0:
            self.batches.append(count)
        return count

    def expand(self, const float[:, ::1] logits not None, const float[::1] values not None):
        """Takes the evaluations of the n leaves of the oldest batch that waits.

        Args:
            logits: float32 [n or more, 220]; further rows are ignored.
            values: float32 [n or more], from the view of the player to move.

        Raises:
            InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
        """
        cdef int count
        self.require_idle()
        if not self.batches:
            raise ValueError("no leaf waits for an evaluation")
        count = self.batches[0]
        check_evaluations(logits, values, count)
        self.busy = True
        with nogil:
            expand(&self.state, count, &logits[0, 0], &values[0])
        self.busy = False
        del self.batches[0]

    def run(self, evaluate):
        """Completes the search of this move.

        Args:
            evaluate: maps planes [n, 11, 11, 10] to float32 logits [n, 220] and values [n].

        Returns:
            Its Suggestion.
        """
        self._require_nothing_waits()
        planes = np.empty((self.state.max_in_flight, NUM_PLANES, ROWS, COLS), np.float32)
        while not self.complete:
            count = self.collect(planes)
            if count:
                self.expand(*evaluate(planes[:count]))
        return self.suggestion()

    def suggestion(self):
        """The move and the statistics of the finished simulations; see `Suggestion`. Before the
        first of them, the move that the root's evaluation alone suggests.

        With `explore`, PUCT draws the move anew at each call.

        Raises:
            ValueError: the root is not expanded yet.
        """
        self._require_root()
        # All is read before Python code runs: in that, another thread may come and enlarge the
        # tree.
        visits = np.zeros(NUM_ACTIONS, np.int32)
        q = np.zeros(NUM_ACTIONS, np.float32)
        priors = np.zeros(NUM_ACTIONS, np.float32)
        cdef int32_t[::1] visits_view = visits
        cdef float[::1] q_view = q, priors_view = priors
        cdef const Node* root = &self.state.tree.nodes[0]
        cdef Edges e = edges_of(&self.state.tree, root)
        cdef float value = root_value(&self.state)
        cdef int line[MAX_MOVES]
        cdef int i, length = principal_variation(&self.state.tree, best_edge(&self.state), line)
        for i in range(e.count):
            visits_view[e.action[i]] = e.visits[i]
            q_view[e.action[i]] = e.q[i]
            priors_view[e.action[i]] = e.prior[i]
        proven = self.proven
        policy = self.policy()
        moves = [Move.from_index(line[i]) for i in range(length)]
        return Suggestion(
            move=moves[0], value=value, visits=visits, q=q, priors=priors,
            principal_variation=moves, proven=proven, policy=policy)

    def policy(self):
        """The policy target, float32 [220]: visit counts as probabilities (PUCT), or the improved
        policy (Gumbel).

        Raises:
            ValueError: the root is not expanded yet.
        """
        self._require_root()
        policy = np.empty(NUM_ACTIONS, np.float32)
        cdef float[::1] view = policy
        write_policy(&self.state, &view[0])
        return policy

    def advance(self, move):
        """Plays a move at the root, which may be any legal one. PUCT keeps the tree below it, unless
        memory is short.

        Raises:
            IllegalMove: the move is not legal, or it ends the game; nothing has changed.
            ValueError: leaves wait for their evaluation.
        """
        cdef Board board = self.board
        cdef Arena scratch
        cdef int action = board._play(move)
        if board.pos.over:
            raise IllegalMove(f"{move} ends the game: nothing is left to search")
        self._require_nothing_waits()
        memset(&scratch, 0, sizeof(Arena))
        advance(&self.state, action, &scratch)
        # Players keep many trees between moves, and hardly any of what they were before.
        release(&scratch)

    @property
    def board(self):
        """The position that is searched."""
        self.require_idle()
        return Board.wrap(&self.state.root)

    @property
    def complete(self):
        """Whether no simulation is to follow: all of the settings' are done, the result is proven,
        there is but one legal move and a simulation for its value, or the tree is full."""
        self.require_idle()
        return is_complete(&self.state)

    @property
    def proven(self):
        """The proven result for the player to move, 1, 0 or -1, or None."""
        self.require_idle()
        if self.state.tree.num_nodes == 0 or self.state.tree.nodes[0].proof == UNPROVEN:
            return None
        return self.state.tree.nodes[0].proof - DRAW

    @property
    def simulations(self):
        """Simulations completed since the last move."""
        return self.state.simulations

    @property
    def depth(self):
        """Moves from the root to the deepest leaf since the last move."""
        return self.state.depth

    @property
    def num_nodes(self):
        """Nodes in the tree, leaves that wait included."""
        return self.state.tree.num_nodes

    @property
    def num_waiting(self):
        """Leaves that wait for their evaluation."""
        return self.state.waiting

    @property
    def most_waiting(self):
        """How many leaves may wait now: the root alone at first, then one in eight of its visits,
        or 8 while there are few, and never more than `max_in_flight`."""
        self.require_idle()
        return most_waiting(&self.state)

    cdef int _require_root(self) except -1:
        self.require_idle()
        if self.state.tree.num_nodes == 0 or self.state.tree.nodes[0].num_edges == 0:
            raise ValueError("the search has not run yet")
        return 0

    cdef int _require_nothing_waits(self) except -1:
        self.require_idle()
        if self.state.waiting > 0:
            raise ValueError("leaves wait for expand()")
        return 0


cdef int principal_variation(const Arena* tree, int edge, int* line) noexcept nogil:
    """The actions from an edge of the root along the most visited edges; returns how many."""
    cdef uint32_t index = 0
    cdef const Node* node
    cdef Edges e
    cdef int length = 0
    while True:
        e = edges_of(tree, &tree.nodes[index])
        line[length] = e.action[edge]
        length += 1
        index = e.child[edge]
        node = &tree.nodes[index]
        if index == 0 or node.visits < 2:
            return length
        e = edges_of(tree, node)
        edge = most_visited(node, &e)


cdef int require_distinct(list searches) except -1:
    """Raises unless these are searches, and none of them is there twice."""
    for search in searches:
        if not isinstance(search, Search):
            raise TypeError(f"expected a list of Search, not of {type(search).__name__}")
    if len({id(search) for search in searches}) < len(searches):
        raise ValueError("a search is there twice")
    return 0


def collect_leaves(list searches not None, float[:, :, :, ::1] planes not None):
    """Walks searches of many games on, each to its next leaf.

    Args:
        searches: of Search, in which no leaf waits, each of them once.
        planes: float32 [n, 11, 11, 10] with a row for each search, to be written to.

    Returns:
        The searches that wait for an evaluation, in the order of their rows. The others are
        complete.
    """
    cdef Search search
    cdef int count
    require_distinct(searches)
    check_planes(planes, len(searches))
    for search in searches:
        search._require_nothing_waits()
    waiting = []
    for search in searches:
        count = 0
        while count == 0 and not is_complete(&search.state):
            count = collect(&search.state, 1, &planes[len(waiting), 0, 0, 0])
        if search._collected(count):
            waiting.append(search)
    return waiting


def expand_leaves(list searches not None, const float[:, ::1] logits not None,
                  const float[::1] values not None):
    """Takes the evaluations of what `collect_leaves` returned.

    Args:
        searches: n of Search, each of them once.
        logits: float32 [n or more, 220].
        values: float32 [n or more], from the view of the player to move.

    Raises:
        InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
    """
    cdef Search search
    cdef int row
    require_distinct(searches)
    for search in searches:
        search.require_idle()
        if search.state.waiting != 1:
            raise ValueError("not one leaf of each search waits")
    check_evaluations(logits, values, <int>len(searches))
    for row, search in enumerate(searches):
        expand(&search.state, 1, &logits[row, 0], &values[row])
        search.batches.clear()
