# cython: language_level=3
"""Exact solutions of positions that separated territories decide.

Once both players are out of flags and no cell or grass is left that both could ever get, neither
can change what the other one can do: each plays a solitaire in a territory of its own. What ties
the two together is only the score and whose turn it is: the game ends early when a player without
a move is behind, so it matters when one runs out of moves, and in which order one scores.

A state of a solitaire is what the rest of it depends on: for each cell of the territory, whether
it can still be got, and for how much. Equal states that different orders of moves lead to are
one `Node`. A position is a node of each player, the score and the turn; alpha-beta search
with a table of known bounds (Knuth, Moore: "An analysis of alpha-beta pruning", Artificial
Intelligence 6, 1975; Slate, Atkin: "Chess 4.5", 1977) finds its value.
"""
import operator

from libc.stdint cimport int16_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from hexz.engine.bits cimport CellSet, bit, contains, lowest, popcount
from hexz.engine.board cimport Board
from hexz.engine.memory cimport enlarge
from hexz.engine.rules cimport (
    COLS, GEOMETRY, GRID, MAX_MOVES, MAX_VALUE, NO_NEXT, Position, normal_moves, place, play_action,
)

from hexz.engine.move import Move
from hexz.engine.solution import Solution
from hexz.errors import IllegalMove

cdef enum:
    # A key has three bits for each cell of a territory. Larger ones are too expensive anyway.
    MAX_TERRITORY = 42
    # In a key: 0 is a cell that the player cannot get any more, 1..5 the value it would place
    # there now, NO_NEXT one that it cannot place on yet,
    GRASS_KEY = 7             # and this is grass that it may capture.
    STUCK = 0                 # the node without moves
    INFINITE = 1000           # more than any margin
    MAX_NODES = 1 << 24       # indices of nodes must fit 24 bits of a state

cdef enum Status:
    SOLVED
    TOO_EXPENSIVE
    OUT_OF_MEMORY

cdef struct Edge:
    uint32_t child
    uint8_t cell
    uint8_t gain

cdef struct Node:
    CellSet key
    uint32_t edges            # offset in Territory.edges
    int16_t num_edges         # -1: not expanded
    int16_t most              # the player cannot gain more than this

# The solitaire of one player.
cdef struct Territory:
    int player
    int size
    uint8_t cells[MAX_TERRITORY]
    const uint8_t* value      # of grass, by grid index
    Node* nodes
    uint32_t num_nodes
    uint32_t node_capacity
    Edge* edges
    uint32_t num_edges
    uint32_t edge_capacity
    uint32_t* slots           # hash table of the nodes by key; 0 is a free slot, else 1 + node

# What is known of a state: bounds of the mover's margin.
cdef struct Known:
    uint64_t state            # 0: free
    int16_t lower
    int16_t upper
    uint8_t best              # the edge that proved the lower bound

cdef struct Solver:
    Territory territory[2]
    Known* known              # hash table
    uint64_t mask             # of all hash tables
    uint32_t states_left
    uint32_t nodes_left
    Status status

# What becomes a `Solution`.
cdef struct Result:
    int margin
    int after[GRID]           # by the cell of the move
    int line[MAX_MOVES]
    int length


# --- What a player can ever get ------------------------------------------------------------------

cdef bint capturable(const Position* pos, int player, int grass, CellSet reach,
                     CellSet captured) noexcept nogil:
    """Whether a cell of `reach`, once placed, or `captured` grass may capture a grass cell. What a
    player would place on a cell never grows, except from nothing."""
    cdef int value = pos.value[grass], cell
    cdef CellSet rest = GEOMETRY.around[grass] & (reach | captured)
    while rest:
        cell = lowest(rest)
        rest &= rest - 1
        if contains(captured, cell):
            if pos.value[cell] >= value:
                return True
        elif not contains(pos.near[player], cell) or pos.next[player][cell] >= value:
            return True
    return False


