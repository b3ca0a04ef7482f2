"""Results of many runs together."""

from hexz.engine import Board
from hexz.ratings.evidence import Evidence
from hexz.schema.records import Ratings

BOARDS = [Board.random(seed).to_text() for seed in range(40)]


def test_a_board_counts_once_from_whichever_side():
    evidence = Evidence()
    evidence.add(("strong", "uct:800"), BOARDS[0], 0.75)
    evidence.add(("uct:800", "strong"), BOARDS[0], 0.25)
    evidence.add(("uct:800", "strong"), BOARDS[1], 0.0)
    assert evidence.boards(("strong", "uct:800")) == evidence.boards(("uct:800", "strong")) == 2
    assert evidence.has(("uct:800", "strong"), BOARDS[1])
    assert not evidence.has(("uct:800", "strong"), BOARDS[2])
    assert [scores for *_, scores in evidence.results()] == [
        dict(zip(evidence.results()[0][2], (0.75, 1.0), strict=True))
    ]


def test_runs_add_up_and_survive_json():
    first, second = Evidence(), Evidence()
    for number, board in enumerate(BOARDS):
        run = first if number < 25 else second
        run.add(("a", "uct:800"), board, 1.0 if number % 4 else 0.5)
        run.add(("b", "a"), board, float(number % 2))
    second.add(("b", "a"), BOARDS[0], 0.0)
    together = Evidence(Ratings.from_json(Ratings(results=first.results()).to_json()).results)
    together.update(second)
    assert together.boards_of("a") == 80
    assert together.boards(("a", "b")) == 40
    elo = together.ratings("uct:800")
    assert elo["uct:800"].value == 0
    assert elo["a"].low > 100
    assert abs(elo["b"].value - elo["a"].value) < 10
