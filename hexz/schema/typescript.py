"""Types of messages for the scripts of our pages, as TypeScript declares them."""

import json
from collections.abc import Iterator

from msgspec import inspect

from hexz.schema.message import Message


def structures(kind: type[Message]) -> list[inspect.StructType]:
    """Returns a message and all that it is made of, each once."""
    return _tree(inspect.type_info(kind))


def declarations(kind: type[Message]) -> str:
    """Returns the types of a message and of all that it is made of.

    Whoever writes a message leaves nothing out, so no key is optional.
    """
    return "\n".join(_interface(known) for known in structures(kind))


def _interface(kind: inspect.StructType) -> str:
    lines = [f"  {field.encode_name}: {_name(field.type)};\n" for field in kind.fields]
    return f"export interface {kind.cls.__name__} {{\n{''.join(lines)}}}\n"


def _tree(kind: inspect.Type) -> list[inspect.StructType]:
    """The structures that a type is made of, each once."""
    found = [kind] if isinstance(kind, inspect.StructType) else []
    for part in _parts(kind):
        found += [new for new in _tree(part) if new not in found]
    return found


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.StructType(fields=fields):
            yield from (field.type for field in fields)
        case inspect.UnionType(types=types):
            yield from types
        case inspect.ListType(item_type=item) | inspect.DictType(value_type=item):
            yield item


def _name(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType(cls=cls):
            return cls.__name__
        case inspect.UnionType(types=types):
            return " | ".join(map(_name, types))
        case inspect.LiteralType(values=values):
            return " | ".join(map(json.dumps, values))
        case inspect.ListType(item_type=item):
            return f"Array<{_name(item)}>"
        case inspect.DictType(value_type=value):
            return f"Record<string, {_name(value)} | undefined>"
        case _:
            return _PLAIN[type(kind)]


_PLAIN = {
    inspect.BoolType: "boolean",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.NoneType: "null",
}