cdef CellSet attainable(const Position* pos, int player, CellSet* grass) noexcept nogil:
    """The empty cells that a player without flags may ever place on, whatever the other one does,
    and the grass that it may ever capture. They may be too many, and are never too few.

    A cell can be placed on if the lowest value it can ever get is at most MAX_VALUE: that is 1 more
    than the lowest value an adjacent cell has or can ever get.
    """
    cdef CellSet open = pos.empty & ~pos.near5[player]
    cdef CellSet seeds[MAX_VALUE + 1]
    cdef CellSet reach, layer, adjacent, rest, captured = 0, before
    cdef int value, cell
    memset(seeds, 0, sizeof(seeds))
    rest = normal_moves(pos, player)
    while rest:
        cell = lowest(rest)
        rest &= rest - 1
        seeds[pos.next[player][cell]] |= bit(cell)
    while True:
        reach = layer = 0
        for value in range(1, MAX_VALUE + 1):
            adjacent = seeds[value]
            while layer:
                adjacent |= GEOMETRY.around[lowest(layer)]
                layer &= layer - 1
            rest = captured
            while rest:
                cell = lowest(rest)
                rest &= rest - 1
                if pos.value[cell] == value - 1:
                    adjacent |= GEOMETRY.around[cell]
            layer = adjacent & open & ~reach
            reach |= layer
        before = captured
        rest = pos.grass & ~captured
        while rest:
            cell = lowest(rest)
            rest &= rest - 1
            if capturable(pos, player, cell, reach, captured):
                captured |= bit(cell)
        if captured == before:
            grass[0] = captured
            return reach


# --- Territories ---------------------------------------------------------------------------------

cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """The finaliser of SplitMix64: all bits of the result depend on all bits of x."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu
    return x ^ (x >> 31)


cdef uint32_t node_of(Solver* solver, int player, const Position* pos) noexcept nogil:
    """The node of a position of the player's solitaire, made if it is new."""
    cdef Territory* territory = &solver.territory[player]
    cdef CellSet grass, key = 0, reach = attainable(pos, player, &grass)
    cdef int i, cell, entry, most = 0
    cdef uint64_t slot
    cdef Node* node
    for i in range(territory.size):
        cell = territory.cells[i]
        entry = 0
        if contains(reach, cell):
            entry = pos.next[player][cell] if contains(pos.near[player], cell) else NO_NEXT
            most += min(entry, MAX_VALUE)
        elif contains(grass, cell):
            entry = GRASS_KEY
            most += pos.value[cell]
        key |= <CellSet>entry << 3 * i
    slot = mixed(<uint64_t>key ^ mixed(<uint64_t>(key >> 64))) & solver.mask
    while territory.slots[slot]:
        if territory.nodes[territory.slots[slot] - 1].key == key:
            return territory.slots[slot] - 1
        slot = (slot + 1) & solver.mask
    if solver.nodes_left == 0:
        solver.status = TOO_EXPENSIVE
        return STUCK
    solver.nodes_left -= 1
    if territory.num_nodes == territory.node_capacity:
        if enlarge(<void**>&territory.nodes, &territory.node_capacity, 64, sizeof(Node)) < 0:
            solver.status = OUT_OF_MEMORY
            return STUCK
    node = &territory.nodes[territory.num_nodes]
    node.key = key
    node.edges = 0
    node.num_edges = -1
    node.most = <int16_t>most
    territory.num_nodes += 1
    territory.slots[slot] = territory.num_nodes
    return territory.num_nodes - 1


cdef void position_of(const Territory* territory, CellSet key, Position* pos) noexcept nogil:
    """The position of a solitaire: just what its player's moves depend on."""
    cdef int i, cell, entry
    memset(pos, 0, sizeof(Position))
    memset(&pos.next[0][0], NO_NEXT, sizeof(pos.next))
    pos.turn = <uint8_t>territory.player
    for i in range(territory.size):
        entry = <int>(key >> 3 * i) & 7
        cell = territory.cells[i]
        if entry == GRASS_KEY:
            pos.grass |= bit(cell)
            pos.value[cell] = territory.value[cell]
        elif entry:
            pos.empty |= bit(cell)
            if entry != NO_NEXT:
                pos.near[territory.player] |= bit(cell)
                pos.next[territory.player][cell] = <uint8_t>entry


cdef void expand(Solver* solver, int player, uint32_t index) noexcept nogil:
    """Gives a node its edges, those that gain most first. Of several cells of equal value whose
    neighbours do not matter any more, only the first has an edge."""
    cdef Territory* territory = &solver.territory[player]
    cdef Position pos, after
    cdef CellSet moves
    cdef int cell, value, i, count = 0, alone = 0
    cdef uint32_t first
    cdef Edge edge
    position_of(territory, territory.nodes[index].key, &pos)
    moves = normal_moves(&pos, player)
    if territory.edge_capacity - territory.num_edges < <uint32_t>popcount(moves):
        if enlarge(<void**>&territory.edges, &territory.edge_capacity, 256, sizeof(Edge)) < 0:
            solver.status = OUT_OF_MEMORY
            return
    first = territory.num_edges
    while moves:
        cell = lowest(moves)
        moves &= moves - 1
        value = pos.next[player][cell]
        if GEOMETRY.around[cell] & (pos.empty | pos.grass) == 0:
            if alone >> value & 1:
                continue
            alone |= 1 << value
        after = pos
        place(&after, GRID + cell)
        edge.child = node_of(solver, player, &after)
        edge.cell = <uint8_t>cell
        edge.gain = <uint8_t>after.score[player]
        i = count
        while i > 0 and territory.edges[first + i - 1].gain < edge.gain:
            territory.edges[first + i] = territory.edges[first + i - 1]
            i -= 1
        territory.edges[first + i] = edge
        count += 1
    territory.nodes[index].edges = first
    territory.nodes[index].num_edges = <int16_t>count
    territory.num_edges += count


