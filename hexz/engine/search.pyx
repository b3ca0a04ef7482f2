# cython: language_level=3
"""The search of one move: walks to leaves, backs values up, chooses, and keeps the subtree.

A search never calls the evaluator. `walk` stops at a leaf that needs one, and `expand_leaf` goes on
from there, so that whoever drives many searches can evaluate their leaves together
(`hexz.engine.games`). There each tree has one leaf out at a time; `hexz.engine.parallel` has many,
and counts the walks that are out.
"""
import numpy as np

from libc.string cimport memcpy, memset

from hexz.engine.bits cimport next_random, random_stream, unit
from hexz.engine.board cimport Board, checked_seed
from hexz.engine.gumbel cimport (
    improved_policy, sample_gumbel, select_considered, select_final, select_interior,
)
from hexz.engine.puct cimport (
    mix_dirichlet, most_visited, sample_policy, select_puct, select_puct_waiting, visit_policy,
)
from hexz.engine.rules cimport (
    COLS, MAX_MOVES, NUM_PLANES, ROWS, outcome, play_action, write_planes,
)
from hexz.engine.tree cimport (
    DRAW, UNPROVEN, Edges, Node, add_edge_visit, add_node, add_visit, clear, copy_subtree, edges_of,
    expand, opposite, prove_edge, proven_value, release, reserve,
)

from hexz.engine.gumbel import considered_visits
from hexz.engine.move import Move
from hexz.engine.suggestion import Suggestion
from hexz.errors import IllegalMove, InvalidEvaluation


cdef extern from *:
    """
    /* The engine is compiled for finite numbers only, where comparing floats cannot find a NaN,
       so this looks at their bits. */
    static inline int hexz_is_sound(const float* logits, float value) {
        unsigned bits, largest = 0;
        for (int i = 0; i < 220; i++) {
            __builtin_memcpy(&bits, &logits[i], sizeof bits);
            bits &= 0x7fffffffu;
            largest = bits > largest ? bits : largest;
        }
        __builtin_memcpy(&bits, &value, sizeof bits);
        return largest < 0x7f800000u && (bits & 0x7fffffffu) <= 0x3f800000u;
    }
    """
    int hexz_is_sound(const float* logits, float value) noexcept nogil

UNSOUND = "the network returned a logit that is not finite or a value that is not in -1..1"


cdef bint is_sound(const float* logits, float value) noexcept nogil:
    """Whether all 220 logits are finite and the value is in -1..1. One number that is not would
    spread through a tree without a sign."""
    return hexz_is_sound(logits, value)


cdef class Settings:
    def __init__(self, settings):
        cdef Config* c = &self.config
        self.settings = settings
        c.gumbel = settings.algorithm == "gumbel"
        c.explore = settings.explore
        c.full_search_share = settings.full_search_share if settings.explore else 1.0
        c.max_considered = settings.max_considered
        c.temperature = settings.temperature
        c.temperature_moves = settings.temperature_moves
        c.puct = PuctSettings(
            settings.c_init, settings.c_base, settings.fpu_reduction,
            settings.dirichlet_total, settings.dirichlet_fraction)
        c.sigma = GumbelSettings(settings.c_visit, settings.c_scale)
        self.tables = []
        c.full = self.budget(settings.simulations)
        if c.full_search_share < 1:
            c.fast = self.budget(settings.fast_simulations)

    cdef Budget budget(self, int simulations):
        cdef Budget budget = Budget(simulations, NULL)
        cdef const int32_t[:, ::1] table
        if self.config.gumbel:
            table = considered_visits(self.config.max_considered, simulations)
            self.tables.append(table)
            budget.considered = &table[0, 0]
        return budget


cdef int walk(Search* search, const Config* config) noexcept nogil:
    """Runs simulations until one needs the evaluator or the move's search is complete."""
    cdef int status
    if search.tree.num_nodes == 0:
        return begin(search, &search.path)
    if not search.root_is_ready:
        prepare_root(search, config)
    while search.simulations < budget_of(search, config).simulations and not is_decided(search):
        status = simulate(search, config, &search.path)
        if status != FINISHED:
            return status
    return FINISHED


cdef inline const Budget* budget_of(const Search* search, const Config* config) noexcept nogil:
    """Of this move's search."""
    return &config.fast if search.fast else &config.full


cdef int begin(Search* search, Path* path) noexcept nogil:
    """Makes the root of an empty tree, which is the first leaf."""
    if reserve(&search.tree, 1) < 0:
        return NO_MEMORY
    path.leaf = search.root
    path.leaf_node = add_node(&search.tree, search.root.turn)
    path.depth = 0
    return LEAF


