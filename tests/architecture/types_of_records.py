"""Which types hold records: classes by their fields, and annotations by the names in them.

A type is closed, and so judged to hold records, unless it is known to hold none: text may hold a plate.
"""

import ast
from collections.abc import Callable, Iterable

OPEN = frozenset({
    "None", "bool", "int", "float", "Decimal", "datetime", "date", "time", "timedelta", "UUID", "Hash",
    "tuple", "list", "dict", "set", "frozenset", "deque", "defaultdict", "Counter", "Sequence", "Mapping",
    "MutableMapping", "Collection", "Set", "Iterable", "Iterator", "Generator", "AsyncIterable", "AsyncIterator",
    "AsyncGenerator", "AsyncContextManager", "Awaitable", "Coroutine", "Optional", "Union", "Annotated", "Literal",
})  # fmt: skip
"""Types that hold no text, and containers that hold what is named beside them. A `Hash` is a digest of an entry."""

PLATES = frozenset({"PlateText", "PlatePattern"})
PERSONAL = frozenset({"account_id", "person_id", "username"})
"""Fields that say who a person is."""

CONTAINERS = frozenset({"tuple", "list", "dict", "set", "frozenset", "Sequence", "Mapping"})


def names_in(node: ast.AST | None) -> set[str]:
    """Names in an annotation, those in quotes too; of a dotted name, each part."""
    if node is None:
        return set()
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                found |= names_in(ast.parse(part.value, mode="eval"))
            except SyntaxError:
                continue
    return found


def types_in(node: ast.expr | None) -> set[str]:
    """Names of the types in an annotation, of a dotted one its last part; a bare container says `Any`."""
    match node:
        case None | ast.Constant(value=None):
            return {"None"}
        case ast.Constant(value=str(text)):
            try:
                return types_in(ast.parse(text, mode="eval").body)
            except SyntaxError:
                return {text}
        case ast.Constant(value=value):
            return set() if value is Ellipsis else {type(value).__name__}
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name, "Any"} if name in CONTAINERS else {name}
        case ast.Subscript(value=outer, slice=inner):
            held = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if types_in(outer) == {"Literal"}:
                return {"Literal"}
            if types_in(outer) == {"Annotated"}:
                held = held[:1]
            return (types_in(outer) - {"Any"}).union(*map(types_in, held))
        case ast.BinOp(left=left, right=right):
            return types_in(left) | types_in(right)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return set().union(*map(types_in, elements))
    return {ast.unparse(node)}


def record_types(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Classes that hold a plate or a capture, by the name or type of a field, or anything at all (`Any`).

    So does a class with a field that is such a class, and one that inherits from it.
    """
    return _types_with(
        trees,
        lambda name, types: (
            "plate" in name or name.startswith("captured") or bool(types & (PLATES | {"Any"}))
        ),
    )


def personal_types(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Classes that hold who a person is, by the name of a field; found as `record_types` are."""
    return _types_with(trees, lambda name, _: name in PERSONAL)


def known_types(trees: Iterable[ast.Module]) -> frozenset[str]:
    """All classes that the source defines: those that are not `record_types` hold no record."""
    return frozenset(
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    )


def aliases(trees: Iterable[ast.Module]) -> dict[str, set[str]]:
    """Names of types, with the types that they name: `Row = Mapping[str, Any]`, `Ori = NewType("Ori", str)`."""
    found: dict[str, set[str]] = {}
    for tree in trees:
        for node in tree.body:
            named = _alias(node)
            if named is not None:
                found.setdefault(named[0], set()).update(types_in(named[1]))
    return found


def _alias(node: ast.stmt) -> tuple[str, ast.expr] | None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=f, args=[_, of])):
            return (name, of) if ast.unparse(f).endswith("NewType") else None
        case ast.Assign(
            targets=[ast.Name(id=name)], value=ast.Subscript() | ast.Name() | ast.BinOp() as value
        ):
            return name, value
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
        ):
            return name, value
    return None


def _types_with(
    trees: Iterable[ast.Module], holds: Callable[[str, set[str]], bool]
) -> frozenset[str]:
    """Classes with a field for which `holds` is true, and those that have or inherit from such a class."""
    fields: dict[str, list[tuple[str, set[str]]]] = {}
    bases: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            annotated = [s for s in node.body if isinstance(s, ast.AnnAssign)]
            fields.setdefault(node.name, []).extend(
                (s.target.id, names_in(s.annotation))
                for s in annotated
                if isinstance(s.target, ast.Name)
            )
            bases.setdefault(node.name, set()).update(*(names_in(base) for base in node.bases))
    found: set[str] = set()
    while True:
        more = {
            name
            for name, annotated in fields.items()
            if name not in found
            and (
                bases[name] & found
                or any(types & found or holds(field, types) for field, types in annotated)
            )
        }
        if not more:
            return frozenset(found)
        found |= more
