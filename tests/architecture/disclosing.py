"""Which store methods give out records, and whether each of them calls `disclose`, itself or by what it calls.

Read from the source as it is parsed: what a method calls, not which words stand beside it.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

DISCLOSERS = frozenset({"disclose", "disclosures"})
FROM = "shared.access.disclosing"
UNNAMED = frozenset({"Row", "RowMapping", "MappingResult", "Any", "bytes"})
"""Types that do not say what they hold: from a store, they hold rows, or plates that are packed."""

PLATES = frozenset({"PlateText", "PlatePattern"})
PERSONAL = frozenset({"account_id", "person_id", "username"})
"""Fields that say who a person is."""

STREAMS = frozenset({"AsyncIterator", "AsyncGenerator", "AsyncIterable"})
"""Of text, they hold lines of records."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Method:
    """A function of a store module; `owner` is its class, "" for a function of the module."""

    module: str
    owner: str
    name: str
    node: Function = field(compare=False, repr=False)

    def __str__(self) -> str:
        of = f"{self.owner}.{self.name}" if self.owner else self.name
        return f"{self.module}:{of}"


def names_in(node: ast.AST | None) -> set[str]:
    """Names in an annotation, those in quotes too."""
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


class Stores:
    """The store modules of one service."""

    def __init__(self, trees: Mapping[str, ast.Module], records: frozenset[str]) -> None:
        """`trees` by dotted name; `records` are types that hold a plate."""
        self._trees = trees
        self._records = records
        self._methods = {
            (method.module, method.owner, method.name): method
            for module, tree in trees.items()
            for method in _functions(module, tree)
        }
        self._imports = {module: dict(_imported(tree)) for module, tree in trees.items()}
        self._aliases = {
            module: _aliases(tree, records | UNNAMED) for module, tree in trees.items()
        }

    def giving_out(self) -> Iterator[Method]:
        """Public methods that query and whose return type holds records. A method that is not async cannot query."""
        for method in self._methods.values():
            if not isinstance(method.node, ast.AsyncFunctionDef):
                continue
            private = method.name.startswith("_") or method.owner.startswith("_")
            if not private and self._holds_records(self._returned(method)):
                yield method

    def _holds_records(self, types: set[str]) -> bool:
        lines = "str" in types and bool(types & STREAMS)
        return lines or bool(types & (self._records | UNNAMED | PLATES))

    def made_with(self, method: Method) -> list[Function]:
        """Return what makes the class of a method, if it has a class that is made with anything."""
        made = self._methods.get((method.module, method.owner, "__init__"))
        return [made.node] if made is not None else []

    def _returned(self, method: Method) -> set[str]:
        names = names_in(method.node.returns)
        for module in self._trees:  # an alias may be another module's
            names |= {target for alias, target in self._aliases[module].items() if alias in names}
        return names

    def discloses(self, method: Method, seen: frozenset[Method] = frozenset()) -> bool:
        """Whether a method calls `disclose`, itself or by a method of the stores that it calls."""
        if method in seen:
            return False
        for call in _calls(method.node):
            if self._is_disclose(method.module, call):
                return True
            called = self._called(method, call)
            if called is not None and self.discloses(called, seen | {method}):
                return True
        return False

    def _is_disclose(self, module: str, call: ast.Call) -> bool:
        if not isinstance(call.func, ast.Name):
            return False
        origin = self._imports[module].get(call.func.id)
        return origin is not None and origin[0] == FROM and origin[1] in DISCLOSERS

    def _called(self, method: Method, call: ast.Call) -> Method | None:
        """Return the method of these stores that a call names, as far as the source shows it."""
        function = call.func
        if isinstance(function, ast.Name):
            return self._function(method.module, function.id)
        if not isinstance(function, ast.Attribute):
            return None
        of = function.value
        if isinstance(of, ast.Name) and of.id in ("self", "cls"):
            return self._methods.get((method.module, method.owner, function.attr))
        if isinstance(of, ast.Call) and isinstance(of.func, ast.Name):
            module, owner = self._imports[method.module].get(
                of.func.id, (method.module, of.func.id)
            )
            return self._methods.get((module, owner, function.attr))
        return None

    def _function(self, module: str, name: str) -> Method | None:
        origin, original = self._imports[module].get(name, (module, name))
        return self._methods.get((origin, "", original))


def _functions(module: str, tree: ast.Module) -> Iterator[Method]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function):
                    yield Method(module, node.name, inner.name, inner)
        elif isinstance(node, Function):
            yield Method(module, "", node.name, node)


def _imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def _aliases(tree: ast.Module, types: frozenset[str]) -> dict[str, str]:
    """Names that a module gives to types: `Row = Mapping[str, Any]`."""
    found = {}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Subscript | ast.Name | ast.BinOp)
            and (held := names_in(node.value) & types)
        ):
            found[node.targets[0].id] = min(held)
    return found


def _calls(function: Function) -> Iterator[ast.Call]:
    """Calls that a function makes. One inside a function that it only defines is no call of its own."""
    inner = {node.name: node for node in ast.walk(function) if isinstance(node, Function)}
    pending: list[ast.AST] = list(function.body)
    entered: set[str] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in inner and name not in entered:
                entered.add(name)
                pending += inner[name].body
        pending += ast.iter_child_nodes(node)
