"""kubectl, as the person whose KUBECONFIG is set."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLD = 10
"""How many lines of an error are shown."""


class KubectlFault(Exception):
    """kubectl failed; the message is the end of what it said."""


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl; `log` gets every command and its errors."""

    log: Path

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl and return its output. Raises: KubectlFault."""
        done = subprocess.run(
            ["kubectl", *arguments], input=given, capture_output=True, text=True, check=False
        )
        with self.log.open("a") as log:
            log.write(f"$ kubectl {' '.join(arguments)}\n{done.stderr}")
        if done.returncode != 0:
            end = "\n".join(done.stderr.strip().splitlines()[-TOLD:])
            raise KubectlFault(f"kubectl {' '.join(arguments[:6])}: {end}")
        return done.stdout

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects that `kubectl get` finds."""
        found = json.loads(self("get", *arguments, "--output=json"))
        items = found["items"] if found["kind"] == "List" else [found]
        return list(items)

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Apply objects, strictly."""
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self("apply", "--server-side", "--validate=strict", "--filename=-", given=content)

    def rolled_out(self, what: str, *, namespace: str, within_s: float) -> None:
        """Wait until all pods of a workload are those of its newest version, and ready."""
        timeout = f"--timeout={within_s:.0f}s"
        self("rollout", "status", what, f"--namespace={namespace}", timeout)

    def done(self, job: str, *, namespace: str, within_s: float) -> None:
        """Wait until a Job is complete."""
        where = (f"--namespace={namespace}", f"--timeout={within_s:.0f}s")
        self("wait", "--for=condition=Complete", f"job/{job}", *where)