cdef bint is_decided(const Search* search) noexcept nogil:
    """A proven root needs no more simulations, and a forced move needs one, for its value."""
    cdef const Node* root = &search.tree.nodes[0]
    return root.proof != UNPROVEN or (root.num_edges == 1 and search.simulations > 0)


cdef void prepare_root(Search* search, const Config* config) noexcept nogil:
    cdef Edges e = edges_of(&search.tree, &search.tree.nodes[0])
    cdef size_t size = <size_t>e.count * sizeof(float)
    cdef bint noisy
    search.fast = (config.full_search_share < 1
                   and unit(next_random(&search.rng)) >= config.full_search_share)
    noisy = config.explore and not search.fast
    if config.gumbel:
        memset(search.root_noise, 0, size)
        if noisy:
            sample_gumbel(e.count, &search.rng, search.root_noise)
    elif noisy:
        mix_dirichlet(&e, &config.puct, &search.rng, search.root_noise)
    else:
        memcpy(search.root_noise, e.prior, size)
    search.root_is_ready = True


cdef inline int select_edge(const Search* search, const Config* config, const Node* node,
                            const Edges* e, int depth) noexcept nogil:
    cdef const Budget* budget
    cdef int considered
    cdef const float* priors = &search.root_noise[0]
    if not config.gumbel:
        if depth > 0:
            priors = e.prior
        if node.waiting > 0:
            return select_puct_waiting(&search.tree, node, e, priors, &config.puct)
        return select_puct(node, e, priors, &config.puct)
    if depth > 0:
        return select_interior(node, e, &config.sigma)
    budget = budget_of(search, config)
    considered = min(config.max_considered, e.count)
    return select_considered(
        node, e, search.root_noise,
        budget.considered[considered * budget.simulations + search.simulations], &config.sigma)


cdef int simulate(Search* search, const Config* config, Path* path) noexcept nogil:
    """Walks from the root to a new leaf (LEAF), to a proven edge, which is backed up at once
    (FINISHED), or to a leaf that waits already (BLOCKED)."""
    cdef Arena* tree = &search.tree
    cdef Position* pos = &path.leaf
    cdef uint32_t index = 0
    cdef Node* node
    cdef Edges e
    cdef int edge
    if reserve(tree, 1) < 0:
        return NO_MEMORY
    pos[0] = search.root
    path.depth = 0
    while True:
        node = &tree.nodes[index]
        e = edges_of(tree, node)
        edge = select_edge(search, config, node, &e, path.depth)
        path.nodes[path.depth] = index
        path.edges[path.depth] = edge
        path.depth += 1
        if e.proof[edge] == UNPROVEN:
            play_action(pos, e.action[edge])
            if pos.over:
                prove_edge(node, &e, edge, DRAW + outcome(pos, node.player))
        if e.proof[edge] != UNPROVEN:
            back_up(search, path, proven_value(e.proof[edge]), node.player)
            return FINISHED
        if e.child[edge] == 0:
            e.child[edge] = path.leaf_node = add_node(tree, pos.turn)
            return LEAF
        index = e.child[edge]
        if tree.nodes[index].num_edges == 0:
            path.leaf_node = index
            return BLOCKED


cdef void expand_leaf(Search* search, const Path* path, const float* logits,
                      float value) noexcept nogil:
    """Takes the evaluator's answer for the leaf: 220 logits and a value, both from the view of the
    player who moves there."""
    expand(&search.tree, path.leaf_node, &path.leaf, logits, value)
    if path.depth > 0:
        back_up(search, path, value, path.leaf.turn)


cdef void back_up(Search* search, const Path* path, float value,
                  int player) noexcept nogil:
    """Adds a value, from the view of `player`, to all edges and nodes of the path, and completes
    the simulation.

    What the last edge proves is carried up as far as it decides nodes, and above a proven node its
    exact value is what is added."""
    cdef Arena* tree = &search.tree
    cdef int depth, proof = UNPROVEN
    cdef Node* node
    cdef Edges e
    for depth in range(path.depth - 1, -1, -1):
        node = &tree.nodes[path.nodes[depth]]
        e = edges_of(tree, node)
        if node.player != player:
            player = node.player
            value = -value
            proof = opposite(proof)
        if proof != UNPROVEN:
            prove_edge(node, &e, path.edges[depth], proof)
            value = proven_value(proof)
        add_edge_visit(node, &e, path.edges[depth], value)
        add_visit(node, value)
        proof = node.proof
        if proof != UNPROVEN:
            node.value = value = proven_value(proof)
    search.simulations += 1


