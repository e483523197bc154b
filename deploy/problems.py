"""Writes docs/problems.md from the lists of problem codes; a test holds the committed page to the code."""

import sys
from pathlib import Path

from services.registry import SPECS
from shared.core.errors import ProblemCode
from shared.core.problem_codes import Common
from shared.http.app import status_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "problems.md"

HEAD = """# Problems

What a service refuses it answers as a problem document (RFC 9457, `application/problem+json`). Its `code` says which
rule refused, and `params` with which values: programs go by these two. `detail` is the text below with the parameters
in it, for people, and may be worded anew. `field` names the field of the request that is at fault; `errors` lists the
faults where there can be several, each with its own `code` and `params`. Codes are never used for another rule.

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


def text() -> str:
    """Return the page."""
    return HEAD + "".join(
        f"\n## Of {name}\n{TABLE}{''.join(map(row, codes))}" for name, codes in lists().items()
    )


def main() -> int:
    """Write the page."""
    PAGE.write_text(text())
    print(f"{sum(map(len, lists().values()))} codes in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