# --- Search --------------------------------------------------------------------------------------

cdef Known* known_of(Solver* solver, uint32_t mine, uint32_t theirs, int mover,
                     int lead) noexcept nogil:
    """The entry of a state; NULL if it is new and there are too many."""
    cdef uint64_t state = (
        1 | <uint64_t>mover << 1 | <uint64_t>(lead + INFINITE) << 2
        | <uint64_t>mine << 16 | <uint64_t>theirs << 40)
    cdef uint64_t slot = mixed(state) & solver.mask
    cdef Known* known = &solver.known[slot]
    while known.state != state:
        if known.state == 0:
            if solver.states_left == 0:
                solver.status = TOO_EXPENSIVE
                return NULL
            solver.states_left -= 1
            known.state = state
            known.lower = -INFINITE
            known.upper = INFINITE
            return known
        slot = (slot + 1) & solver.mask
        known = &solver.known[slot]
    return known


cdef int after_move(Solver* solver, uint32_t mine, uint32_t theirs, int mover, int lead,
                    int alpha, int beta) noexcept nogil:
    """The margin of a player who has just moved, bounded like `search`."""
    if (theirs == STUCK and (lead > 0 or mine == STUCK)) or (mine == STUCK and lead < 0):
        return lead
    if theirs == STUCK:
        return search(solver, mine, theirs, mover, lead, alpha, beta)
    return -search(solver, theirs, mine, 1 - mover, -lead, -beta, -alpha)


cdef int search(Solver* solver, uint32_t mine, uint32_t theirs, int mover, int lead,
                int alpha, int beta) noexcept nogil:
    """The margin of the player to move, who leads by `lead` and has a move: exact if it is
    between alpha and beta, else a bound on the same side of them."""
    cdef Territory* territory = &solver.territory[mover]
    cdef int best = -INFINITE, bound, i, j, value, best_edge = 0
    cdef Known* known
    cdef Edge edge
    bound = lead + territory.nodes[mine].most
    if bound <= alpha:
        return bound
    bound = lead - solver.territory[1 - mover].nodes[theirs].most
    if bound >= beta:
        return bound
    known = known_of(solver, mine, theirs, mover, lead)
    if known == NULL:
        return 0
    if known.lower >= beta or known.lower == known.upper:
        return known.lower
    if known.upper <= alpha:
        return known.upper
    if territory.nodes[mine].num_edges < 0:
        expand(solver, mover, mine)
    bound = max(alpha, known.lower)
    for i in range(territory.nodes[mine].num_edges):
        # The best edge so far comes first, and the others follow in their order.
        j = known.best if i == 0 else i - 1 if i <= known.best else i
        edge = territory.edges[territory.nodes[mine].edges + <uint32_t>j]
        value = after_move(
            solver, edge.child, theirs, mover, lead + edge.gain, max(bound, best), beta)
        if solver.status != SOLVED:
            return 0
        if value > best:
            best = value
            best_edge = j
            if best >= beta:
                break
    if best > bound:
        known.lower = <int16_t>best
        known.best = <uint8_t>best_edge
    if best < beta:
        known.upper = <int16_t>best
    return best


# --- Positions -----------------------------------------------------------------------------------

cdef int margin_of(Solver* solver, const Position* pos, int* action) noexcept nogil:
    """The margin of the player to move, and an action that reaches it."""
    cdef int mover = pos.turn
    cdef Territory* territory = &solver.territory[mover]
    cdef int lead = pos.score[mover] - pos.score[1 - mover], margin
    cdef uint32_t mine = node_of(solver, mover, pos)
    cdef uint32_t theirs = node_of(solver, 1 - mover, pos)
    cdef Known* known
    if solver.status != SOLVED:
        return 0
    margin = search(solver, mine, theirs, mover, lead, -INFINITE, INFINITE)
    if solver.status != SOLVED:
        return 0
    known = known_of(solver, mine, theirs, mover, lead)
    action[0] = GRID + territory.edges[territory.nodes[mine].edges + known.best].cell
    return margin


