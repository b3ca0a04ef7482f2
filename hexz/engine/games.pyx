# cython: language_level=3
"""Self-play of many games at once: one leaf a game and round, all evaluated together."""
import operator

import numpy as np

from libc.stdint cimport int16_t, int32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hexz.engine.bits cimport random_stream
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.rules cimport (
    COLS, MAX_MOVES, NUM_ACTIONS, NUM_PLANES, ROWS, Position, write_planes,
)
from hexz.engine.search cimport (
    FINISHED, LEAF, NO_MEMORY, Config, Search, Settings, advance, best_edge, expand_leaf, is_sound,
    walk, write_policy,
)
from hexz.engine.tree cimport Arena, Edges, Node, clear, edges_of, release

from dataclasses import dataclass

from hexz.engine.search import UNSOUND
from hexz.errors import InvalidEvaluation

# One move of a game in progress.
cdef struct Turn:
    int16_t action
    int32_t simulations
    int32_t checkpoint
    bint full_search
    float root_value
    float network_value
    float policy[NUM_ACTIONS]
    float prior[NUM_ACTIONS]
    int32_t visits[NUM_ACTIONS]

cdef struct Slot:
    bint active
    bint finished
    uint64_t game_id
    Position initial
    const Config* config        # of the Settings in GameBatch.slot_settings
    Search search
    int num_turns
    Turn turns[MAX_MOVES]


@dataclass(frozen=True, eq=False)
class FinishedGame:
    """A game that was played to its end, T moves long.

    Attributes:
        game_id: the number it was started with.
        initial: the position it began from.
        final: the position it ended in.
        actions: int16 [T], the moves as `Move.index`.
        policies: float32 [T, 220], the policy targets.
        priors: float32 [T, 220], the network's probabilities of the legal moves, without noise.
        visits: int32 [T, 220], the visit counts of the root's actions.
        simulations: int32 [T], simulations run for the move.
        full_searches: bool [T], whether the search was a full one, see `SearchSettings`.
        root_values: float32 [T], the searches' values for the player to move.
        network_values: float32 [T], the network's values for the player to move.
        checkpoints: int32 [T], `GameBatch.checkpoint` when the move was played.
    """

    game_id: int
    initial: Board
    final: Board
    actions: np.ndarray
    policies: np.ndarray
    priors: np.ndarray
    visits: np.ndarray
    simulations: np.ndarray
    full_searches: np.ndarray
    root_values: np.ndarray
    network_values: np.ndarray
    checkpoints: np.ndarray


