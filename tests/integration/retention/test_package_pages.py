"""The pages of a package: each record as a court reads it, escaped, in pages, and nothing that the package lacks."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest

from services.retention.actions import package_pages
from services.retention.domain.signing import load_public
from services.retention.domain.verifying import verify_package
from shared.events import Alternative, Character, OtherCharacter
from tests.integration.retention.conftest import JPEG, a_capture, a_hit, a_read
from tests.integration.retention.evidence import Page, a_worked_hit, public_key, written
from tests.integration.retention.exporting import exported
from tests.integration.retention.packaging import (
    NOON,
    a_pictured_read,
    an_approval,
    build,
    content,
    names,
)

EVIL = "<script>alert('7ABC123')</script><img src=x onerror=alert(1)>"


@pytest.mark.clause("468.5/readable-package")
async def test_the_page_of_evidence_shows_records_with_pictures_and_their_digests(
    retention, tmp_path
):
    characters = [Character(c, 0.9) for c in "7A8C123"]
    characters[2] = Character("8", 0.55, [OtherCharacter("8", 0.55), OtherCharacter("B", 0.45)])
    capture, read = await a_pictured_read(
        retention,
        "7A8C123",
        seen={
            "characters": characters,
            "misread_risk": 0.45,
            "alternatives": [Alternative("7A8C123", 0.55), Alternative("7ABC123", 0.45)],
            "region": "US-CA",
        },
    )
    await retention.store(a_hit(read, plate_listed="7A8C123"))
    gone, _ = await a_pictured_read(retention, "7A8C123", NOON - timedelta(minutes=1))
    del retention.objects.stored[gone.image.object_key]
    hold, export = await exported(retention, plate="7A8C123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    page = Page(path, "index.html")
    for said in (
        hold["description"],
        "26-001234",
        "Officer Seven",
        "2026-06-01 12:00:00.000 UTC; local 2026-06-01 05:00:00.000 PDT (-0700)",
        "Solano St at Third",
        "39.9277",
        "US-CA",
        "8 0.55; B 0.45",
        "7ABC123 (0.45)",
        "Risk of a misread 0.45",
        "UNVERIFIED",
        "SVS (state), version 1",
        "plateward verify-package",
        "not in this package, not in the object store",
        str(read.read_id),
        f"Signing-Key-Id {export['signed_by']}",
    ):
        assert said in page.text, said
    digest = hashlib.sha256(JPEG).hexdigest()
    assert {f"images/{capture.capture_id}.jpg", f"crops/{read.read_id}.jpg"} <= set(
        page.of("img", "src")
    )
    assert f"images/{gone.capture_id}.jpg" not in page.of("img", "src")
    assert page.text.count(f"SHA-256 {digest}") == len(page.of("img", "src")) == 3
    assert {f"data/{src}" for src in page.of("img", "src")} <= names(path)
    assert page.of("article", "id")[1] == str(read.read_id), "in order of time"


@pytest.mark.clause("468.5/readable-package")
async def test_the_page_shows_a_verification_and_what_came_of_a_hit(retention, tmp_path):
    await a_worked_hit(retention)
    _, export = await exported(retention, plate="7ABC123")
    page = Page(await written(retention, export, tmp_path / "evidence.zip"), "index.html")
    assert "UNVERIFIED" not in page.text
    for said in ("Verified: misread", "T26-1", "an O, not a 0", "Officer Nine", "let go"):
        assert said in page.text, said


@pytest.mark.clause("468.5/readable-package")
async def test_no_text_of_a_record_is_html_on_a_page(retention, tmp_path):
    read = a_read("7ABC123", NOON, device_name=EVIL, model='"><script>', vehicle_make="<b>&amp;")
    await retention.store(read, a_hit(read, list_name=EVIL))
    _, export = await exported(retention, plate="7ABC123")
    page = Page(await written(retention, export, tmp_path / "evidence.zip"), "index.html")
    assert EVIL in page.text
    assert "<b>&amp;" in page.text
    assert {"script", "b", "img"}.isdisjoint(tag for tag, _ in page.elements)
    [policy] = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none'; ")
    assert "http:" not in page.html.replace(EVIL, "")
    assert "https:" not in page.html


@pytest.mark.clause("468.5/readable-package")
async def test_a_frame_without_a_plate_is_a_record_on_a_page(retention, tmp_path):
    empty = a_capture(NOON - timedelta(minutes=5), outcome="no_plate")
    await retention.objects.put(empty.capture.image.object_key, JPEG)
    await retention.store(empty)
    seen, read = await a_pictured_read(retention, "7ABC123")
    _, export = await exported(
        retention,
        device_ids=[str(seen.device_id)],
        captured_from=(NOON - timedelta(hours=1)).isoformat(),
        captured_to=(NOON + timedelta(hours=1)).isoformat(),
    )
    page = Page(await written(retention, export, tmp_path / "evidence.zip"), "index.html")
    assert page.of("article", "id") == [str(empty.capture.capture_id), str(read.read_id)]
    assert "no_plate" in page.text


@pytest.mark.clause("468.5/readable-package")
async def test_a_large_package_has_each_record_on_one_of_its_pages(
    retention, tmp_path, monkeypatch
):
    monkeypatch.setattr(package_pages, "RECORDS_ON_A_PAGE", 2)
    reads = [a_read("7ABC123", NOON - timedelta(minutes=n)) for n in range(5, 0, -1)]
    await retention.store(*reads, *(a_hit(r, hit_id=r.read_id) for r in reads))
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    index = Page(path, "index.html")
    listed = ["page-0001.html", "page-0002.html", "page-0003.html"]
    assert index.of("a", "href") == listed
    assert "article" not in {tag for tag, _ in index.elements}
    assert (
        "Page Records First captured Last captured"
        " Page 1 1 to 2 2026-06-01 11:55:00.000 UTC; local 2026-06-01 04:55:00.000 PDT (-0700)"
        " 2026-06-01 11:56:00.000 UTC; local 2026-06-01 04:56:00.000 PDT (-0700) Page 2 3 to 4 "
    ) in index.text
    pages = [Page(path, name) for name in listed]
    assert [page.of("article", "id") for page in pages] == [
        [str(read.read_id) for read in some] for some in (reads[:2], reads[2:4], reads[4:])
    ]
    assert "Records 3 to 4, page 2" in pages[1].text
    assert set(pages[1].of("a", "href")) == {"index.html", listed[0], listed[2]}
    assert set(pages[2].of("a", "href")) == {"index.html", listed[1]}
    assert all(f"Hit id {read.read_id}" in pages[n // 2].text for n, read in enumerate(reads))
    key = load_public(await public_key(retention))
    assert verify_package(path, key).holds
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(changed, "w") as copy:
        for name in whole.namelist():
            text = whole.read(name)
            is_page = name.endswith("page-0002.html")
            copy.writestr(name, text.replace(b"7ABC123", b"7ABC128") if is_page else text)
    assert verify_package(changed, key).faults == ["changed: data/page-0002.html"]


@pytest.mark.clause("468.5/readable-package")
async def test_a_package_that_is_built_again_has_the_same_bytes(retention, tmp_path, monkeypatch):
    """The worker ended after it had stored the package and before it could say so."""
    await a_pictured_read(retention, "7ABC123")
    made = []
    put_file = retention.objects.put_file

    async def ended(key, path):
        await put_file(key, path)
        made.append(path.read_bytes())
        if len(made) == 1:
            raise OSError

    monkeypatch.setattr(retention.objects, "put_file", ended)
    await retention.store(an_approval())
    await retention.running.packager.work()
    retention.clock.advance(seconds=60)
    await retention.running.packager.work()
    assert len(made) == 2
    assert made[0] == made[1]


@pytest.mark.clause("468.5/readable-package")
@pytest.mark.clause("468.7/pictures")
async def test_the_page_of_a_release_shows_no_more_than_its_files(retention, tmp_path):
    capture, read = await a_pictured_read(
        retention,
        "7ABC123",
        seen={"misread_risk": 0.45, "alternatives": [Alternative("7ABC128", 0.45)]},
    )
    await retention.store(a_hit(read))
    _, path = await build(retention, an_approval(), tmp_path)
    page = Page(path, "index.html")
    assert page.of("img", "src") == [
        f"crops/{read.read_id}.png",
        f"images/{capture.capture_id}.png",
    ]
    assert "cut to the released part" in page.text
    for said in ("Tehama County Sheriff", "T26-55", "locate a stolen vehicle", "Sgt. A"):
        assert said in page.text, said
    for hidden in ("SVS", "misread", "7ABC128", "Hits", "hit_id", "UNVERIFIED", "Pass"):
        assert hidden not in page.text, hidden
    approval = an_approval(originals=[capture.capture_id], list_sources=["state"])
    _, path = await build(retention, approval, tmp_path)
    page = Page(path, "index.html")
    assert f"originals/{capture.capture_id}.jpg" in page.of("img", "src")
    assert "SVS" in page.text


async def test_the_table_of_evidence_has_doubts_and_no_formula(retention, tmp_path):
    odd = {"device_name": "=CAMERA(2)", "region": "US-CA", "misread_risk": 0.45}
    read = a_read("7ABC123", NOON, alternatives=[Alternative("7A8C123", 0.4)], **odd)
    await retention.store(read, a_hit(read))
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    [row] = csv.DictReader(io.StringIO(content(path, "data/records.csv").decode()))
    assert row["device_name"] == "'=CAMERA(2)"
    assert (row["misread_risk"], row["longitude"]) == ("0.45", "-122.1792")
    assert json.loads(row["alternatives"]) == [{"plate": "7A8C123", "probability": 0.4}]
    assert json.loads(row["hits"]) == ["00000000-0000-0000-0000-000000000001"]
