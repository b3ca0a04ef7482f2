"""The names of players."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.errors import InvalidSettings
from hexz.player.spec import Budget, InvalidSpec, PlayerSpec, parse_spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("random", PlayerSpec(kind="random")),
        ("uct", PlayerSpec(kind="uct")),
        ("uct:32000", PlayerSpec(kind="uct", budget=Budget(simulations=32000))),
        ("uct:2s", PlayerSpec(kind="uct", budget=Budget(seconds=2))),
        ("model", PlayerSpec(kind="model")),
        ("model@800", PlayerSpec(kind="model", budget=Budget(simulations=800))),
        ("model@2.5s", PlayerSpec(kind="model", budget=Budget(seconds=2.5))),
        ("model:a/b.pt", PlayerSpec(kind="model", path="a/b.pt")),
        ("model:x@1", PlayerSpec(kind="model", path="x", budget=Budget(simulations=1))),
        ("model:a@b@9", PlayerSpec(kind="model", path="a@b", budget=Budget(simulations=9))),
        ("model:gs://b@0.1s", PlayerSpec(kind="model", path="gs://b", budget=Budget(seconds=0.1))),
        ("gumbel@64", PlayerSpec(kind="gumbel", budget=Budget(simulations=64))),
        ("gumbel:C:/ y@64", PlayerSpec(kind="gumbel", path="C:/ y", budget=Budget(simulations=64))),
    ],
)
def test_a_spec_is_read_and_written(text, spec):
    assert parse_spec(text) == spec
    assert str(spec) == text


@pytest.mark.parametrize(
    ("text", "path", "budget"),
    [
        ("cmd:./my-engine --flag", "./my-engine --flag", None),
        ("cmd:./my-engine --flag@2s", "./my-engine --flag", Budget(seconds=2)),
        ("cmd:'a b' c@d@64", "'a b' c@d", Budget(simulations=64)),
    ],
)
def test_programs_are_named_where_that_is_allowed_only(text, path, budget):
    spec = parse_spec(text, allow_programs=True)
    assert spec == PlayerSpec(kind="cmd", path=path, budget=budget)
    assert str(spec) == text
    with pytest.raises(InvalidSpec, match="is a program, which only the command line may name"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["cmd", "cmd:", "cmd: ", "cmd@2s", "cmd:x@", "cmd:a@b", "cmd:'x"])
def test_what_names_no_program_is_refused_in_one_line(text):
    with pytest.raises(InvalidSpec, match=re.escape(repr(text))) as caught:
        parse_spec(text, allow_programs=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "Random", "random:1", "random@1", "uct@800", "uct:", "uct:0", "uct:-1", "uct:1.5",
        "uct:1000000001", "uct:0s", "uct:601s", "uct:1e3", "uct:2 s", "model:", "model:@800",
        "model@", "model@0", "model@1000001", "model:a@b", "model@800@", "model 800", "models@8",
        "gumbel", "gumbel:x", "gumbel@2s", "gumbel@0", "model@\u0661", "uct:1s\n", "random ",
    ],
)  # fmt: skip
def test_what_is_no_spec_is_refused_in_one_line(text):
    with pytest.raises(InvalidSpec) as caught:
        parse_spec(text)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


@given(st.text(alphabet="modelguctran:@.s0123456789/", max_size=20))
def test_what_can_be_read_is_written_back_with_the_same_meaning(text):
    try:
        spec = parse_spec(text)
    except InvalidSpec:
        return
    assert parse_spec(str(spec)) == spec


def test_the_smaller_budget_counts():
    both = Budget(simulations=800, seconds=2).within(Budget(seconds=1))
    assert both == Budget(simulations=800, seconds=1)
    assert Budget(seconds=1).within(None) == Budget(seconds=1)
    assert Budget(simulations=9).within(Budget(simulations=8)) == Budget(simulations=8)
    with pytest.raises(ValueError, match="a budget has"):
        Budget()


@pytest.mark.parametrize("limit", [0, -1, 10**12])
def test_a_number_of_simulations_that_no_search_can_have_is_refused(limit):
    with pytest.raises(
        InvalidSettings, match=rf"simulations must be in 1\.\.1000000000, not {limit}"
    ):
        Budget(simulations=limit)


@pytest.mark.parametrize("limit", [0, -1.5, float("nan"), float("inf")])
def test_a_time_that_never_ends_or_has_ended_is_refused(limit):
    with pytest.raises(InvalidSettings, match=f"seconds must be a number above 0, not {limit:g}"):
        Budget(seconds=limit)
