# cython: language_level=3
"""The search of one tree with many leaves at once, for players and analysis.

A network evaluates 32 positions together in little more time than one. So a batch of leaves is
walked to before any of them is evaluated, and the next batch while this one is. `Node.waiting`
counts the walks that are under way and keeps the next ones apart from them; visits, Q and proofs
are only ever those of finished simulations.
"""
import operator

from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memmove, memset

from msgspec.structs import replace

from hexz.engine.board cimport Board
from hexz.engine.memory cimport enlarge
from hexz.engine.rules cimport COLS, NUM_ACTIONS, NUM_PLANES, ROWS, write_planes
from hexz.engine.search cimport (
    BLOCKED, FINISHED, NO_MEMORY, Path, Search, Settings, advance, begin, expand_leaf,
    is_decided, is_sound, prepare_root, simulate, suggestion_of,
)
from hexz.engine.tree cimport Arena, Node, release, reserve

from hexz.engine.search import UNSOUND
from hexz.engine.settings import InvalidSettings
from hexz.errors import IllegalMove, InvalidEvaluation

DEFAULT_MAX_NODES = 250_000

cdef enum:
    # Walks that do not know yet what others will find are worse, the more so in a small tree: at
    # 64 simulations a move, 8 leaves at once score 50 % against one at a time, 32 score 26 %.
    MIN_WAITING = 8
    VISITS_PER_WAITING = 8


