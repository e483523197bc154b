"""The list of what an image holds is read from the image, valid, and refused where it is not what is locked."""

import io
import json
import sysconfig
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from deploy.sbom import __main__ as command
from deploy.sbom.content import normal_name, read_content
from deploy.sbom.document import Subject, document, invalid
from deploy.sbom.locked import faults, locked_for
from services.registry import SPECS
from tests.deploy.reading import ROOT

SITE = "venv/lib/python3.11/site-packages"
STATUS = """Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.17-1~deb12u2
Description: words
 and more: words

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian"\n'
PYTHON = '#define PY_MAJOR_VERSION 3\n#define PY_VERSION             "3.11.14"\n'
SUBJECT = Subject("ingest", "0.1.0", "c0ffee", datetime(2026, 11, 28, tzinfo=UTC))


def installed_of(service: str) -> dict[str, bytes]:
    """Return the METADATA of a service's locked distributions, as this environment has installed them."""
    locked = locked_for(service)
    found = {}
    for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info/METADATA"):
        if normal_name(path.parent.name.partition("-")[0]) in locked:
            found[f"{SITE}/{path.parent.name}/METADATA"] = path.read_bytes()
    assert len(found) == len(locked), "this environment lacks some"
    return found


def files_of(service: str) -> dict[str, bytes]:
    """Return the files of a service's image that count."""
    code = ROOT / "services" / service
    ours = {
        f"app/{path.relative_to(ROOT)}": path.read_bytes()
        for path in code.rglob("*")
        if path.suffix in {".py", ".onnx"}
    }
    return {
        "var/lib/dpkg/status": STATUS.encode(),
        "usr/lib/os-release": RELEASE.encode(),
        "usr/local/include/python3.11/patchlevel.h": PYTHON.encode(),
        **installed_of(service),
        **ours,
    }


def exported(files: Mapping[str, bytes]) -> io.BytesIO:
    """Return a file system as `docker export` writes it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def listed(service: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    content = read_content(exported(files))
    text = document(SUBJECT, content, locked_for(service))
    assert invalid(text) is None
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("service", SPECS)
def test_the_list_has_each_distribution_package_and_network_of_an_image(service: str) -> None:
    files, locked = files_of(service), locked_for(service)
    found = listed(service, files)
    components = {one["bom-ref"]: one for one in found["components"]}
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in components.values():
        by_kind.setdefault(
            one["purl"].partition("/")[0] if "purl" in one else one["type"], []
        ).append(one)
    assert {(one["name"], one["version"]) for one in by_kind["pkg:pypi"]} == {
        (name, one.version) for name, one in locked.items()
    }
    for one in by_kind["pkg:pypi"]:
        accepted = [p["value"] for p in one["properties"] if p["name"].endswith("accepted-sha256")]
        assert sorted(accepted) == sorted(locked[one["name"]].hashes)
    [package] = by_kind["pkg:deb"]
    assert package["purl"] == "pkg:deb/debian/libssl3@3.0.17-1~deb12u2?arch=amd64&distro=debian-12"
    [python] = by_kind["pkg:generic"]
    assert python["version"] == "3.11.14"
    networks = {name: content for name, content in files.items() if name.endswith(".onnx")}
    digests = {one["hashes"][0]["content"] for one in by_kind.get("machine-learning-model", ())}
    assert digests == {sha256(content).hexdigest() for content in networks.values()}
    assert bool(networks) == (service == "recognition")
    [parts] = [one["dependsOn"] for one in found["dependencies"] if one["ref"] == "image"]
    assert set(parts) == set(components)


def test_the_list_names_version_commit_and_the_digest_of_our_code() -> None:
    files = files_of("ingest")
    image = listed("ingest", files)["metadata"]["component"]
    assert (image["name"], image["version"]) == ("plateward/ingest", "0.1.0")
    told = {one["name"]: one["value"] for one in image["properties"]}
    assert told["plateward:commit"] == "c0ffee"
    changed = {**files, "app/services/ingest/__init__.py": b"changed"}
    others = listed("ingest", changed)["metadata"]["component"]["properties"]
    digest = {one["name"]: one["value"] for one in others}["plateward:code-sha256"]
    assert digest != told["plateward:code-sha256"]
    compiled = {**files, "app/services/ingest/__pycache__/a.cpython-311.pyc": b"compiled"}
    same = listed("ingest", compiled)["metadata"]["component"]
    assert same["properties"] == image["properties"]


def metadata(name: str, version: str) -> tuple[str, bytes]:
    content = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense: MIT\n\nwords"
    return f"{SITE}/{name}-{version}.dist-info/METADATA", content.encode()


def test_an_image_is_refused_that_holds_what_is_not_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = files_of("ingest")
    path, content = metadata("planted", "1.0")
    [uvicorn] = [name for name in files if name.startswith(f"{SITE}/uvicorn-")]
    other_path, other = metadata("uvicorn", "0.1")
    changed = {**files, path: content, other_path: other}
    del changed[uvicorn]
    tar = tmp_path / "image.tar"
    tar.write_bytes(exported(changed).getvalue())
    words = ["--service", "ingest", "--tar", str(tar), "--output", str(tmp_path)]
    assert command.main(words) == 2
    said = capsys.readouterr().err
    assert "planted 1.0 is installed and not in the requirements" in said
    assert "uvicorn 0.1 is installed, and " in said
    assert not (tmp_path / "ingest.cdx.json").exists()
    tar.write_bytes(exported({**files, "app/services/ingest/__main__.py": b"other"}).getvalue())
    assert command.main(words) == 2
    assert "/app/services/ingest/__main__.py is not the checkout's" in capsys.readouterr().err
    tar.write_bytes(exported(files).getvalue())
    assert command.main(words) == 0
    assert invalid((tmp_path / "ingest.cdx.json").read_text()) is None


def test_what_the_base_image_installs_beside_is_listed_and_not_refused() -> None:
    files = dict([*files_of("ingest").items(), metadata("pip", "24.0")])
    files["usr/local/lib/python3.11/site-packages/wheel-1.dist-info/METADATA"] = metadata(
        "wheel", "1"
    )[1]
    content = read_content(exported(files))
    assert faults(content, locked_for("ingest")) == []
    assert {"pip", "wheel"} <= {one.name for one in content.distributions}


def test_a_file_system_without_distributions_is_no_image_of_a_service() -> None:
    content = read_content(exported({"etc/os-release": RELEASE.encode()}))
    [fault] = faults(content, locked_for("ingest"))
    assert "no image of a service" in fault


@pytest.mark.parametrize(
    ("name", "words"),
    [("--tar", ["--tar", "a"]), ("cannot open", ["--service", "ingest", "--engine", "false"])],
)
def test_a_wrong_call_is_refused(
    name: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--output", str(tmp_path)]) == 2
    assert name in capsys.readouterr().err


def test_an_engine_exports_the_image_and_its_container_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "image.tar").write_bytes(exported(files_of("ingest")).getvalue())
    engine = tmp_path / "engine"
    engine.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f"case $1 in create) echo abc ;; export) cat {tmp_path}/image.tar ;; esac\n"
    )
    engine.chmod(0o755)
    words = ["--service", "ingest", "--tag", "7", "--engine", str(engine)]
    assert command.main([*words, "--output", str(tmp_path)]) == 0, capsys.readouterr().err
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["create plateward/ingest:7", "export abc", "rm abc"]


def test_the_schema_refuses_a_document_with_an_unknown_field() -> None:
    found = listed("ingest", files_of("ingest"))
    assert invalid(json.dumps({**found, "unknown": 1})) is not None