cdef int margin_after(Solver* solver, const Position* pos, int action) noexcept nogil:
    """The margin that follows from an action, for the player who plays it."""
    cdef Position after = pos[0]
    cdef int margin, reply
    play_action(&after, action)
    if after.over:
        return after.score[pos.turn] - after.score[1 - pos.turn]
    margin = margin_of(solver, &after, &reply)
    return margin if after.turn == pos.turn else -margin


cdef bint separate(Solver* solver, const Position* pos) noexcept nogil:
    """Sets up the territories; returns False unless they are separate, and small enough."""
    cdef CellSet cells[2]
    cdef CellSet grass, rest
    cdef Territory* territory
    cdef int player
    if pos.flags_left[0] or pos.flags_left[1]:
        return False
    for player in range(2):
        cells[player] = attainable(pos, player, &grass)
        cells[player] |= grass
        if popcount(cells[player]) > MAX_TERRITORY:
            return False
    if cells[0] & cells[1]:
        return False
    for player in range(2):
        territory = &solver.territory[player]
        territory.player = player
        territory.value = &pos.value[0]
        rest = cells[player]
        while rest:
            territory.cells[territory.size] = <uint8_t>lowest(rest)
            territory.size += 1
            rest &= rest - 1
    return True


cdef void allocate(Solver* solver, uint32_t max_nodes) noexcept nogil:
    cdef size_t slots = 64
    cdef int player
    cdef Position stuck
    while slots < 2 * <size_t>max_nodes:
        slots *= 2
    solver.mask = slots - 1
    solver.states_left = solver.nodes_left = max_nodes
    solver.known = <Known*>calloc(slots, sizeof(Known))
    if solver.known == NULL:
        solver.status = OUT_OF_MEMORY
    memset(&stuck, 0, sizeof(stuck))
    for player in range(2):
        solver.territory[player].slots = <uint32_t*>calloc(slots, sizeof(uint32_t))
        if solver.territory[player].slots == NULL:
            solver.status = OUT_OF_MEMORY
        if solver.status == SOLVED:
            node_of(solver, player, &stuck)


cdef void release(Solver* solver) noexcept nogil:
    cdef int player
    free(solver.known)
    for player in range(2):
        free(solver.territory[player].slots)
        free(solver.territory[player].nodes)
        free(solver.territory[player].edges)


cdef void solve_position(Solver* solver, const Position* root, uint32_t max_nodes,
                         Result* result) noexcept nogil:
    cdef Position pos = root[0]
    cdef CellSet moves = normal_moves(root, root.turn)
    cdef int action = 0
    allocate(solver, max_nodes)
    if solver.status == SOLVED:
        result.margin = margin_of(solver, root, &action)
    while moves and solver.status == SOLVED:
        result.after[lowest(moves)] = margin_after(solver, root, GRID + lowest(moves))
        moves &= moves - 1
    while not pos.over and solver.status == SOLVED:
        margin_of(solver, &pos, &action)
        result.line[result.length] = action
        result.length += 1
        play_action(&pos, action)


def solve(Board board not None, max_nodes=200_000):
    """Solves a position exactly, if separated territories decide it; see `Solution`.

    Args:
        board: a position that is not over.
        max_nodes: how many positions to look at at most, as many again in each territory alone.

    Returns:
        None if a player has a flag left, if there may be a cell or grass that both players could
        still get, or if the solution takes more positions.

    Raises:
        IllegalMove: the game is over.
    """
    number = operator.index(max_nodes)
    if not 1 <= number <= MAX_NODES:
        raise ValueError(f"max_nodes must be in 1..{MAX_NODES}, not {number}")
    if board.pos.over:
        raise IllegalMove("the game is over")
    cdef Position root = board.pos    # the board may change while the GIL is released
    cdef uint32_t limit = number
    cdef Solver solver
    cdef Result result
    memset(&solver, 0, sizeof(solver))
    memset(&result, 0, sizeof(result))
    if not separate(&solver, &root):
        return None
    with nogil:
        solve_position(&solver, &root, limit, &result)
        release(&solver)
    if solver.status == OUT_OF_MEMORY:
        raise MemoryError(f"the solution of an endgame in {number} positions")
    if solver.status == TOO_EXPENSIVE:
        return None
    line = [Move.from_index(result.line[i]) for i in range(result.length)]
    moves = Board.wrap(&root).legal_moves()
    values = {move: result.after[move.row * COLS + move.col] for move in moves}
    return Solution(move=line[0], margin=result.margin, values=values, line=line)
