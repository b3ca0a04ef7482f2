# cython: language_level=3
"""`GameBatch`: the searches of many games, one leaf a game and round, and a record of each move."""
import operator

import numpy as np

from libc.stdint cimport UINT32_MAX, int16_t, int32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from hexz.engine.bits cimport random_stream
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.rules cimport COLS, MAX_MOVES, NUM_ACTIONS, NUM_PLANES, ROWS, Position
from hexz.engine.search.guard cimport Exclusive, check_evaluations
from hexz.engine.search.rule cimport SearchState, SelectionRule
from hexz.engine.search.search cimport rule_of
from hexz.engine.search.tree cimport Arena, Edges, Node, edges_of, release
from hexz.engine.search.walk cimport (
    NO_MEMORY, advance, best_edge, close, collect, expand, forget_evaluations, is_complete,
    start, write_policy,
)

from hexz.engine.finished_game import FinishedGame

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
    SearchState search          # its config is that of the rule in GameBatch.slot_rules
    int num_turns
    Turn turns[MAX_MOVES]


cdef class GameBatch(Exclusive):
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
        num_games: slots.
        planes: float32 [num_games, 11, 11, 10], the same memory in every round.
        num_evaluations: leaves evaluated since the start.
        checkpoint: the number of the network that evaluates, to be recorded with each move. What
            another one said of positions is not used again.
    """
    cdef SelectionRule next_rule    # of the games that are started from now on
    cdef list slot_rules            # of the game in each slot
    cdef uint64_t seed
    cdef Slot** slots
    cdef int* rows                  # row of `planes` -> slot
    cdef Arena scratch
    cdef int num_leaves             # rows that wait for expand()
    cdef float[:, :, :, ::1] planes_view
    cdef readonly int num_games
    cdef readonly object planes
    cdef readonly long long num_evaluations
    cdef int32_t network

    def __cinit__(self, num_games, settings, seed=0):
        num_games = operator.index(num_games)
        if num_games < 1:
            raise ValueError(f"num_games must be at least 1, not {num_games}")
        self.next_rule = rule_of(settings)
        self.seed = checked_seed(seed)
        self.num_games = num_games
        self.slot_rules = [None] * num_games
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
                    close(&self.slots[i].search)
                    free(self.slots[i])
        free(self.slots)
        free(self.rows)
        release(&self.scratch)

    def start_game(self, Board board not None, uint64_t game_id):
        """Starts a game in a free slot; raises ValueError if there is none."""
        cdef Slot* slot
        self.require_idle()
        if board.pos.over:
            raise ValueError("a game that is over cannot be started")
        for i in range(self.num_games):
            slot = self.slots[i]
            if slot.active or slot.finished:
                continue
            self.slot_rules[i] = self.next_rule
            slot.active = True
            slot.game_id = game_id
            slot.num_turns = 0
            slot.initial = board.pos
            start(&slot.search)
            slot.search.config = &self.next_rule.config
            slot.search.root = board.pos
            slot.search.rng = random_stream(self.seed, game_id)
            slot.search.max_in_flight = 1
            slot.search.max_nodes = UINT32_MAX
            return
        raise ValueError("all slots have a game")

    def collect(self):
        """Walks each running game to its next leaf and writes the leaves' planes.

        Returns n, the number of leaves: `planes[:n]` is to be evaluated. 0 means that no game runs.
        """
        cdef int status
        self.require_idle()
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
        cdef int i, count
        for i in range(self.num_games):
            slot = self.slots[i]
            count = 0
            while slot.active and count == 0:
                if is_complete(&slot.search):
                    self._play_move(slot)
                else:
                    count = collect(&slot.search, 1, &self.planes_view[self.num_leaves, 0, 0, 0])
            if count == NO_MEMORY:
                return NO_MEMORY
            if count > 0:
                self.rows[self.num_leaves] = i
                self.num_leaves += 1
        return 0

    cdef void _play_move(self, Slot* slot) noexcept nogil:
        """Records the completed search of a move and plays the move."""
        cdef SearchState* search = &slot.search
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
        turn.checkpoint = self.network
        # Not `root_value`, which is nearer to the results, but teaches less: networks that learnt
        # from it were 71 Elo weaker (docs/experiments.md, "The value of a search").
        turn.root_value = root.value
        turn.network_value = root.network_value
        write_policy(search, turn.policy)
        turn.action = e.action[best_edge(search)]
        slot.num_turns += 1
        advance(search, turn.action, &self.scratch)
        if search.root.over:
            slot.active = False
            slot.finished = True

    def expand(self, const float[:, ::1] logits not None, const float[::1] values not None):
        """Takes the evaluations of the n leaves of the last `collect()`.

        Args:
            logits: float32 [n or more, 220]; further rows are ignored.
            values: float32 [n or more], from the view of the player to move.

        Raises:
            InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
        """
        cdef int row
        self.require_idle()
        check_evaluations(logits, values, self.num_leaves)
        self.busy = True
        with nogil:
            for row in range(self.num_leaves):
                expand(&self.slots[self.rows[row]].search, 1, &logits[row, 0], &values[row])
            self.num_evaluations += self.num_leaves
            self.num_leaves = 0
        self.busy = False

    def take_finished(self):
        """The games that ended since the last call, as FinishedGame; frees their slots."""
        self.require_idle()
        games = []
        for i in range(self.num_games):
            if self.slots[i].finished:
                games.append(finished_game(self.slots[i]))
                self.slots[i].finished = False
        return games

    @property
    def settings(self):
        """The SearchSettings of the games that are started from now on."""
        return self.next_rule.settings

    @settings.setter
    def settings(self, settings):
        self.next_rule = rule_of(settings)

    @property
    def checkpoint(self):
        return self.network

    @checkpoint.setter
    def checkpoint(self, int32_t checkpoint):
        self.require_idle()
        if checkpoint != self.network:
            for i in range(self.num_games):
                forget_evaluations(&self.slots[i].search)
        self.network = checkpoint

    @property
    def num_active(self):
        """The number of games that run."""
        return sum(self.slots[i].active for i in range(self.num_games))

    def board(self, int slot):
        """The current position of a slot's game, or None if no game runs there."""
        if not 0 <= slot < self.num_games:
            raise IndexError(f"slot {slot} is not in 0..{self.num_games - 1}")
        self.require_idle()
        return Board.wrap(&self.slots[slot].search.root) if self.slots[slot].active else None

    def so_far(self, int slot):
        """The game that runs in a slot: the board before its first move, and its actions, a list
        of int; None if no game runs there."""
        if self.board(slot) is None:
            return None
        game = self.slots[slot]
        return Board.wrap(&game.initial), [game.turns[i].action for i in range(game.num_turns)]


cdef object finished_game(Slot* slot):
    turns = np.asarray(<Turn[:slot.num_turns:1]>&slot.turns[0])
    return FinishedGame(
        game_id=slot.game_id, initial=Board.wrap(&slot.initial),
        final=Board.wrap(&slot.search.root), actions=turns["action"].copy(),
        policies=turns["policy"].copy(), priors=turns["prior"].copy(),
        visits=turns["visits"].copy(), simulations=turns["simulations"].copy(),
        full_searches=turns["full_search"].astype(np.bool_),
        root_values=turns["root_value"].copy(), network_values=turns["network_value"].copy(),
        checkpoints=turns["checkpoint"].copy())
