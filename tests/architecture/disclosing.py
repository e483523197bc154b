"""Which store methods give out records, and whether each of them awaits `disclose`, itself or by what it awaits.

Read from the source as it is parsed: what a method calls, not which words stand beside it.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.architecture.reaching import Function, alive, calls, expressions
from tests.architecture.types_of_records import OPEN, PLATES, aliases, names_in, types_in

FROM = "shared.access.disclosing"
DISCLOSES = "disclose"
MAKES = "disclosures"
"""Makes the events of a disclosure, which `emit` then writes."""

CONNECTIONS = frozenset({"AsyncConnection", "Connection"})
ASYNC = frozenset({"AsyncIterator", "AsyncIterable", "AsyncGenerator", "Awaitable", "Coroutine"})
FILLS = frozenset({
    "add", "append", "appendleft", "extend", "insert", "put", "put_nowait", "send", "setdefault", "update", "write",
    "writelines",
})  # fmt: skip
"""Methods by which a function gives out a record through one of its arguments."""

SINKS = frozenset({"Callable", "Queue", "IO", "TextIO", "BinaryIO", "StringIO", "BytesIO"})
"""Types of arguments that a function gives records to."""


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

    @property
    def is_public(self) -> bool:
        return not self.name.startswith("_") and not self.owner.startswith("_")

    @property
    def arguments(self) -> list[ast.arg]:
        of = self.node.args
        found = [*of.posonlyargs, *of.args, of.vararg, *of.kwonlyargs, of.kwarg]
        static = any(ast.unparse(one) == "staticmethod" for one in self.node.decorator_list)
        return [one for one in found if one is not None][bool(self.owner) and not static :]


class Stores:
    """The store modules of one service."""

    def __init__(
        self, trees: Mapping[str, ast.Module], records: frozenset[str], known: frozenset[str]
    ) -> None:
        """`trees` by dotted name; `records` are types that hold a plate or a person, `known` all types of ours."""
        self._open = OPEN | (known - records)
        self._records = records
        self._aliases = aliases(trees.values())
        self._methods = {
            (method.module, method.owner, method.name): method
            for module, tree in trees.items()
            for method in _functions(module, tree)
        }
        self._imports = {module: dict(_imported(tree)) for module, tree in trees.items()}
        self._querying = {
            (method.module, method.owner)
            for method in self._methods.values()
            if method.owner and self._is_of_a_store(method)
        }

    def public(self) -> Iterator[Method]:
        """Yield the public methods that can query: of a class over a connection, and each that is async."""
        for method in self._methods.values():
            by_itself = _is_async(method)
            if method.is_public and (by_itself or (method.module, method.owner) in self._querying):
                yield method

    def unannotated(self) -> Iterator[Method]:
        """Yield the public methods of which the source does not say what they take or return."""
        for method in self.public():
            if method.node.returns is None or any(a.annotation is None for a in method.arguments):
                yield method

    def giving_out(self) -> Iterator[Method]:
        """Yield the public methods that give out records: by what they return, or through an argument."""
        for method in self.public():
            named = types_in(method.node.returns)
            if "Self" in named:
                named = named - {"Self"} | {method.owner}
            returned = self._resolved(named)
            if method.node.returns is None or returned - self._open or self._fills(method):
                yield method

    def made_with(self, method: Method) -> list[Function]:
        """Return what makes the class of a method, if it has a class that is made with anything."""
        made = self._methods.get((method.module, method.owner, "__init__"))
        return [made.node] if made is not None else []

    def needs_grant(self, method: Method) -> bool:
        """Whether a method, or what makes its object, has a grant among its arguments."""
        made = [argument for one in self.made_with(method) for argument in one.args.args]
        return any("Grant" in names_in(one.annotation) for one in (*method.arguments, *made))

    def discloses(self, method: Method, seen: frozenset[Method] = frozenset()) -> bool:
        """Whether a method awaits `disclose`, itself or by a method of the stores that it awaits.

        Or it emits the events that `disclosures` makes.
        """
        if method in seen:
            return False
        reached = list(calls(method.node))
        makes = any(self._is(MAKES, method, call) for call, _ in reached)
        for call, awaited in reached:
            if not awaited and not _hands_on(method, call):
                continue
            if self._is(DISCLOSES, method, call):
                return True
            if makes and ast.unparse(call.func).split(".")[-1] == "emit":
                return True
            called = self._called(method, call)
            if called is not None and self.discloses(called, seen | {method}):
                return True
        return False

    def _is_of_a_store(self, method: Method) -> bool:
        made = method.name == "__init__" and any(
            names_in(argument.annotation) & CONNECTIONS for argument in method.arguments
        )
        return made or _is_async(method)

    def _resolved(self, types: set[str]) -> set[str]:
        """Types with what aliases stand for in place of the aliases."""
        found, pending = set(), list(types)
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found.add(name)
            if name not in OPEN | PLATES:
                pending += self._aliases.get(name, ())
        return {name for name in found if name not in self._aliases or name in self._records}

    def _fills(self, method: Method) -> bool:
        """Whether a method puts values into an argument that may hold records, or receives a function for them."""
        if any(names_in(argument.annotation) & SINKS for argument in method.arguments):
            return True
        names = {
            argument.arg
            for argument in method.arguments
            if argument.annotation is None
            or self._resolved(types_in(argument.annotation)) - self._open
        }
        for statement in alive(method.node.body):
            for node in (statement, *expressions(statement)):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                        if name in names and attr in FILLS:
                            return True
                    case ast.Assign(targets=targets):
                        if any(_is_part_of(target, names) for target in targets):
                            return True
                    case ast.AugAssign(target=target):
                        plain = isinstance(target, ast.Name) and target.id in names
                        if plain or _is_part_of(target, names):
                            return True
        return False

    def _is(self, name: str, method: Method, call: ast.Call) -> bool:
        """Whether a call is one of `shared.access.disclosing.<name>`, with a grant and with records."""
        if not isinstance(call.func, ast.Name):
            return False
        origin = self._imports[method.module].get(call.func.id)
        return origin == (FROM, name) and not _is_empty(method.node, call)

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


def _is_async(method: Method) -> bool:
    returned = names_in(method.node.returns)
    return isinstance(method.node, ast.AsyncFunctionDef) or bool(returned & ASYNC)


def _hands_on(method: Method, call: ast.Call) -> bool:
    """Whether a method that is not async returns what a call gives, for its caller to await."""
    return not isinstance(method.node, ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Return) and node.value is call for node in alive(method.node.body)
    )


def _is_part_of(target: ast.expr, names: set[str]) -> bool:
    """Whether an assignment goes into a named object: `found[key]`, `found.rows`."""
    return (
        isinstance(target, ast.Subscript | ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id in names
    )


def _is_empty(function: Function, call: ast.Call) -> bool:
    """Whether a disclosure is one without a grant or of no records, by a literal or a variable that holds only one."""
    words = {word.arg: word.value for word in call.keywords}
    given = [*call.args, *(words[name] for name in ("grant", "records") if name in words)]
    if any(isinstance(one, ast.Constant) and one.value is None for one in given):
        return True
    records = words.get("records", call.args[-1] if call.args else None)
    if not isinstance(records, ast.Name):
        return records is None or _holds_nothing(records)
    nodes = list(ast.walk(function))
    values = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == records.id for one in node.targets)
    ]
    changed = any(
        (isinstance(node, ast.Attribute) and ast.unparse(node.value) == records.id)
        or (isinstance(node, ast.AugAssign) and ast.unparse(node.target) == records.id)
        for node in nodes
    )
    return bool(values) and all(map(_holds_nothing, values)) and not changed


def _holds_nothing(node: ast.expr) -> bool:
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant():
            return True
        case ast.Call(args=[], keywords=[], func=ast.Name(id="list" | "tuple" | "set" | "dict")):
            return True
    return False


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