cdef class GameBatch:
    """Keeps games going in a fixed number of slots.

    A round is `collect()`, an evaluation of `planes[:n]` outside, and `expand(logits, values)`.
    Moves are chosen and played inside `collect`; finished games wait in their slots for
    `take_finished()`. A game depends on the seed, its id, its board and the evaluations alone, not
    on the other games of the batch.

    Args:
        num_games: slots.
        settings: a SearchSettings, of the games that are started from now on. It may be replaced;
            a running game keeps its own.
        seed: of the noise and the choice of moves.

    Attributes:
        checkpoint: the number of the network that evaluates, to be recorded with each move.
    """
    cdef Settings next_settings # of the games that are started from now on
    cdef list slot_settings     # of the game in each slot
    cdef uint64_t seed
    cdef Slot** slots
    cdef int* rows              # row of `planes` -> slot
    cdef Arena scratch
    cdef int num_leaves         # rows that wait for expand()
    cdef bint busy              # a thread is in collect() or expand() without the GIL
    cdef float[:, :, :, ::1] planes_view
    cdef readonly int num_games
    cdef readonly object planes
    cdef readonly long long num_evaluations
    cdef public int32_t checkpoint

    def __cinit__(self, num_games, settings, seed=0):
        num_games = operator.index(num_games)
        if num_games < 1:
            raise ValueError(f"num_games must be at least 1, not {num_games}")
        self.next_settings = Settings(settings)
        self.seed = checked_seed(seed)
        self.num_games = num_games
        self.slot_settings = [None] * num_games
        memset(&self.scratch, 0, sizeof(Arena))
        self.rows = <int*>calloc(num_games, sizeof(int))
        self.slots = <Slot**>calloc(num_games, sizeof(Slot*))
        if self.rows == NULL or self.slots == NULL:
            raise MemoryError("no memory for the games")
        for i in range(num_games):
            self.slots[i] = <Slot*>calloc(1, sizeof(Slot))
            if self.slots[i] == NULL:
                raise MemoryError("no memory for the games")
        self.planes = np.zeros((num_games, NUM_PLANES, ROWS, COLS), np.float32)
        self.planes_view = self.planes

    def __dealloc__(self):
        if self.slots != NULL:
            for i in range(self.num_games):
                if self.slots[i] != NULL:
                    release(&self.slots[i].search.tree)
                    free(self.slots[i])
        free(self.slots)
        free(self.rows)
        release(&self.scratch)

    def start_game(self, Board board not None, uint64_t game_id):
        """Starts a game in a free slot; raises ValueError if there is none."""
        cdef Slot* slot
        self._require_idle()
        if board.pos.over:
            raise ValueError("a game that is over cannot be started")
        for i in range(self.num_games):
            slot = self.slots[i]
            if slot.active or slot.finished:
                continue
            self.slot_settings[i] = self.next_settings
            slot.config = &self.next_settings.config
            slot.active = True
            slot.game_id = game_id
            slot.num_turns = 0
            slot.initial = board.pos
            slot.search.root = board.pos
            slot.search.rng = random_stream(self.seed, game_id)
            slot.search.simulations = 0
            slot.search.root_is_ready = False
            clear(&slot.search.tree)
            return
        raise ValueError("all slots have a game")

    def collect(self):
        """Walks each running game to its next leaf and writes the leaves' planes.

        Returns n, the number of leaves: `planes[:n]` is to be evaluated. 0 means that no game runs.
        """
        cdef int status
        self._require_idle()
        if self.num_leaves:
            raise ValueError("the leaves of the last collect() wait for expand()")
        self.busy = True
        with nogil:
            status = self._collect()
        self.busy = False
        if status < 0:
            raise MemoryError("no memory for larger search trees")
        return self.num_leaves

    cdef int _collect(self) noexcept nogil:
        cdef Slot* slot
        cdef int i, status
        for i in range(self.num_games):
            slot = self.slots[i]
            status = FINISHED
            while slot.active and status == FINISHED:
                status = walk(&slot.search, slot.config)
                if status == FINISHED:
                    status = self._play_move(slot)
            if status == NO_MEMORY:
                return NO_MEMORY
            if status == LEAF:
                write_planes(&slot.search.path.leaf, &self.planes_view[self.num_leaves, 0, 0, 0])
                self.rows[self.num_leaves] = i
                self.num_leaves += 1
        return 0

    cdef int _play_move(self, Slot* slot) noexcept nogil:
        """Records the completed search of a move and plays the move."""
        cdef Search* search = &slot.search
        cdef const Config* config = slot.config
        cdef const Node* root = &search.tree.nodes[0]
        cdef Edges e = edges_of(&search.tree, root)
        cdef Turn* turn = &slot.turns[slot.num_turns]
        cdef int i
        memset(turn, 0, sizeof(Turn))
        for i in range(e.count):
            turn.prior[e.action[i]] = e.prior[i]
            turn.visits[e.action[i]] = e.visits[i]
        turn.simulations = search.simulations
        turn.full_search = not search.fast
        turn.checkpoint = self.checkpoint
        turn.root_value = root.value
        turn.network_value = root.network_value
        write_policy(search, config, turn.policy)
        turn.action = e.action[best_edge(search, config)]
        slot.num_turns += 1
        if advance(search, config, turn.action, &self.scratch) < 0:
            return NO_MEMORY
        if search.root.over:
            slot.active = False
            slot.finished = True
        return FINISHED

    def expand(self, logits, values):
        """Takes the evaluations of the n leaves of the last `collect()`: float32 logits [n, 220]
        and values [n] (more rows are ignored), from the view of the player to move.

        Raises:
            InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
        """
        cdef const float[:, ::1] logits_view = logits
        cdef const float[::1] values_view = values
        cdef Search* search
        cdef int row
        self._require_idle()
        if logits_view.shape[0] < self.num_leaves or values_view.shape[0] < self.num_leaves:
            raise ValueError(f"expected evaluations of {self.num_leaves} leaves")
        if logits_view.shape[1] != NUM_ACTIONS:
            raise ValueError(f"expected 220 logits a leaf, not {logits_view.shape[1]}")
        for row in range(self.num_leaves):
            if not is_sound(&logits_view[row, 0], values_view[row]):
                raise InvalidEvaluation(UNSOUND)
        self.busy = True
        with nogil:
            for row in range(self.num_leaves):
                search = &self.slots[self.rows[row]].search
                expand_leaf(search, &search.path, &logits_view[row, 0], values_view[row])
            self.num_evaluations += self.num_leaves
            self.num_leaves = 0
        self.busy = False

    def take_finished(self):
        """The games that ended since the last call, as FinishedGame; frees their slots."""
        self._require_idle()
        games = []
        for i in range(self.num_games):
            if self.slots[i].finished:
                games.append(finished_game(self.slots[i]))
                self.slots[i].finished = False
        return games

    @property
    def settings(self):
        """The SearchSettings of the games that are started from now on."""
        return self.next_settings.settings

    @settings.setter
    def settings(self, settings):
        self.next_settings = Settings(settings)

    @property
    def num_active(self):
        """The number of games that run."""
        return sum(self.slots[i].active for i in range(self.num_games))

    def board(self, int slot):
        """The current position of a slot's game, or None if no game runs there."""
        if not 0 <= slot < self.num_games:
            raise IndexError(f"slot {slot} is not in 0..{self.num_games - 1}")
        self._require_idle()
        return Board.wrap(&self.slots[slot].search.root) if self.slots[slot].active else None

    cdef int _require_idle(self) except -1:
        """Two threads in one batch would tear its trees."""
        if self.busy:
            raise RuntimeError("another thread is using this GameBatch")
        return 0


