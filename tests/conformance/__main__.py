"""Prints the policy, rule by rule, with the tests that prove it; fails if one fails."""

import contextlib
import io
import sys

import pytest

from tests.conformance.rules import Proofs, rules


def main() -> int:
    """Run the tests that claim a rule and print the table; 1 if a rule's test failed."""
    proofs = Proofs()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["-q", "-m", "not apache", "tests"], plugins=[proofs])
    states = {rule: proofs.state(rule) for rule in rules()}
    for rule, must in rules().items():
        print(f"{rule:30} {states[rule]:8} {must}")
        for test in sorted(proofs.outcomes.get(rule, {})):
            print(f"{'':30} {'':8}   {test}")
    counts = {s: list(states.values()).count(s) for s in ("passed", "FAILED", "missing")}
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    if counts["FAILED"] or code not in (0, 5):
        print(output.getvalue()[-4000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
