"""Finds the place of a change in a module: the lines that a test must run to notice it.

A test that runs no line of a changed statement behaves as before. That holds within the body of a
function; a change to a signature, a decorator, a class or the module itself is noticed without.
"""

import ast
from collections.abc import Iterator, Sequence
from types import CodeType

Function = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = ("body", "orelse", "finalbody")


def changed_lines(before: str, after: str) -> frozenset[int]:
    """Return lines of `before`; a test that can detect the change to `after` runs at least one of them.

    Empty where the change is not in the bodies of functions alone.
    """
    try:
        found = list(_outside(ast.parse(before).body, ast.parse(after).body))
    except _Outside:
        return frozenset()
    runs = _runs(compile(before, "before", "exec"))
    lines: set[int] = set()
    for old, new in found:
        try:
            its = _Inside(runs).block(old.body, new.body, _head_lines(old))
        except _Unseen:
            its = set()
        if not its or _shape(old) != _shape(new):
            its = set(range(old.body[0].lineno, (old.end_lineno or old.lineno) + 1))
        lines |= its
    return frozenset(lines)


class _Outside(Exception):
    """The change is not in the bodies of functions alone."""


class _Unseen(Exception):
    """No line shows whether a statement ran: it has no instructions."""


def _outside(
    old: Sequence[ast.stmt], new: Sequence[ast.stmt]
) -> Iterator[tuple[Function, Function]]:
    """Yield the functions whose bodies differ. Raises: _Outside if anything else does."""
    if len(old) != len(new):
        raise _Outside
    for one, other in zip(old, new, strict=True):
        if _same(one, other):
            continue
        if _head(one) != _head(other):
            raise _Outside
        if isinstance(one, Function):
            assert isinstance(other, Function)
            yield one, other
        elif not (blocks := list(_blocks(one, other))):
            raise _Outside
        else:
            for block, changed in blocks:
                yield from _outside(block, changed)


class _Inside:
    """Finds the changed statements of a function's body."""

    def __init__(self, runs: set[int]) -> None:
        self.runs = runs

    def block(self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], head: set[int]) -> set[int]:
        """Return the lines of the statements that differ; `head` are those that lead into the block."""
        first, end, end_new = 0, len(old), len(new)
        while first < min(end, end_new) and _same(old[first], new[first]):
            first += 1
        while min(end, end_new) > first and _same(old[end - 1], new[end_new - 1]):
            end, end_new = end - 1, end_new - 1
        if first == end:  # inserted: a run that reaches it ran the line before it, or the one after
            around = [_lines(one) for one in old[max(first - 1, 0) : first + 1]]
            return self._seen(set().union(*around, head if first == 0 else ()))
        if end - first != end_new - first:  # a run that reaches any of them has run the first
            return self._seen(_lines(old[first]))
        pairs = zip(old[first:end], new[first:end_new], strict=True)
        return set().union(*(self._statement(a, b) for a, b in pairs if not _same(a, b)))

    def _statement(self, old: ast.stmt, new: ast.stmt) -> set[int]:
        if _head(old) == _head(new) and (blocks := list(_blocks(old, new))):
            return set().union(*(self.block(a, b, _head_lines(old)) for a, b in blocks))
        if isinstance(old, ast.Try | ast.TryStar | ast.Match):
            return self._seen(_lines(old))
        return self._seen(_head_lines(old))

    def _seen(self, lines: set[int]) -> set[int]:
        if not lines & self.runs:
            raise _Unseen
        return lines


def _blocks(old: ast.stmt, new: ast.stmt) -> Iterator[tuple[list[ast.stmt], list[ast.stmt]]]:
    """Yield the blocks of a compound statement that differ, each with its new text."""
    pairs = [(getattr(old, name, []), getattr(new, name, [])) for name in _BLOCKS]
    for part in ("handlers", "cases"):
        both = zip(getattr(old, part, []), getattr(new, part, []), strict=True)
        pairs += [(one.body, other.body) for one, other in both]
    for one, other in pairs:
        if list(map(ast.dump, one)) != list(map(ast.dump, other)):
            yield one, other


def _head(node: ast.stmt) -> list[str]:
    """Return a statement without its blocks, as text to compare, and whether it has each block."""
    parts = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if name in _BLOCKS:
            parts.append(f"{name} {bool(value)}")
        elif name == "handlers":
            parts += [f"except {one.type and ast.dump(one.type)} {one.name}" for one in value]
        elif name == "cases":
            parts += [
                f"{ast.dump(one.pattern)} {one.guard and ast.dump(one.guard)}" for one in value
            ]
        else:
            values = value if isinstance(value, list) else [value]
            parts += [f"{name} {ast.dump(v) if isinstance(v, ast.AST) else v!r}" for v in values]
    return parts


def _same(one: ast.AST, other: ast.AST) -> bool:
    return ast.dump(one) == ast.dump(other)


def _lines(node: ast.stmt) -> set[int]:
    return set(range(_first(node), (node.end_lineno or node.lineno) + 1))


def _head_lines(node: ast.stmt) -> set[int]:
    """Return the lines of a statement above its first block: all of them if it has none."""
    body = getattr(node, "body", None)
    return (
        set(range(_first(node), max(_first(body[0]), _first(node) + 1))) if body else _lines(node)
    )


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])


def _runs(code: CodeType) -> set[int]:
    """Return the lines that hold instructions."""
    lines = {line for _, _, line in code.co_lines() if line}
    return lines.union(*(_runs(const) for const in code.co_consts if isinstance(const, CodeType)))


def _shape(function: Function) -> list[object]:
    """Return a function's own names and its kind: every statement of it may change these."""
    module = compile(ast.Module([function], []), "function", "exec")
    return [_names(const) for const in module.co_consts if isinstance(const, CodeType)]


def _names(code: CodeType) -> list[object]:
    return [
        set(code.co_varnames),
        set(code.co_cellvars),
        set(code.co_freevars),
        code.co_flags,
        *(_names(const) for const in code.co_consts if isinstance(const, CodeType)),
    ]