cdef object finished_game(const Slot* slot):
    cdef int i, count = slot.num_turns
    cdef const Turn* turn
    actions = np.empty(count, np.int16)
    policies = np.empty((count, NUM_ACTIONS), np.float32)
    priors = np.empty((count, NUM_ACTIONS), np.float32)
    visits = np.empty((count, NUM_ACTIONS), np.int32)
    simulations = np.empty(count, np.int32)
    full_searches = np.empty(count, np.bool_)
    root_values = np.empty(count, np.float32)
    network_values = np.empty(count, np.float32)
    checkpoints = np.empty(count, np.int32)
    cdef float[:, ::1] policies_view = policies
    cdef float[:, ::1] priors_view = priors
    cdef int32_t[:, ::1] visits_view = visits
    for i in range(count):
        turn = &slot.turns[i]
        actions[i] = turn.action
        simulations[i] = turn.simulations
        full_searches[i] = turn.full_search
        root_values[i] = turn.root_value
        network_values[i] = turn.network_value
        checkpoints[i] = turn.checkpoint
        memcpy(&policies_view[i, 0], turn.policy, sizeof(turn.policy))
        memcpy(&priors_view[i, 0], turn.prior, sizeof(turn.prior))
        memcpy(&visits_view[i, 0], turn.visits, sizeof(turn.visits))
    return FinishedGame(
        game_id=slot.game_id, initial=Board.wrap(&slot.initial),
        final=Board.wrap(&slot.search.root), actions=actions, policies=policies, priors=priors,
        visits=visits, simulations=simulations, full_searches=full_searches,
        root_values=root_values, network_values=network_values, checkpoints=checkpoints)
