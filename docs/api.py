"""Writes docs/reference/python.md, the signatures and docstrings of `hexz.__all__`:

python docs/api.py
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import hexz
from hexz.schema.__main__ import entries

PAGE: Final = Path(__file__).with_name("reference") / "python.md"
_HEAD: Final = """<!-- Written by docs/api.py from the docstrings of hexz. -->

# The Python API

Every name of `hexz.__all__`, with its signature and its docstring. [Python](../python.md) shows how
they go together.
"""
_MADE_BY_LOADING: Final = {"Network", "Player"}
"""Nobody calls these classes: `load_network` and `load_player` do."""
_WIDTH: Final = 88
_SECTION: Final = re.compile(r"(Args|Attributes|Raises|Returns):\n(.+)", re.DOTALL)
_EMBEDDED: Final = re.compile(r"[\w.]+\([^\n]*\)\n\n")
"""The signature without types with which Cython begins a docstring."""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for name in hexz.__all__:
        found = getattr(hexz, name)
        if isinstance(found, type):
            parts += _of_class(found)
        elif callable(found):
            parts += _of_function(f"## {name}", _declared(found), found)
        else:
            parts.append(f"\n## `{name}`\n\nThe version of hexzctl, a text.\n")
    return "".join(parts)


def _declared(found: Any) -> Any:
    """The definition of a class or function; that of compiled ones is in a .pyi."""
    module = sys.modules[found.__module__]
    source = Path(str(module.__file__)).with_name(module.__name__.rpartition(".")[2])
    stub = source.with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else source.with_suffix(".py")).read_text("utf-8"))
    return next(node for node in tree.body if getattr(node, "name", "") == found.__name__)


def _of_class(found: type) -> Iterator[str]:
    node, name = _declared(found), found.__name__
    bases = ", ".join(map(ast.unparse, node.bases))
    header = f"class {name}({bases})" if bases else f"class {name}"
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    for method in methods:
        if method.name in ("__init__", "__new__") and name not in _MADE_BY_LOADING:
            header = f"class {_signature(method, name).rpartition(' -> ')[0]}"
    text = _docstring(found)
    yield f"\n## {name}\n\n```python\n{header}\n```\n\n{_markdown(text)}"
    yield from _attributes(found, node, dict(entries(text, "Attributes")))
    for method in methods:
        if not (method.name.startswith("_") or _is_property(method)):
            member = getattr(found, method.name)
            yield from _of_function(f"### {name}.{method.name}", method, member)


def _of_function(heading: str, node: ast.FunctionDef, found: Any) -> Iterator[str]:
    yield f"\n{heading}\n\n```python\n{_signature(node, node.name)}\n```\n\n"
    yield _markdown(_docstring(found))


def _is_property(node: ast.FunctionDef) -> bool:
    return "property" in map(ast.unparse, node.decorator_list)


def _signature(node: ast.FunctionDef, name: str) -> str:
    arguments = re.split(r", (?=\*|\w+:)", ast.unparse(node.args).replace("=", " = "))
    given = [text for text in arguments if text not in ("self", "cls", "")]
    answer = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({', '.join(given)}){answer}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in given), f"){answer}"])


def _attributes(found: type, node: ast.ClassDef, notes: dict[str, str]) -> Iterator[str]:
    """A table of what a class has, with notes from its docstring or their own."""
    types = dict.fromkeys(notes, "")
    for part, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(part, ast.AnnAssign):
            name, kind = ast.unparse(part.target), part.annotation
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                notes[name] = inspect.cleandoc(str(after.value.value))
        elif isinstance(part, ast.FunctionDef) and _is_property(part) and part.returns:
            name, kind = part.name, part.returns
            notes.setdefault(name, _docstring(getattr(found, name)).partition("\n\n")[0])
        else:
            continue
        if not name.startswith("_"):
            types[name] = f"`{ast.unparse(kind)}`".replace("|", "\\|")
    if types:
        yield "\n| attribute | type | what it is |\n|---|---|---|\n"
    for name, shown in types.items():
        yield f"| `{name}` | {shown} | {' '.join(notes.get(name, '').split())} |\n"


def _docstring(found: Any) -> str:
    return _EMBEDDED.sub("", inspect.getdoc(found) or "", count=1)


def _markdown(text: str) -> str:
    """A docstring but for its attributes."""
    blocks = []
    for block in re.split(r"\n\n+", text):
        section = _SECTION.fullmatch(block)
        if block.startswith(">>>"):
            blocks.append(f"```python\n{block}\n```")
        elif section is None:
            blocks.append(block)
        elif section[1] == "Returns":
            blocks.append(f"Returns: {' '.join(section[2].split())}")
        elif section[1] != "Attributes":
            items = (f"- `{name}`: {note}" for name, note in entries(f"\n{block}", section[1]))
            blocks.append("\n".join([f"{section[1]}:\n", *items]))
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](../\1)", "\n\n".join(blocks)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
