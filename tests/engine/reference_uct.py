"""A slow model of the reference playout player, written from RULES.md on the slow `Position`.

`random_move_probabilities` and the two functions below it are exact: they enumerate all that can
follow from a position, and are meant for boards with a handful of free cells.
"""

import math
import random
from dataclasses import dataclass, field
from itertools import pairwise

from .reference import Position, RefMove, opponent


def result(position: Position, player: int) -> float:
    """Of a finished game, for `player`: 1 for a win, 0.5 for a draw, 0 for a loss."""
    return {player: 1.0, opponent(player): 0.0, 0: 0.5}[position.winner]


# --- Random rollouts ---------------------------------------------------------------------------


def random_move_probabilities(position: Position) -> dict[RefMove, float]:
    """A flag with probability 1 / (normal moves + 1) if there is one, else a normal move."""
    normal, flags = position.normal_moves(position.turn), position.flag_moves(position.turn)
    flag_probability = 1 / (len(normal) + 1) if flags else 0.0
    probabilities = {move: flag_probability / len(flags) for move in flags}
    return probabilities | {move: (1 - flag_probability) / len(normal) for move in normal}


def roll_out(position: Position, rng: random.Random) -> None:
    """Plays random moves until the game is over."""
    while not position.is_over:
        probabilities = random_move_probabilities(position)
        (move,) = rng.choices(list(probabilities), weights=list(probabilities.values()))
        position.play(move)


def after(position: Position, move: RefMove) -> Position:
    successor = position.copy()
    successor.play(move)
    return successor


class Exact:
    """Values of a position by enumeration, for player 1: rollouts on average, and perfect play."""

    def __init__(self) -> None:
        self.mean_results: dict[object, float] = {}
        self.minimax_results: dict[object, float] = {}

    def mean_result(self, position: Position) -> float:
        """The expected result of a random rollout."""
        if position.is_over:
            return result(position, 1)
        key = key_of(position)
        if key not in self.mean_results:
            self.mean_results[key] = sum(
                probability * self.mean_result(after(position, move))
                for move, probability in random_move_probabilities(position).items()
            )
        return self.mean_results[key]

    def minimax(self, position: Position) -> float:
        """The result if both play perfectly."""
        if position.is_over:
            return result(position, 1)
        key = key_of(position)
        if key not in self.minimax_results:
            best = max if position.turn == 1 else min
            self.minimax_results[key] = best(
                self.minimax(after(position, move)) for move in position.legal_moves()
            )
        return self.minimax_results[key]


def key_of(position: Position) -> object:
    return position.turn, tuple(position.flags_left.values()), tuple(position.cells.values())


# --- UCT ---------------------------------------------------------------------------------------


@dataclass
class Node:
    player: int  # who moves here
    children: dict[RefMove, "Node"] = field(default_factory=dict)
    visits: int = 0
    wins: float = 0.0  # for the player who moves at the parent

    def score(self, parent_visits: int) -> float:
        if parent_visits == 0:
            return 0.5
        if self.visits == 0:  # counts as one drawn game
            return 0.5 + math.sqrt(math.log(parent_visits))
        return self.wins / self.visits + math.sqrt(math.log(parent_visits) / self.visits)


def search(root: Position, simulations: int, rng: random.Random) -> Node:
    """The tree of a search; the children of its root carry the statistics of the moves."""
    tree = Node(root.turn)
    for _ in range(simulations):
        simulate(tree, root.copy(), rng)
    return tree


def simulate(tree: Node, position: Position, rng: random.Random) -> None:
    path = [tree]
    while path[-1].children:
        node = path[-1]
        move = max(node.children, key=lambda move: node.children[move].score(node.visits))
        position.play(move)
        path.append(node.children[move])
        path[-1].player = position.turn
    if not position.is_over:
        leaf = path[-1]
        leaf.children = {move: Node(0) for move in position.legal_moves()}
        move = rng.choice(list(leaf.children))
        position.play(move)
        path.append(leaf.children[move])
        path[-1].player = position.turn
        roll_out(position, rng)
    tree.visits += 1
    for parent, child in pairwise(path):
        child.visits += 1
        child.wins += result(position, parent.player)
