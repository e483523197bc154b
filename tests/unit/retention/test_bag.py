"""A package's layout is BagIt's (RFC 8493), and signs alike for alike content."""

import hashlib
import zipfile
from datetime import UTC, datetime

from services.retention.actions.images import sniffed
from services.retention.domain.bag import BagWriter
from services.retention.domain.signing import Signer
from services.retention.domain.verifying import verify_package

MOMENT = datetime(2026, 6, 1, 12, 34, tzinfo=UTC)


def written(path, signer, payload):
    bag = BagWriter(path, "bag", MOMENT)
    for name, pieces in payload.items():
        with bag.file(name, compress=name.endswith("l")) as file:
            for piece in pieces:
                file.write(piece)
    bag.finish({"Source-Organization": "Corning\nPolice"}, signer)
    return path


def test_the_package_has_the_layout_of_bagit(tmp_path):
    path = written(
        tmp_path / "a.zip", Signer.new(), {"a.jsonl": [b"one", b"two"], "b/c.jpg": [b""]}
    )
    with zipfile.ZipFile(path) as archive:
        read = {name: archive.read(f"bag/{name}").decode() for name in (
            "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "bag-info.txt"
        )}  # fmt: skip
        names = {name.removeprefix("bag/") for name in archive.namelist()}
    assert read["bagit.txt"] == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert f"{hashlib.sha256(b'onetwo').hexdigest()}  data/a.jsonl\n" in read["manifest-sha256.txt"]
    assert "Payload-Oxum: 6.2\n" in read["bag-info.txt"]
    assert "Source-Organization: Corning Police\n" in read["bag-info.txt"]
    tagged = {line.split("  ")[1] for line in read["tagmanifest-sha256.txt"].splitlines()}
    unsigned = {"tagmanifest-sha256.txt", "tagmanifest-sha256.txt.sig"}
    assert tagged == {n for n in names if not n.startswith("data/")} - unsigned
    assert verify_package(path).holds


def test_equal_content_and_key_give_the_same_bytes(tmp_path):
    signer = Signer.new()
    first = written(tmp_path / "a.zip", signer, {"a.jsonl": [b"one"]})
    second = written(tmp_path / "b.zip", signer, {"a.jsonl": [b"o", b"ne"]})
    assert first.read_bytes() == second.read_bytes()


def test_a_package_with_two_top_folders_does_not_verify(tmp_path):
    path = written(tmp_path / "a.zip", Signer.new(), {"a.jsonl": [b"one"]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("elsewhere/x", b"")
    assert not verify_package(path).holds


def test_the_type_of_an_image_is_detected_from_its_bytes():
    assert sniffed(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert sniffed(b"\x89PNG\r\n\x1a\n....") == "image/png"
    assert sniffed(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert sniffed(b"<svg onload=") == "application/octet-stream"
    assert sniffed(b"") == "application/octet-stream"
