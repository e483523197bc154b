"""The alerting rules as a PrometheusRule of the Prometheus operator. They are written once, in rules.yaml."""

from pathlib import Path
from textwrap import indent

RULES = Path(__file__).parent / "rules.yaml"
FILE = Path(__file__).parents[1] / "k8s" / "monitoring" / "rules.yaml"

_HEAD = """\
# Written by `make dashboards` from deploy/observability/rules.yaml: do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: plateward
spec:
"""


def files() -> dict[Path, str]:
    """Return the resource by its path."""
    rules = RULES.read_text()
    return {FILE: _HEAD + indent(rules[rules.index("groups:") :], "  ")}
