# cython: language_level=3
"""`VectorEnv`: many games stepped at once, for those who train with code of their own."""
import operator

import numpy as np

from libc.stdint cimport int8_t, int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from hexz.engine.bits cimport next_random, random_stream, scaled
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.rules cimport (
    COLS, NUM_ACTIONS, NUM_PLANES, ROWS, Position, is_legal, list_actions, outcome, play_action,
    random_position, write_planes,
)
from hexz.engine.search.guard cimport Exclusive

from hexz.errors import IllegalMove


cdef class VectorEnv(Exclusive):
    """Keeps N games going on random boards; one that ends is followed by another one at once.

    `step(actions)` plays a move in each game, in one call and without the GIL, and the arrays below
    tell what came of it. They are the same memory in every step: copy what is to be kept. The
    player to move may be the same twice in a row, so look at `turns`.

    Args:
        num_games: N, at least 1.
        seed: of the boards and of `sample`. What a game does depends on the seed and its slot
            alone, not on the other games.

    Attributes:
        num_games: N.
        turns: int8 [N], the player to move, 1 or 2.
        legal_mask: bool [N, 220], the legal actions, indexed like `Move.index`.
        boards: uint64 [N], the number of the board of each game, see `Board.random`.
        done: bool [N], whether the last step ended a game. What the arrays above say is of the
            next one then.
        rewards: float32 [N, 2], the result for players 1 and 2 of a game that has just ended, -1
            lost, 0 drawn, 1 won; 0 for all others.
        scores: int32 [N, 2], the final scores of the last game that ended in each slot.
    """
    cdef Position* positions
    cdef uint64_t* board_rng
    cdef uint64_t* sample_rng
    cdef readonly int num_games
    cdef readonly object turns, legal_mask, boards, done, rewards, scores
    cdef int8_t[::1] turns_view
    cdef uint8_t[:, ::1] legal_view
    cdef uint64_t[::1] boards_view
    cdef uint8_t[::1] done_view
    cdef float[:, ::1] rewards_view
    cdef int32_t[:, ::1] scores_view

    def __cinit__(self, num_games, seed=0):
        num_games = operator.index(num_games)
        if num_games < 1:
            raise ValueError(f"num_games must be at least 1, not {num_games}")
        self.num_games = num_games
        self.positions = <Position*>calloc(num_games, sizeof(Position))
        self.board_rng = <uint64_t*>calloc(num_games, sizeof(uint64_t))
        self.sample_rng = <uint64_t*>calloc(num_games, sizeof(uint64_t))
        if self.positions == NULL or self.board_rng == NULL or self.sample_rng == NULL:
            raise MemoryError("no memory for the games")
        self.turns = self.turns_view = np.zeros(num_games, np.int8)
        self.legal_mask = np.zeros((num_games, NUM_ACTIONS), np.bool_)
        self.legal_view = self.legal_mask.view(np.uint8)
        self.boards = self.boards_view = np.zeros(num_games, np.uint64)
        self.done = np.zeros(num_games, np.bool_)
        self.done_view = self.done.view(np.uint8)
        self.rewards = self.rewards_view = np.zeros((num_games, 2), np.float32)
        self.scores = self.scores_view = np.zeros((num_games, 2), np.int32)
        self.reset(seed)

    def __dealloc__(self):
        free(self.positions)
        free(self.board_rng)
        free(self.sample_rng)

    def reset(self, seed=0):
        """Starts all games anew, as `VectorEnv(num_games, seed)` does."""
        cdef uint64_t number = checked_seed(seed)
        cdef int i
        self.require_idle()
        self.done_view[:] = 0
        self.rewards_view[:, :] = 0
        self.scores_view[:, :] = 0
        for i in range(self.num_games):
            self.board_rng[i] = random_stream(number, 2 * <uint64_t>i)
            self.sample_rng[i] = random_stream(number, 2 * <uint64_t>i + 1)
            self.start(i)
            self.show(i)

    def step(self, actions):
        """Plays a move in each game.

        Args:
            actions: integers [N], indexed like `Move.index`.

        Raises:
            IllegalMove: an action is illegal; says in which game. No game is changed.
        """
        given = np.asarray(actions)
        if given.dtype.kind not in "iu":
            raise TypeError(f"actions must be integers, not {given.dtype}")
        if given.shape != (self.num_games,):
            raise ValueError(f"actions must be [{self.num_games}], not {list(given.shape)}")
        copied = given.astype(np.int32)  # other threads may write to theirs
        copied[(given < 0) | (given >= NUM_ACTIONS)] = -1
        cdef int32_t[::1] chosen = copied
        cdef int i, bad = -1
        self.require_idle()
        self.busy = True
        with nogil:
            for i in range(self.num_games):
                if not (0 <= chosen[i] < NUM_ACTIONS and is_legal(&self.positions[i], chosen[i])):
                    bad = i
                    break
            if bad < 0:
                for i in range(self.num_games):
                    self.play(i, chosen[i])
        self.busy = False
        if bad >= 0:
            raise IllegalMove(f"action {given[bad]} of game {bad} is illegal: see legal_mask")

    def observe(self, out=None):
        """float32 [N, 11, 11, 10]: the planes of each position from the view of the player to move,
        as `Board.planes` has them; written to `out`, if it is given."""
        if out is None:
            out = np.empty((self.num_games, NUM_PLANES, ROWS, COLS), np.float32)
        cdef float[:, :, :, ::1] planes = out
        cdef int i
        if (planes.shape[0], planes.shape[1], planes.shape[2], planes.shape[3]) != (
            self.num_games, NUM_PLANES, ROWS, COLS
        ):
            raise ValueError(f"out must be [{self.num_games}, 11, 11, 10], not {list(out.shape)}")
        self.require_idle()
        self.busy = True
        with nogil:
            for i in range(self.num_games):
                write_planes(&self.positions[i], &planes[i, 0, 0, 0])
        self.busy = False
        return out

    def sample(self):
        """int32 [N]: a legal action of each position, all equally likely."""
        result = np.empty(self.num_games, np.int32)
        cdef int32_t[::1] chosen = result
        cdef uint8_t actions[NUM_ACTIONS]
        cdef int i, count
        self.require_idle()
        self.busy = True
        with nogil:
            for i in range(self.num_games):
                count = list_actions(&self.positions[i], actions)
                chosen[i] = actions[
                    scaled(<uint32_t>(next_random(&self.sample_rng[i]) >> 32), count)]
        self.busy = False
        return result

    def board(self, game):
        """A copy of the position of a game, 0 to N - 1."""
        game = operator.index(game)
        if not 0 <= game < self.num_games:
            raise IndexError(f"there is no game {game}: they are 0 to {self.num_games - 1}")
        self.require_idle()
        return Board.wrap(&self.positions[<int>game])

    def __repr__(self):
        return f"<VectorEnv of {self.num_games} games>"

    cdef void play(self, int i, int action) noexcept nogil:
        cdef Position* position = &self.positions[i]
        cdef int player
        play_action(position, action)
        self.done_view[i] = position.over
        for player in range(2):
            self.rewards_view[i, player] = outcome(position, player) if position.over else 0
            if position.over:
                self.scores_view[i, player] = position.score[player]
        if position.over:
            self.start(i)
        self.show(i)

    cdef void start(self, int i) noexcept nogil:
        self.boards_view[i] = next_random(&self.board_rng[i])
        random_position(&self.positions[i], self.boards_view[i])

    cdef void show(self, int i) noexcept nogil:
        """Writes whose turn it is in a game, and the legal actions."""
        cdef uint8_t actions[NUM_ACTIONS]
        cdef int k, count = list_actions(&self.positions[i], actions)
        cdef uint8_t* legal = &self.legal_view[i, 0]
        self.turns_view[i] = self.positions[i].turn + 1
        memset(legal, 0, NUM_ACTIONS)
        for k in range(count):
            legal[actions[k]] = 1
