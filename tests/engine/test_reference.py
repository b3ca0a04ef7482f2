"""The reference model replays recorded games: what it says about the rules can be trusted."""

from .reference import COORDS, SYMMETRIES, Position, mirrored, neighbours


def test_replays_recorded_games(sample_traces):
    for game in sample_traces:
        position = Position.from_text(game["board"])
        assert position.cell_rows() == game["initial"]
        check_state(position, game["states"][0])
        for move, state in zip(game["moves"], game["states"][1:], strict=True):
            coord = move["r"], move["c"]
            assert position.turn == move["p"]
            if move["t"] == "N":
                assert position.next_value(coord, move["p"]) == move["v"]
            position.play((move["t"], *coord))
            check_state(position, state)


def check_state(position, state):
    assert position.cell_rows() == state["cells"]
    assert [list(move) for move in position.legal_moves()] == state["legal"]
    assert state["done"] or position.turn == state["turn"]
    assert position.move_number == state["move"]
    assert [position.score(1), position.score(2)] == state["score"]
    assert [position.flags_left[1], position.flags_left[2]] == state["flags"]
    assert len(position.empty_cells()) == state["free"]
    assert [len(position.normal_moves(player)) for player in (1, 2)] == state["normal"]
    assert (position.is_over, position.winner) == (state["done"], state["win"])


def test_symmetries_preserve_neighbourhood():
    for symmetry in SYMMETRIES:
        assert sorted(mirrored(coord, symmetry) for coord in COORDS) == COORDS
        for coord in COORDS:
            assert mirrored(mirrored(coord, symmetry), symmetry) == coord
            around = {mirrored(n, symmetry) for n in neighbours(coord)}
            assert around == set(neighbours(mirrored(coord, symmetry)))
