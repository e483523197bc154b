"""What a function can reach: its statements without dead code, and which of its calls it awaits."""

import ast
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef

ENDS = ast.Return | ast.Raise | ast.Continue | ast.Break


def constant(node: ast.expr) -> bool | None:
    """The truth of an expression that the source decides; None where it does not."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            truth = constant(inner)
            return None if truth is None else not truth
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return False
        case ast.BoolOp(op=op, values=values):
            truths = [constant(value) for value in values]
            decisive = isinstance(op, ast.Or)
            if decisive in truths:
                return decisive
            return None if None in truths else not decisive
    return None


def alive(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block up to its end, those inside others too, none of a branch that never runs.

    What an `except` does is left out: it runs where the query failed. So is what only defines a function.
    """
    for node in body:
        yield node
        match node:
            case (
                ast.If(test=test, body=then, orelse=other)
                | ast.While(test=test, body=then, orelse=other)
            ):
                truth = constant(test)
                yield from alive(then) if truth is not False else ()
                yield from alive(other) if truth is not True else ()
            case ast.For() | ast.AsyncFor():
                yield from alive([*node.body, *node.orelse])
            case ast.With() | ast.AsyncWith():
                yield from alive(node.body)
            case ast.Try():
                yield from alive([*node.body, *node.orelse])
                yield from alive(node.finalbody)
            case ast.Match():
                for case in node.cases:
                    yield from alive(case.body)
        if ends(node):
            return


def ends(node: ast.stmt) -> bool:
    """Whether no statement after this one runs."""
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.If(test=test, body=then, orelse=other):
            truth = constant(test)
            through_then = truth is not False and not any(map(ends, then))
            through_other = truth is not True and not any(map(ends, other))
            return not (through_then or through_other)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return any(map(ends, body))
    return False


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a statement evaluates itself, without its blocks, lambdas, inner functions and branches never run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.Lambda | ast.match_case):
            continue
        match child:
            case ast.IfExp(test=test, body=then, orelse=other):
                truth = constant(test)
                some = [test, *([then] if truth is not False else [])]
                some += [other] if truth is not True else []
                child = ast.Tuple(elts=some, ctx=ast.Load())
            case ast.BoolOp(op=op, values=values):
                some = []
                for value in values:
                    some.append(value)
                    if constant(value) is isinstance(op, ast.Or):
                        break
                child = ast.Tuple(elts=some, ctx=ast.Load())
        yield child
        yield from expressions(child)


def calls(function: Function) -> Iterator[tuple[ast.Call, bool]]:
    """Yield the calls that a function reaches, and whether it awaits each: by `await`, `async for` or `async with`.

    A function inside counts where it is called, not where it is defined.
    """
    inner = {node.name: node for node in ast.walk(function) if isinstance(node, Function)}
    pending, entered = [function], {function.name}
    while pending:
        for statement in alive(pending.pop().body):
            if isinstance(statement, Function | ast.ClassDef):
                continue
            parts = [statement, *expressions(statement)]
            awaited = {id(one) for part in parts for one in _awaited(part)}
            for node in parts:
                if isinstance(node, ast.Call):
                    yield node, id(node) in awaited
                    name = node.func.id if isinstance(node.func, ast.Name) else ""
                    if name in inner and name not in entered and id(node) in awaited:
                        entered.add(name)
                        pending.append(inner[name])


def _awaited(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Await(value=value) | ast.AsyncFor(iter=value):
            return [value]
        case ast.AsyncWith(items=items):
            return [item.context_expr for item in items]
        case ast.comprehension(iter=value, is_async=1):
            return [value]
    return []