cdef int best_edge(Search* search, const Config* config) noexcept nogil:
    """The edge of the root to play once the search is complete."""
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    cdef float policy[NUM_ACTIONS]
    if config.gumbel:
        return select_final(root, &e, search.root_noise, &config.sigma)
    if config.explore and search.root.moves < config.temperature_moves:
        visit_policy(root, &e, policy)
        return sample_policy(&e, policy, config.temperature, &search.rng)
    return most_visited(root, &e)


cdef void write_policy(const Search* search, const Config* config, float* policy) noexcept nogil:
    """Writes the policy target, 220 floats that sum to 1."""
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    cdef float share[NUM_ACTIONS]
    cdef int i
    if config.gumbel:
        improved_policy(root, &e, &config.sigma, share)
    else:
        visit_policy(root, &e, share)
    memset(policy, 0, NUM_ACTIONS * sizeof(float))
    for i in range(e.count):
        policy[e.action[i]] = share[i]


cdef int advance(Search* search, const Config* config, int action, Arena* scratch) noexcept nogil:
    """Plays a legal action at the root. PUCT keeps the subtree below it; sequential halving
    counts visits from zero, so Gumbel starts anew. `scratch` is memory to copy into."""
    cdef uint32_t child = 0
    cdef Edges e
    cdef Arena kept
    cdef int i
    if search.tree.num_nodes > 0 and not config.gumbel:
        e = edges_of(&search.tree, &search.tree.nodes[0])
        for i in range(e.count):
            if e.action[i] == action:
                child = e.child[i]
    play_action(&search.root, action)
    search.simulations = 0
    search.root_is_ready = False
    if child == 0 or search.tree.nodes[child].num_edges == 0:
        clear(&search.tree)
        return 0
    if copy_subtree(&search.tree, child, scratch) < 0:
        return NO_MEMORY
    kept = scratch[0]
    scratch[0] = search.tree
    search.tree = kept
    return 0


cdef object suggestion_of(Search* search, const Config* config):
    """The Suggestion of a search whose root is expanded.

    All is read before Python code runs: in that, another thread may come and enlarge the tree.
    """
    visits = np.zeros(NUM_ACTIONS, np.int32)
    q = np.zeros(NUM_ACTIONS, np.float32)
    priors = np.zeros(NUM_ACTIONS, np.float32)
    cdef int32_t[::1] visits_view = visits
    cdef float[::1] q_view = q, priors_view = priors
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    cdef float value = root.value
    cdef int line[MAX_MOVES]
    cdef int i, length = principal_variation(&search.tree, best_edge(search, config), line)
    for i in range(e.count):
        visits_view[e.action[i]] = e.visits[i]
        q_view[e.action[i]] = e.q[i]
        priors_view[e.action[i]] = e.prior[i]
    proven = proven_result(search)
    moves = [Move.from_index(line[i]) for i in range(length)]
    return Suggestion(
        move=moves[0], value=value, visits=visits, q=q, priors=priors, principal_variation=moves,
        proven=proven)


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


cdef object proven_result(const Search* search):
    """What is proven of the root for the player to move, 1, 0 or -1, or None."""
    if search.tree.num_nodes == 0 or search.tree.nodes[0].proof == UNPROVEN:
        return None
    return search.tree.nodes[0].proof - DRAW


