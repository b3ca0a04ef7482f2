# cython: language_level=3
"""The search of one move: walks to leaves, backs values up, chooses, and keeps the subtree.

A search never calls the evaluator. `collect` stops at leaves that need one, and `expand` goes on
from there, so that whoever drives many searches can evaluate their leaves together. A network
evaluates 32 positions in little more time than one, so a search may have many leaves waiting:
`Node.waiting` counts the walks that are under way and keeps the next ones apart from them; visits,
Q and proofs are only ever those of finished simulations.
"""
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memmove, memset

from hexz.engine.bits cimport next_random, unit
from hexz.engine.memory cimport enlarge
from hexz.engine.rules cimport (
    GRID, NUM_ACTIONS, NUM_PLANES, Position, outcome, play_action, write_planes,
)
from hexz.engine.search.evaluations cimport (
    close as close_evaluations, find, forget, key_of, note, note_all,
)
from hexz.engine.search.rule cimport Path, SearchState, Selection
from hexz.engine.search.tree cimport (
    DRAW, UNPROVEN, Arena, Edges, Node, add_edge_visit, add_node, add_visit, clear, copy_subtree,
    edges_of, expand as expand_node, expand_as, opposite, prove_edge, proven_value, release, reserve,
)

# What became of a walk; NO_MEMORY is another answer.
cdef enum:
    FINISHED = 0        # in a proven or known position, which is backed up
    LEAF = 1            # the path's leaf waits for the evaluator
    BLOCKED = 2         # the leaf waits for the evaluator already, since another walk

cdef enum:
    # Walks that do not know yet what others will find are worse, the more so in a small tree: at
    # 64 simulations a move, 8 leaves at once score 50 % against one at a time, 32 score 26 %.
    MIN_WAITING = 8
    VISITS_PER_WAITING = 8


cdef void start(SearchState* search) noexcept nogil:
    """Begins with an empty tree; the memory of the last game is kept."""
    clear(&search.tree)
    clear(&search.known.past)
    forget(&search.known)
    search.simulations = search.depth = search.waiting = 0
    search.fast = False


cdef void close(SearchState* search) noexcept nogil:
    """Gives the memory back."""
    release(&search.tree)
    close_evaluations(&search.known)
    free(search.paths)


cdef int collect(SearchState* search, int most, float* planes) noexcept nogil:
    """Walks to new leaves and writes their planes, one after another; returns how many, or
    NO_MEMORY.

    At most `most` simulations are begun: one that ends in a position that is proven, or known by
    another path, needs no evaluation, but takes the place of a leaf. There may be fewer, down to
    none: see `is_complete` and `most_waiting`.
    """
    cdef Path* path
    cdef int count = 0, finished = 0, blocked = 0, status
    most = min(most, most_waiting(search) - search.waiting)
    most = min(most, simulations_of(search) - search.simulations - search.waiting)
    while count + finished < most and blocked < most and not is_complete(search):
        status = NO_MEMORY
        if search.waiting < <int>search.path_capacity or enlarge(
                <void**>&search.paths, &search.path_capacity, 1, sizeof(Path)) == 0:
            path = search.paths + search.waiting
            status = walk(search, path)
        if status == NO_MEMORY:
            return count if count > 0 else NO_MEMORY
        search.depth = max(search.depth, path.depth)
        if status == FINISHED:
            finished += 1
            continue
        if search.max_in_flight > 1:
            mark(&search.tree, path)
        if status == BLOCKED:
            blocked += 1
            continue
        write_planes(&path.leaf, planes + count * NUM_PLANES * GRID)
        count += 1
        search.waiting += 1
    return count


cdef inline int simulations_of(const SearchState* search) noexcept nogil:
    """How many simulations this move gets."""
    return search.config.simulations[search.fast]