cdef class ParallelSearch:
    """The PUCT search of one game's moves, without noise, many leaves at a time.

    Args:
        board: the position to search first; it is copied.
        settings: a SearchSettings; `simulations` and `explore` do not matter, as the caller decides
            when to stop.
        max_nodes: where the tree stops growing. A node takes up to 4 KB, mostly 1 to 2.

    Call `collect(planes)`, evaluate what it wrote, and hand the answer to `expand()`. More batches
    may be collected before the first is expanded; they are expanded in the order in which they were
    collected. A search is at its end when `collect()` returns 0 and no leaf waits.

    Attributes:
        simulations: completed since the last move.
        depth: moves from the root to the deepest leaf since the last move.
        num_waiting: leaves that wait for their evaluation.
        max_nodes: as given.
    """
    cdef Settings settings
    cdef Search search
    cdef Arena scratch
    cdef Path* paths            # of the leaves that wait, in the order of their collection
    cdef uint32_t capacity      # of `paths`
    cdef list batches           # the number of leaves of each batch that waits
    cdef bint busy              # a thread is in collect() or expand() without the GIL
    cdef readonly int num_waiting
    cdef readonly int depth
    cdef readonly uint32_t max_nodes

    def __cinit__(self, Board board not None, settings, *, max_nodes=DEFAULT_MAX_NODES):
        memset(&self.search, 0, sizeof(Search))
        memset(&self.scratch, 0, sizeof(Arena))
        if board.pos.over:
            raise IllegalMove("the game is over")
        if settings.algorithm != "puct":
            raise InvalidSettings(f"many leaves at once need puct, not {settings.algorithm}")
        if operator.index(max_nodes) < 1:
            raise InvalidSettings(f"max_nodes must be at least 1, not {max_nodes}")
        self.settings = Settings(replace(settings, explore=False))
        self.search.root = board.pos
        self.batches = []
        self.max_nodes = max_nodes

    def __dealloc__(self):
        release(&self.search.tree)
        release(&self.scratch)
        free(self.paths)

    def collect(self, float[:, :, :, ::1] planes not None):
        """Walks to at most n new leaves and writes their planes.

        At most n simulations are added: one that ends in a proven position needs no evaluation,
        but takes the place of a leaf. No more than `most_waiting` leaves are out.

        Args:
            planes: float32 [n, 11, 11, 10], to be written to.

        Returns:
            How many leaves there are: `planes[:count]` is to be evaluated. 0 means that the search
            is decided, that the tree is full, that enough leaves wait already, or that all n
            simulations ended in proven positions.
        """
        cdef int count
        self._require_idle()
        if planes.shape[1] != NUM_PLANES or planes.shape[2] != ROWS or planes.shape[3] != COLS:
            raise ValueError("expected planes [n, 11, 11, 10]")
        while self.capacity < self.num_waiting + planes.shape[0]:
            if enlarge(<void**>&self.paths, &self.capacity, 64, sizeof(Path)) < 0:
                raise MemoryError("no memory for so many leaves")
        self.busy = True
        with nogil:
            count = self._collect(planes)
        self.busy = False
        if count < 0:
            raise MemoryError("no memory for a larger search tree")
        if count > 0:
            self.batches.append(count)
            self.num_waiting += count
        return count

    cdef int _collect(self, float[:, :, :, ::1] planes) noexcept nogil:
        cdef Search* search = &self.search
        cdef Arena* tree = &search.tree
        cdef Path* path = self.paths + self.num_waiting
        cdef int most = <int>planes.shape[0]
        cdef int count = 0, finished = 0, blocked = 0, status
        if tree.num_nodes > 0:
            if tree.nodes[0].num_edges == 0:
                return 0
            if not search.root_is_ready:
                prepare_root(search, &self.settings.config)
            most = min(most, most_waiting(&tree.nodes[0]) - self.num_waiting)
        while (count + finished < most and blocked < most and tree.num_nodes < self.max_nodes
                and not (tree.num_nodes > 0 and is_decided(search))):
            if tree.num_nodes == 0:
                status = begin(search, path)
                most = 1
            elif reserve(tree, self.num_waiting + count + 1) < 0:
                status = NO_MEMORY
            else:
                status = simulate(search, &self.settings.config, path)
            if status == NO_MEMORY:
                return count if count > 0 else NO_MEMORY
            self.depth = max(self.depth, path.depth)
            if status == FINISHED:
                finished += 1
                continue
            mark(tree, path)
            if status == BLOCKED:
                blocked += 1
                continue
            write_planes(&path.leaf, &planes[count, 0, 0, 0])
            count += 1
            path += 1
        return count

    def expand(self, logits, values):
        """Takes the evaluations of the n leaves of the oldest batch that waits: float32 logits
        [n, 220] and values [n] (more rows are ignored), from the view of the player to move.

        Raises:
            InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
        """
        cdef const float[:, ::1] logits_view = logits
        cdef const float[::1] values_view = values
        cdef int row, count
        self._require_idle()
        if not self.batches:
            raise ValueError("no leaf waits for an evaluation")
        count = self.batches[0]
        if logits_view.shape[0] < count or values_view.shape[0] < count:
            raise ValueError(f"expected evaluations of {count} leaves")
        if logits_view.shape[1] != NUM_ACTIONS:
            raise ValueError(f"expected 220 logits a leaf, not {logits_view.shape[1]}")
        for row in range(count):
            if not is_sound(&logits_view[row, 0], values_view[row]):
                raise InvalidEvaluation(UNSOUND)
        self.busy = True
        with nogil:
            for row in range(count):
                unmark(&self.search.tree, &self.paths[row])
                expand_leaf(
                    &self.search, &self.paths[row], &logits_view[row, 0], values_view[row])
            self.num_waiting -= count
            memmove(self.paths, self.paths + count, <size_t>self.num_waiting * sizeof(Path))
        self.busy = False
        del self.batches[0]

    def suggestion(self):
        """The move and the statistics of the finished simulations; see `Suggestion`. Before the
        first of them, the move of the highest prior.

        Raises:
            ValueError: the root is not expanded yet.
        """
        self._require_idle()
        if self.search.tree.num_nodes == 0 or self.search.tree.nodes[0].num_edges == 0:
            raise ValueError("the search has not run yet")
        return suggestion_of(&self.search, &self.settings.config)

    def advance(self, move):
        """Plays a move at the root, which may be any legal one, and keeps the tree below it.

        Raises:
            IllegalMove: the move is not legal, or it ends the game; nothing has changed.
            ValueError: leaves wait for their evaluation.
        """
        cdef Board board = self.board
        board.play(move)
        if board.pos.over:
            raise IllegalMove(f"{move} ends the game: nothing is left to search")
        if self.num_waiting > 0:
            raise ValueError("leaves wait for expand()")
        self.depth = 0
        if advance(&self.search, &self.settings.config, move.index, &self.scratch) < 0:
            raise MemoryError("no memory to keep the search tree")
        # Players keep many trees between moves, and hardly any of what they were before.
        release(&self.scratch)

    @property
    def board(self):
        """The position that is searched."""
        self._require_idle()
        return Board.wrap(&self.search.root)

    @property
    def decided(self):
        """Whether more simulations are of no use: the result is proven, or there is but one legal
        move, and a simulation for its value."""
        return self.search.tree.num_nodes > 0 and is_decided(&self.search)

    @property
    def simulations(self):
        return self.search.simulations

    @property
    def num_nodes(self):
        """Nodes in the tree, leaves that wait included."""
        return self.search.tree.num_nodes

    @property
    def most_waiting(self):
        """How many leaves may wait at once: one in eight visits of the root, or 8 while there are
        few."""
        if self.search.tree.num_nodes == 0:
            return 1
        return most_waiting(&self.search.tree.nodes[0])

    cdef int _require_idle(self) except -1:
        """Two threads in one tree would tear it."""
        if self.busy:
            raise RuntimeError("another thread is using this ParallelSearch")
        return 0


cdef inline int most_waiting(const Node* root) noexcept nogil:
    return max(<int>MIN_WAITING, root.visits // <int>VISITS_PER_WAITING)


cdef inline void mark(Arena* tree, const Path* path) noexcept nogil:
    """Counts a walk at all its nodes. One to a leaf that waits already counts too, so that not all
    later walks end there."""
    cdef int i
    for i in range(path.depth):
        tree.nodes[path.nodes[i]].waiting += 1
    tree.nodes[path.leaf_node].waiting += 1


cdef inline void unmark(Arena* tree, const Path* path) noexcept nogil:
    """Takes back the marks of all walks to a leaf: in a tree, all came along one path."""
    cdef int i, walks = tree.nodes[path.leaf_node].waiting
    for i in range(path.depth):
        tree.nodes[path.nodes[i]].waiting -= walks
    tree.nodes[path.leaf_node].waiting = 0
