"""`python -m deploy.lint`: check manifests and Dockerfiles; exit status 1 for a finding without an exception."""

import argparse
import sys
from collections.abc import Sequence

from deploy.lint.exceptions import left, read_waivers
from deploy.lint.linters import findings
from deploy.lint.programs import lacking, programs
from local.stack.process import LocalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the linters."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lint", description=__doc__)
    parser.add_argument(
        "--where-possible",
        action="store_true",
        help="where the linters cannot be built, say so and succeed",
    )
    possible = parser.parse_args(arguments).where_possible
    why = lacking()
    if why is not None and possible:
        print(f"deployment files not checked: {why}, and kubeconform and kube-score are in Go")
        return 0
    try:
        lines = left(findings(programs()), read_waivers())
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 2
    if lines:
        print("\n".join(lines), file=sys.stderr)
        print(f"{len(lines)} findings", file=sys.stderr)
        return 1
    print("deployment files: kubeconform, kube-score and hadolint find nothing without a reason")
    return 0


if __name__ == "__main__":
    sys.exit(main())
