"""Which engine runs docker-compose.yml: the machine's if it is new enough, else one of our own."""

import subprocess
from pathlib import Path

import pytest

from deploy.containers import debian, engine, stand_ins
from local.stack.process import LocalError


@pytest.mark.parametrize("version", ["25.0.0", "26.1.5+dfsg1", "100.0"])
def test_an_engine_from_25_on_suffices(version: str) -> None:
    assert engine.suffices(version)


@pytest.mark.parametrize("version", ["24.0.9", "20.10.24+dfsg1", "", "podman"])
def test_an_older_or_unknown_engine_does_not_suffice(version: str) -> None:
    assert not engine.suffices(version)


def docker(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_docker_command_without_an_engine_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker(tmp_path / "bin", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert engine.server_version() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.server_version() is None


def test_an_engine_of_the_machine_is_used_and_one_that_is_too_old_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker(tmp_path / "bin", "echo 28.0.1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(stand_ins, "build", lambda *_: pytest.fail("a stand-in replaces an image"))
    assert engine.run(["/bin/sh", "-c", "exit 7"]) == 7
    docker(tmp_path / "old", "echo 20.10.24")
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    with pytest.raises(LocalError, match=r"25 or later is needed; here is 20\.10\.24"):
        engine.run(["/bin/true"])


def test_without_mmdebstrap_its_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="apt-get install mmdebstrap"):
        debian.archive("trixie", tmp_path)


def test_the_script_that_enters_is_valid_shell() -> None:
    script = Path(engine.__file__).with_name("enter.sh")
    assert subprocess.run(["/bin/sh", "-n", script], check=False).returncode == 0
