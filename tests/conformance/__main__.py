"""Prints the policy, rule by rule, with the tests that prove it; fails if one fails or a rule has none."""

import contextlib
import io
import sys

import pytest

from tests.conformance.rules import Proofs, rules


def main() -> int:
    """Run every test that claims a rule, Apache Kafka included, and print the table.

    Returns: 0 when every rule is passed; 1 when a test failed or a rule is missing.
    """
    proofs = Proofs()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["-q", "tests"], plugins=[proofs])
    states = {rule: proofs.state(rule) for rule in rules()}
    for rule, must in rules().items():
        print(f"{rule:30} {states[rule]:8} {must}")
        for test in sorted(proofs.outcomes.get(rule, {})):
            print(f"{'':30} {'':8}   {test}")
    counts = {s: list(states.values()).count(s) for s in ("passed", "FAILED", "missing")}
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    if code or counts["FAILED"] or counts["missing"]:
        print(output.getvalue()[-4000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
