"""The figures of other machines, which the docs and `hexzctl bench --compare` both show."""

from pathlib import Path

from hexz.bench import ENGINE_RATES, recorded
from hexz.model.backends import PRECISIONS
from hexzctl.bench import _print_comparison

DOCS = Path(__file__).parents[1] / "docs" / "performance.md"


def test_the_docs_show_what_is_recorded():
    text = DOCS.read_text("utf-8")
    kinds = recorded().values()
    for name in (*ENGINE_RATES, *PRECISIONS["cpu"]):
        cells = (f"{kind.figures[name]:,}" if name in kind.figures else "" for kind in kinds)
        assert f"| `{name}` | {' | '.join(cells)} |" in text


def test_this_machine_is_printed_beside_others(capsys):
    _print_comparison(dict.fromkeys((*ENGINE_RATES, *PRECISIONS["cpu"]), 1234.0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["playouts", "1,234", "548,700", "571,400", "568,700"]
    assert all(len(line) <= 80 for line in lines)
