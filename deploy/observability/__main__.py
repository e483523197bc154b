"""Writes the dashboards of Grafana, and the rules as a resource of Kubernetes; a test compares the files with it."""

import sys

from deploy.observability import dashboards, kubernetes


def main() -> int:
    """Write the files."""
    for path, text in {**dashboards.files(), **kubernetes.files()}.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
