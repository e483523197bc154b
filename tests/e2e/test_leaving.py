"""As docs/operations/leaving.md says, a department goes on in another stack, with equal roots and answers."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from local.demo.client import Api
from local.demo.department import Embedded, seed
from local.demo.records import search
from local.demo.searches import CANVASS
from local.stack.launch import running
from local.stack.servers import ROOT
from shared.testing import eventually
from tests.e2e.frames import frame, plates
from tests.e2e.runbook import ALL_APIS, Page, post, signed_in

pytestmark = pytest.mark.runbooks

LEAVING = ROOT / "docs" / "operations" / "leaving.md"
SERVICES = ["--port", "0", "--services", f"{ALL_APIS[-1]},recognition"]
READ, FRAMED = "7OLD123", plates(1)[0]


@pytest.mark.enable_socket
@pytest.mark.clause("wall/export")
async def test_a_department_exported_and_imported_elsewhere_has_the_same_log_and_answers(tmp_path):
    tmp_path.chmod(0o755)
    for name in ("machine", "old", "new"):
        (tmp_path / name).mkdir()
    page = Page(tmp_path / "machine", LEAVING)
    page.names |= {
        "/mnt/export": str(tmp_path / "export"),
        "/srv/plateward": str(tmp_path / "new" / "stack"),
        "offline.key": str(tmp_path / "offline.key"),
    }
    with running(tmp_path / "old" / "stack", *SERVICES) as up:
        async with Api(up.urls) as api:
            people = await seed(api, Embedded(tmp_path / "old" / "stack"))
            await post(api, people, READ)
            await post_frame(api, people)
            before = await eventually(lambda: found(people), within_s=90, every_s=1)
            said = page.run("backup-key")
            page.names["RECIPIENT"] = said.splitlines()[0].partition("=")[2]
            page.names["--folder var"] = f"--folder {tmp_path / 'old' / 'stack'}"
            exported = page.run("plateward export")
            assert "NOT WHOLE" not in exported
            page.names["KEY"] = re.search(r"^public key +(\S+)$", exported, re.MULTILINE)[1]
    assert "FAULT" not in page.run("plateward verify-export")
    altered(page, tmp_path / "export")
    imported = page.run("plateward import")
    assert "FAULT" not in imported
    root = re.search(r"^audit log .* root (\S+)$", exported, re.MULTILINE)[1]
    assert f"root {root}" in imported
    with running(tmp_path / "new" / "stack", *SERVICES) as up:
        async with Api(up.urls) as api:
            people.investigator.api = api
            await eventually(lambda: signed_in(people.investigator), within_s=60, every_s=1)
            assert await found(people) == before
            people.auditor.api = api
            await eventually(lambda: signed_in(people.auditor), within_s=60, every_s=1)
            size = json.loads((tmp_path / "export" / "manifest.json").read_text())["log"]["entries"]
            note = await eventually(lambda: checkpoint_beyond(api, size), within_s=60, every_s=0.5)
            (page.folder / "checkpoint.txt").write_text(note)
    assert json.loads(page.run("verify-audit").splitlines()[-1])["ok"] is True
    assert sorted(page.ran) == sorted(block for block in page.blocks if ".venv" in block)


async def post_frame(api, people):
    """Post a frame as a camera does."""
    headers = {
        "Authorization": f"Bearer {people.devices[0].credential}",
        "Content-Type": "image/jpeg",
        "X-Captured-At": datetime.now(UTC).isoformat(),
    }
    await api.must("ingest", "POST", "/v1/captures", headers=headers, content=frame(FRAMED))


async def found(people):
    """Search both plates; return the answers without links, which are made for each; None unless both are found."""
    window = (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))
    answers = []
    for plate in (READ, FRAMED):
        purpose = await people.investigator.declare(**CANVASS)
        reads = await search(people.investigator, purpose, window, plate=plate)
        answers.append(
            sorted(
                json.dumps({name: value for name, value in read.items() if "url" not in name})
                for read in reads
            )
        )
    return answers if all(answers) else None


async def checkpoint_beyond(api, entries):
    note = (await api.must("audit", "GET", "/v1/checkpoint")).text
    return note if int(note.splitlines()[1]) > entries else None


def altered(page, export):
    """Alter a byte of the rows: neither a verification nor an import accepts it."""
    [path] = (export / "tables").glob("retention.plates.*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for words in ("plateward verify-export", "plateward import"):
        with pytest.raises(AssertionError, match=r"retention\.plates\.ndjson\.gz differs"):
            page.run(words)
        page.ran.pop()
    path.write_bytes(whole)
