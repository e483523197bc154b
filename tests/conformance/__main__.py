"""Prints the policy, rule by rule, with the tests that prove it; fails if a test fails or a rule has no test."""

import argparse
import contextlib
import io
import sys

import pytest

from tests.conformance.rules import CLAIM, Proofs, files_with, rules


def main() -> int:
    """Run every test that claims a rule, Apache Kafka included, and print the table.

    Returns: 0 when every rule is passed; 1 when a test failed or a rule is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--rule", choices=rules(), metavar="RULE", help="run the tests of this rule alone"
    )
    only = parser.parse_args().rule
    chosen = rules() if only is None else {only: rules()[only]}
    files = ["tests"] if only is None else files_with(f'{CLAIM}{only}"')
    proofs = Proofs(frozenset(chosen))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["-q", *files], plugins=[proofs])
    states = {rule: proofs.state(rule) for rule in chosen}
    for rule, must in chosen.items():
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
