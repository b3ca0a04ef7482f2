"""A slow tree search that is obviously right: the papers' formulas, one function each.

It takes the rules from `hexz.engine.Board` and shares nothing with the engine's tree: a node is an
object, its statistics are float64 arrays over its legal moves, and a simulation is a recursion that
returns a value to the player who asks. Root noise is left out; [AZ], [KG] and [GZ] are the papers
named in `hexz.schema.search`.

    PUCT [AZ]       argmax Q(a) + C(N) P(a) sqrt(N) / (1 + n(a)), N = 1 + sum of n,
                    C(N) = ln((1 + N + c_base) / c_base) + c_init
    FPU [KG]        Q of an action without visits: V - reduction * sqrt(sum of P of visited ones)
    sigma(q) [GZ]   (c_visit + max n) c_scale q
    v_mix [GZ 33]   (v_net + N sum_visited(P Q) / sum_visited(P)) / (1 + N), N = sum of n
    pi' [GZ 11]     softmax(logits + sigma(completed Q)); completed: v_mix where there is no visit
    below the root  argmax pi'(a) - n(a) / (1 + N)   [GZ 14]
    root [GZ]       of the actions with as many visits as sequential halving says, the one with the
                    highest g + logit + sigma(Q)

Proofs: an action that ends the game is worth its result; a node is worth a win as soon as one of
its actions is, and else the best of its actions once all of them are proven. A proven value
replaces the means, and is what goes up from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hexz.engine import Board, SearchSettings

Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def halving_sequence(actions: int, simulations: int) -> list[int]:
    """For each simulation the visits that an action must have to be considered in it.

    ceil(log2(actions)) phases share the simulations evenly; each gives every action that is left
    the same number of visits, at least one, and drops the worse half, but never the last two.
    """
    if actions <= 1:
        return list(range(simulations))
    phases = math.ceil(math.log2(actions))
    sequence: list[int] = []
    left, visits = actions, 0
    while len(sequence) < simulations:
        for _ in range(max(1, int(simulations / (phases * left)))):
            sequence += [visits] * left
            visits += 1
        left = max(2, left // 2)
    return sequence[:simulations]


class Node:
    """A position in the tree. All values and Q are from the view of the player who moves here."""

    def __init__(self, board: Board, evaluate: Evaluate) -> None:
        logits, values = evaluate(board.planes()[np.newaxis])
        self.board = board
        self.actions = [move.index for move in board.legal_moves()]
        self.prior = softmax(logits[0, self.actions].astype(np.float64))
        self.logits = np.log(self.prior)
        self.network_value = float(values[0])
        self.children: dict[int, Node] = {}
        self.visits = np.zeros(len(self.actions), int)
        self.totals = np.zeros(len(self.actions))
        self.proofs: list[int | None] = [None] * len(self.actions)
        self.backed_up = [self.network_value]

    @property
    def q(self) -> np.ndarray:
        """Mean results, 0 without a visit; exact where they are proven."""
        q = self.totals / np.maximum(self.visits, 1)
        for edge, proof in enumerate(self.proofs):
            if proof is not None:
                q[edge] = proof
        return q

    @property
    def proof(self) -> int | None:
        if 1 in self.proofs:
            return 1
        return None if None in self.proofs else max(self.proofs)

    @property
    def value(self) -> float:
        return float(np.mean(self.backed_up)) if self.proof is None else self.proof

    def lost(self) -> np.ndarray:
        return np.array([proof == -1 for proof in self.proofs])


# --- PUCT --------------------------------------------------------------------------------------


def puct_scores(node: Node, settings: SearchSettings) -> np.ndarray:
    visited = node.visits > 0
    total = 1 + node.visits.sum()
    c = math.log((1 + total + settings.c_base) / settings.c_base) + settings.c_init
    unvisited_q = node.value - settings.fpu_reduction * math.sqrt(node.prior[visited].sum())
    q = np.where(visited, node.q, unvisited_q)
    return q + c * node.prior * math.sqrt(total) / (1 + node.visits)


# --- Gumbel ------------------------------------------------------------------------------------


def completed_q(node: Node) -> np.ndarray:
    visited, total = node.visits > 0, node.visits.sum()
    mixed = node.network_value
    if total:
        mean = (node.prior * node.q)[visited].sum() / node.prior[visited].sum()
        mixed = (node.network_value + total * mean) / (1 + total)
    return np.where(visited, node.q, mixed)


def improved_logits(node: Node, settings: SearchSettings) -> np.ndarray:
    scale = (settings.c_visit + node.visits.max()) * settings.c_scale
    return node.logits + scale * completed_q(node)


def interior_scores(node: Node, settings: SearchSettings) -> np.ndarray:
    return softmax(improved_logits(node, settings)) - node.visits / (1 + node.visits.sum())


# --- The search --------------------------------------------------------------------------------


class ReferenceSearch:
    """The search of one move without noise; `advance` goes on to the next.

    `closest_call` is the smallest difference so far between the best and the second best score
    where an action was chosen, as a fraction of the best score if that is above 1: while it is
    larger than the rounding errors of float32, the engine must have chosen the same actions.
    """

    def __init__(self, board: Board, settings: SearchSettings, evaluate: Evaluate) -> None:
        self.settings = settings
        self.evaluate = evaluate
        self.gumbel = settings.algorithm == "gumbel"
        self.closest_call = math.inf
        self._begin(Node(board.copy(), evaluate))

    def _begin(self, root: Node) -> None:
        self.root = root
        self.simulations = 0
        considered = min(self.settings.max_considered, len(root.actions))
        self.sequence = halving_sequence(considered, self.settings.simulations)

    @property
    def is_complete(self) -> bool:
        budget = 1 if len(self.root.actions) == 1 else self.settings.simulations
        return self.root.proof is not None or self.simulations >= budget

    def run(self) -> None:
        while not self.is_complete:
            self.simulate()

    def simulate(self) -> None:
        self._simulate(self.root)
        self.simulations += 1

    def _simulate(self, node: Node) -> float:
        edge = self._select(node)
        value = self._follow(node, edge) if node.proofs[edge] is None else node.proofs[edge]
        node.visits[edge] += 1
        node.totals[edge] += value
        node.backed_up.append(value)
        return value if node.proof is None else node.proof

    def _follow(self, node: Node, edge: int) -> float:
        """Takes an action that is not proven, and returns its value for the player who takes it."""
        mover = node.board.turn
        if edge in node.children:
            child = node.children[edge]
            value = self._simulate(child)
        else:
            board = node.board.copy()
            board.play_index(node.actions[edge])
            if board.is_over:
                node.proofs[edge] = {0: 0, mover: 1}.get(board.winner, -1)
                return node.proofs[edge]
            child = node.children[edge] = Node(board, self.evaluate)
            value = child.network_value
        sign = 1 if child.board.turn == mover else -1
        if child.proof is not None:
            node.proofs[edge] = sign * child.proof
        return sign * value

    def _select(self, node: Node) -> int:
        if not self.gumbel:
            return self._best(puct_scores(node, self.settings), ~node.lost())
        if node is not self.root:
            return self._best(interior_scores(node, self.settings))
        considered = node.visits == self.sequence[self.simulations]
        return self._best(improved_logits(node, self.settings), considered)

    def _best(self, scores: np.ndarray, allowed: np.ndarray | None = None) -> int:
        if allowed is not None:
            scores = np.where(allowed, scores, -np.inf)
        best = int(np.argmax(scores))
        others = (scores[:best], scores[best + 1 :])
        runner_up = max(part.max(initial=-np.inf) for part in others)
        margin = (scores[best] - runner_up) / max(1.0, abs(scores[best]))
        if margin > 0:  # equal scores are equal proofs, and the first of them is taken
            self.closest_call = min(self.closest_call, margin)
        return best

    # --- Results ---

    def visits(self) -> np.ndarray:
        return self._spread(self.root.visits)

    def q(self) -> np.ndarray:
        return self._spread(self.root.q)

    def value(self) -> float:
        """What the root is worth: the mean over the visits, or for Gumbel what its improved policy
        expects."""
        root = self.root
        if root.proof is not None or not self.gumbel:
            return root.value
        return float(self.policy()[root.actions] @ completed_q(root))

    def policy(self) -> np.ndarray:
        root = self.root
        if self.gumbel:
            return self._spread(softmax(improved_logits(root, self.settings)))
        allowed = self._playable()
        counts = np.where(allowed, root.visits if root.visits[allowed].any() else root.prior, 0.0)
        return self._spread(counts / counts.sum())

    def actions(self) -> list[int]:
        """The strongest action, or several that are all but equal: the most visited of those that
        may be played, among these that of the highest Q, or for Gumbel that of the highest
        logit + sigma(Q)."""
        root, allowed = self.root, self._playable()
        allowed &= root.visits == root.visits[allowed].max()
        scores = improved_logits(root, self.settings) if self.gumbel else root.q
        best = scores[allowed].max()
        return [root.actions[i] for i in np.flatnonzero(allowed & (scores > best - 1e-4))]

    def _playable(self) -> np.ndarray:
        """Which edges keep what is proven of the root, or are not lost where nothing is."""
        proof = self.root.proof
        return np.array([e == proof if proof is not None else e != -1 for e in self.root.proofs])

    def _spread(self, values: np.ndarray) -> np.ndarray:
        result = np.zeros(220, values.dtype)
        result[self.root.actions] = values
        return result

    def advance(self, action: int) -> None:
        """Plays an action; PUCT goes on with the tree below it if there is one."""
        child = self.root.children.get(self.root.actions.index(action))
        if child is None or self.gumbel:
            board = self.root.board.copy()
            board.play_index(action)
            child = Node(board, self.evaluate)
        self._begin(child)
