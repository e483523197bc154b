"""Writes docs/problems.md from the lists of problem codes; a test holds the committed page to the code."""

import sys
from pathlib import Path

from services.registry import SPECS
from shared.core.errors import ProblemCode, Worded
from shared.core.problem_codes import Common
from shared.http.app import status_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "problems.md"

HEAD = """# Problems

A service answers a refused request with a problem document (RFC 9457, `application/problem+json`). Its `code` names the
rule that refused, and `params` holds the values: programs use these two. `detail` is the text below with the parameters
filled in, for people; its wording may change. `field` names the field of the request that breaks the rule; `errors`
lists all faults where there can be several, each with its own `code` and `params`. No code is used for another rule.

The parameters `because` and `first` are problems themselves: `{"code": ..., "params": {...}}`.

Written by `make problems` from `problem_codes.py` of `shared/core` and of each service's `domain`.
[ADR-0052](adr/0052-problem-codes.md) says why.
"""
TABLE = "\n| code | status | text | parameters |\n|---|---|---|---|\n"


def lists() -> dict[str, type[ProblemCode]]:
    """Return each list by the name of its service, that of every service first."""
    own = {name: spec.problem_codes for name, spec in sorted(SPECS.items())}
    return {"every service": Common, **{name: codes for name, codes in own.items() if codes}}


def row(problem: ProblemCode) -> str:
    """Return a code as a row of the table."""
    params = ", ".join(f"`{name}`" for name in problem.params)
    text = problem.text.replace("|", "\\|")
    return f"| `{problem.code}` | {status_of(problem.error)} | {text} | {params} |\n"


def values(worded: type[Worded]) -> str:
    """Return the table of a parameter's values."""
    rows = "".join(f"| `{one.value}` | {one} |\n" for one in worded)
    return f"\n{worded.__doc__}\n\n| value | text |\n|---|---|\n{rows}"


def text() -> str:
    """Return the page."""
    codes = "".join(
        f"\n## Of {name}\n{TABLE}{''.join(map(row, found))}" for name, found in lists().items()
    )
    worded = sorted(Worded.__subclasses__(), key=lambda one: one.__name__)
    return f"{HEAD}{codes}\n## Values of parameters\n{''.join(map(values, worded))}"


def main() -> int:
    """Write the page."""
    PAGE.write_text(text())
    print(f"{sum(map(len, lists().values()))} codes in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
