"""Images and what they hold are signed with the department's key; an altered image is refused."""

import json
import subprocess
from pathlib import Path

import pytest

from deploy.signing import FORMER, LOCAL, cosign, main, sign, verify
from local.stack.process import LocalError
from tests.registry import Image, Registry

pytestmark = pytest.mark.images


@pytest.fixture(scope="module")
def program() -> Path:
    return cosign()


@pytest.fixture
def keys(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the department's key pair."""
    monkeypatch.setenv("COSIGN_PASSWORD", "a password")
    monkeypatch.setenv("HOME", str(tmp_path))  # where cosign stores what it fetches
    subprocess.run([program, "generate-key-pair"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def sbom(tmp_path: Path) -> Path:
    file = tmp_path / "ingest.cdx.json"
    file.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}))
    return file


def pushed(registry: Registry, layer: bytes) -> str:
    return (
        f"{registry.host}/plateward/ingest@{registry.push('plateward/ingest', '1', Image(layer))}"
    )


def test_a_signed_image_is_verified_and_an_altered_one_is_refused(
    program: Path, registry: Registry, keys: Path, sbom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pushed(registry, b"of ingest")
    with pytest.raises(LocalError, match="no signatures found"):
        verify(program, image, keys / "cosign.pub")
    words = ["--key", str(keys / "cosign.key"), "--sbom", str(sbom), image]
    assert main(["sign", *words]) == 0, capsys.readouterr().err
    assert main(["verify", "--key", str(keys / "cosign.pub"), image]) == 0
    altered = pushed(registry, b"of ingest, altered")
    assert altered != image
    assert main(["verify", "--key", str(keys / "cosign.pub"), altered]) == 1
    assert "no signatures found" in capsys.readouterr().err
    tag = f"{registry.host}/plateward/ingest:1"
    with pytest.raises(LocalError, match="no signatures found"):
        verify(program, tag, keys / "cosign.pub")
    verify(program, image, keys / "cosign.pub")


def test_the_signature_of_another_key_is_refused(
    program: Path, registry: Registry, keys: Path, sbom: Path, tmp_path: Path
) -> None:
    image = pushed(registry, b"of another key")
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run([program, "generate-key-pair"], cwd=other, check=True, capture_output=True)
    sign(program, image, other / "cosign.key", sbom)
    verify(program, image, other / "cosign.pub")
    with pytest.raises(LocalError, match="cosign verify of"):
        verify(program, image, keys / "cosign.pub")


def test_a_signed_image_without_a_signed_list_is_refused(
    program: Path, registry: Registry, keys: Path
) -> None:
    image = pushed(registry, b"without a list")
    command = [program, "sign", "--key", keys / "cosign.key", FORMER, *LOCAL, image]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(LocalError, match="verify-attestation"):
        verify(program, image, keys / "cosign.pub")


def test_a_tag_is_not_signed_nor_anything_without_the_password(
    program: Path, registry: Registry, keys: Path, sbom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pushed(registry, b"named by a tag")
    with pytest.raises(LocalError, match="name it as NAME@sha256"):
        sign(program, f"{registry.host}/plateward/ingest:1", keys / "cosign.key", sbom)
    monkeypatch.delenv("COSIGN_PASSWORD")
    with pytest.raises(LocalError, match="COSIGN_PASSWORD is not set"):
        sign(program, image, keys / "cosign.key", sbom)