cdef class TreeSearch:
    """The search of one game's moves, for players, analysis and tests.

    Args:
        board: the position to search first; it is copied.
        settings: a SearchSettings.
        seed: of the root noise and the choice of moves.

    Ask `leaf()` for planes to evaluate and hand the answer to `expand()` until `leaf()` returns
    None, or let `run(evaluate)` do that.
    """
    cdef Settings settings
    cdef Search search
    cdef Arena scratch
    cdef bint waiting

    def __cinit__(self, Board board not None, settings, seed=0):
        memset(&self.search, 0, sizeof(Search))
        memset(&self.scratch, 0, sizeof(Arena))
        if board.pos.over:
            raise IllegalMove("the game is over")
        self.settings = Settings(settings)
        self.search.root = board.pos
        self.search.rng = random_stream(checked_seed(seed), 3)

    def __dealloc__(self):
        release(&self.search.tree)
        release(&self.scratch)

    def leaf(self):
        """The planes, float32 [11, 11, 10], of the next leaf, or None once the search of this
        move is complete."""
        if not self.find_leaf():
            return None
        planes = np.empty((NUM_PLANES, ROWS, COLS), np.float32)
        cdef float[:, :, ::1] view = planes
        write_planes(&self.search.path.leaf, &view[0, 0, 0])
        return planes

    cdef bint find_leaf(self) except -1:
        """Walks to the next leaf, unless one waits; False once the search is complete."""
        cdef int status
        if not self.waiting:
            status = walk(&self.search, &self.settings.config)
            if status == NO_MEMORY:
                raise MemoryError("no memory for a larger search tree")
            self.waiting = status == LEAF
        return self.waiting

    def expand(self, logits, float value):
        """Takes the evaluation of the leaf: logits [220] and the value for the player to move."""
        if not self.waiting:
            raise ValueError("no leaf waits for an evaluation")
        logits = np.ascontiguousarray(logits, np.float32)
        if logits.shape != (NUM_ACTIONS,):
            raise ValueError(f"expected logits [220], not {list(logits.shape)}")
        cdef const float[::1] view = logits
        if not is_sound(&view[0], value):
            raise InvalidEvaluation(UNSOUND)
        expand_leaf(&self.search, &self.search.path, &view[0], value)
        self.waiting = False

    def run(self, evaluate):
        """Completes the search of this move; returns its Suggestion.

        `evaluate` maps planes [1, 11, 11, 10] to logits [1, 220] and values [1].
        """
        while (planes := self.leaf()) is not None:
            logits, values = evaluate(np.stack([planes]))
            self.expand(logits[0], values[0])
        return self.suggestion()

    def suggestion(self):
        """The move and the statistics of the search so far; see `Suggestion`.

        With `explore`, PUCT draws the move anew at each call."""
        self._require_simulations()
        return suggestion_of(&self.search, &self.settings.config)

    def policy(self):
        """The policy target, float32 [220]: visit counts as probabilities (PUCT), or the improved
        policy (Gumbel)."""
        self._require_simulations()
        policy = np.empty(NUM_ACTIONS, np.float32)
        cdef float[::1] view = policy
        write_policy(&self.search, &self.settings.config, &view[0])
        return policy

    def advance(self, move):
        """Plays a move at the root, which may be any legal one."""
        cdef Board board = Board.wrap(&self.search.root)
        board.play(move)
        if board.pos.over:
            raise IllegalMove(f"{move} ends the game: nothing is left to search")
        self.waiting = False
        if advance(&self.search, &self.settings.config, move.index, &self.scratch) < 0:
            raise MemoryError("no memory to keep the search tree")

    @property
    def proven(self):
        """The proven result for the player to move, 1, 0 or -1, or None."""
        return proven_result(&self.search)

    @property
    def num_nodes(self):
        """Nodes in the tree, an unevaluated leaf included."""
        return self.search.tree.num_nodes

    def _require_simulations(self):
        # A subtree that was kept may have all it needs before its first simulation.
        if self.search.tree.num_nodes == 0 or self.search.tree.nodes[0].visits < 2:
            raise ValueError("the search has not run yet")


def collect_leaves(list searches not None, float[:, :, :, ::1] planes not None):
    """Walks many searches on, each to its next leaf.

    Args:
        searches: of TreeSearch.
        planes: float32 [n, 11, 11, 10] with a row for each search, to be written to.

    Returns:
        The searches that wait for an evaluation, in the order of their rows. The others are
        complete.
    """
    cdef TreeSearch search
    if planes.shape[0] < len(searches) or planes.shape[1] != NUM_PLANES or (
            planes.shape[2] != ROWS or planes.shape[3] != COLS):
        raise ValueError(f"expected planes [{len(searches)}, 11, 11, 10]")
    waiting = []
    for search in searches:
        if search.find_leaf():
            write_planes(&search.search.path.leaf, &planes[len(waiting), 0, 0, 0])
            waiting.append(search)
    return waiting


def expand_leaves(list searches not None, const float[:, ::1] logits not None,
                  const float[::1] values not None):
    """Takes the evaluations of what `collect_leaves` returned: float32 logits [n, 220] and values
    [n], from the view of the player to move.

    Raises:
        InvalidEvaluation: a number is not finite or no value of a game; nothing has changed.
    """
    cdef TreeSearch search
    cdef int row, count = len(searches)
    if logits.shape[0] < count or values.shape[0] < count or logits.shape[1] != NUM_ACTIONS:
        raise ValueError(f"expected logits [{count}, 220] and values [{count}]")
    for row in range(count):
        search = searches[row]
        if not search.waiting:
            raise ValueError("a search has no leaf that waits")
        if not is_sound(&logits[row, 0], values[row]):
            raise InvalidEvaluation(UNSOUND)
    for row in range(count):
        search = searches[row]
        expand_leaf(&search.search, &search.search.path, &logits[row, 0], values[row])
        search.waiting = False
