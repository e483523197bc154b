"""Changes functions of an imported module in place: every reference to them runs the changed code from then on.

Only the bodies of functions are changed so. The results of imports, such as constants, classes
and decorators, would stay as before: for those, `replace` gives the reason of its refusal.
"""

import gc
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType

_OF_A_CALL = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_freevars",
    "co_name",
    "co_qualname",
)


class NotInPlace(Exception):
    """The change needs a new import of the module; the text gives the reason."""


def replace(filename: str, before: str, after: str, ran: Collection[int]) -> int:
    """Give the functions of `filename` that differ between the texts the code of `after`.

    Args:
        ran: the lines that imports have run, which cannot run again.
    Returns: how many functions were changed.
    Raises: NotInPlace before any change.
    """
    found = _Differences()
    found.outside(compile(before, filename, "exec"), compile(after, filename, "exec"))
    for code in found.changed:
        lines = {line for _, _, line in code.co_lines() if line}
        # The first line of several is that of the definition, which imports run too.
        if not (lines - {code.co_firstlineno} or lines).isdisjoint(ran):
            raise NotInPlace(f"imports run {code.co_qualname}")
    alive: dict[tuple[str, int], list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == filename:
            alive.setdefault(_key(one.__code__), []).append(one)
    if gone := [code.co_qualname for code in found.gone if _key(code) in alive]:
        raise NotInPlace(f"{gone[0]} has been made and is not in the changed module")
    for code in found.outermost:
        if _key(code) not in alive:
            raise NotInPlace(f"no function {code.co_qualname} is there")
    count = 0
    for old, new in found.pairs:
        for function in alive.get(_key(old), ()):
            function.__code__ = new
            count += 1
    return count


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


@dataclass
class _Differences:
    pairs: list[tuple[CodeType, CodeType]] = field(default_factory=list)
    """Functions that get other code: they differ, or a function within them does."""
    changed: list[CodeType] = field(default_factory=list)
    """Those that differ themselves."""
    outermost: list[CodeType] = field(default_factory=list)
    """The pairs that no other function contains."""
    gone: list[CodeType] = field(default_factory=list)
    """Functions within changed ones, that have no counterpart there."""

    def outside(self, old: CodeType, new: CodeType) -> None:
        """Compare the statements that an import runs: they must be the same."""
        if _own(old) != _own(new):
            raise NotInPlace(f"{old.co_qualname} is not in a function")
        for one, other in zip(_within(old), _within(new), strict=True):
            if (
                one.co_name.startswith("<") or not one.co_flags & 1
            ):  # 1: it is no class (CO_OPTIMIZED)
                self.outside(one, other)
            elif self._function(one, other):
                self.outermost.append(one)

    def _function(self, old: CodeType, new: CodeType) -> bool:
        differs = _own(old) != _own(new)
        if differs:
            self.changed.append(old)
        within, within_new = _within(old), _within(new)
        if [one.co_name for one in within] == [one.co_name for one in within_new]:
            for one, other in zip(within, within_new, strict=True):
                differs = self._function(one, other) or differs
        else:
            self.gone += [code for one in within for code in _all(one)]
        if differs:
            if any(getattr(old, name) != getattr(new, name) for name in _OF_A_CALL):
                raise NotInPlace(f"{old.co_qualname} is called otherwise")
            self.pairs.append((old, new))
        return differs


def _own(code: CodeType) -> tuple[object, ...]:
    """Return the behaviour of a code object, without its inner functions and its position."""
    consts = [
        const.co_name if isinstance(const, CodeType) else (type(const), repr(const))
        for const in code.co_consts
    ]
    return (
        code.co_code,
        consts,
        code.co_names,
        code.co_varnames,
        code.co_cellvars,
        code.co_exceptiontable,
        *(getattr(code, name) for name in _OF_A_CALL),
    )


def _within(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _all(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in _within(code):
        yield from _all(one)