cdef int most_waiting(const SearchState* search) noexcept nogil:
    """How many leaves may wait at once: the root alone before it is expanded, then one in eight
    visits of the root, or 8 while there are few."""
    cdef const Node* root = &search.tree.nodes[0]
    if search.tree.num_nodes == 0 or root.num_edges == 0:
        return 1
    return min(search.max_in_flight, max(<int>MIN_WAITING, root.visits // <int>VISITS_PER_WAITING))


cdef bint is_complete(const SearchState* search) noexcept nogil:
    """Whether no simulation is to follow: all are done, the result is proven, the move is forced
    and has one simulation, for its value, or the tree is full."""
    cdef const Node* root = &search.tree.nodes[0]
    if search.tree.num_nodes == 0:
        return False
    return (
        search.simulations >= simulations_of(search) or root.proof != UNPROVEN
        or (root.num_edges == 1 and search.simulations > 0)
        or search.tree.num_nodes >= search.max_nodes)


cdef int walk(SearchState* search, Path* path) noexcept nogil:
    """Walks from the root to a new leaf (LEAF), to a proven edge or a known position, which is
    backed up at once (FINISHED), or to a leaf that waits already (BLOCKED). The first leaf is the
    root."""
    cdef Arena* tree = &search.tree
    cdef Position* pos = &path.leaf
    cdef Selection select = search.config.rule.select_root
    cdef uint32_t index = 0
    cdef Node* node
    cdef Edges e
    cdef int edge
    if reserve(tree, search.waiting + 1) < 0:
        return NO_MEMORY
    pos[0] = search.root
    path.depth = 0
    if tree.num_nodes == 0:
        path.leaf_node = add_node(tree, pos.turn, key_of(pos))
        return leaf(search, path)
    while True:
        node = &tree.nodes[index]
        e = edges_of(tree, node)
        edge = select(search, node, &e)
        select = search.config.rule.select_interior
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
            e.child[edge] = path.leaf_node = add_node(tree, pos.turn, key_of(pos))
            return leaf(search, path)
        index = e.child[edge]
        if tree.nodes[index].num_edges == 0:
            path.leaf_node = index
            return BLOCKED


cdef inline int leaf(SearchState* search, const Path* path) noexcept nogil:
    """Expands a new leaf at once (FINISHED) if its position has been evaluated; else it waits
    (LEAF)."""
    cdef const Arena* arena
    cdef const Node* known = find(
        &search.known, search.tree.nodes[path.leaf_node].key, &search.tree, &arena)
    if known == NULL:
        return LEAF
    expand_as(&search.tree, path.leaf_node, arena, known)
    use(search, path, known.network_value)
    return FINISHED


cdef inline void use(SearchState* search, const Path* path, float value) noexcept nogil:
    """Takes the value of a leaf that is expanded: completes a simulation, or begins with the root."""
    if path.depth > 0:
        back_up(search, path, value, path.leaf.turn)
    else:
        prepare_root(search)


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


cdef void expand(SearchState* search, int count, const float* logits,
                 const float* values) noexcept nogil:
    """Takes the evaluations of the leaves that have waited longest: [count, 220] logits and [count]
    values, from the views of the players who move there."""
    cdef const Path* path = search.paths
    cdef int row
    for row in range(count):
        if search.max_in_flight > 1:
            unmark(&search.tree, path)
        expand_node(&search.tree, path.leaf_node, &path.leaf, logits, values[row])
        if search.tree.nodes[path.leaf_node].key != 0:
            note(&search.known, search.tree.nodes[path.leaf_node].key, path.leaf_node, False)
        use(search, path, values[row])
        logits += NUM_ACTIONS
        path += 1
    search.waiting -= count
    if search.waiting > 0:
        memmove(search.paths, path, <size_t>search.waiting * sizeof(Path))


cdef void prepare_root(SearchState* search) noexcept nogil:
    """Draws what is random about the search of a move, whose root is expanded."""
    cdef Edges e = edges_of(&search.tree, &search.tree.nodes[0])
    cdef double share = search.config.full_search_share
    search.fast = share < 1 and unit(next_random(&search.rng)) >= share
    search.config.rule.prepare(search, &e, search.config.explore and not search.fast)


cdef void back_up(SearchState* search, const Path* path, float value,
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


cdef int best_edge(SearchState* search) noexcept nogil:
    """The edge of the root to play."""
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    return search.config.rule.choose(search, root, &e)


cdef float root_value(const SearchState* search) noexcept nogil:
    """What the search found the position to be worth to the player who moves, -1 to 1."""
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    return root.value if root.proof != UNPROVEN else search.config.rule.worth(search, root, &e)


cdef void write_policy(const SearchState* search, float* policy) noexcept nogil:
    """Writes the policy target, 220 floats that sum to 1."""
    cdef const Node* root = &search.tree.nodes[0]
    cdef Edges e = edges_of(&search.tree, root)
    cdef float share[NUM_ACTIONS]
    cdef int i
    search.config.rule.write_target(search, root, &e, share)
    memset(policy, 0, NUM_ACTIONS * sizeof(float))
    for i in range(e.count):
        policy[e.action[i]] = share[i]


cdef void advance(SearchState* search, int action, Arena* scratch) noexcept nogil:
    """Plays a legal action at the root while no leaf waits, and keeps the subtree below it if the
    rule does and memory is not short. `scratch` is memory to copy into."""
    cdef uint32_t child = 0
    cdef Edges e
    cdef Arena kept
    cdef int i
    if search.tree.num_nodes > 0 and search.config.rule.keeps_tree:
        e = edges_of(&search.tree, &search.tree.nodes[0])
        for i in range(e.count):
            if e.action[i] == action:
                child = e.child[i]
    play_action(&search.root, action)
    search.simulations = search.depth = 0
    search.fast = False
    if child == 0 or copy_subtree(&search.tree, child, scratch) < 0:
        kept = search.known.past
        search.known.past = search.tree
        search.tree = kept
        clear(&search.tree)
        note_all(&search.known, &search.known.past, True)
        return
    kept = scratch[0]
    scratch[0] = search.tree
    search.tree = kept
    note_all(&search.known, &search.tree, False)
    prepare_root(search)


cdef void forget_evaluations(SearchState* search) noexcept nogil:
    """Uses no evaluation again that is there now or waited for."""
    cdef uint32_t i
    forget(&search.known)
    for i in range(search.tree.num_nodes):
        search.tree.nodes[i].key = 0
