"""A verifier that follows docs/audit-log.md alone, without any code of this repository."""

import json
from hashlib import sha256

import pytest

from tests.integration.audit.conftest import an_attempt
from tests.integration.audit.erasing import purge, sightings
from tests.integration.audit.outside_checks import check_export, check_values

__all__ = ["purge"]

pytestmark = pytest.mark.clause("wall/sealed-log")


async def test_an_outsider_verifies_a_log_with_erased_values(
    deliver, clock, purge, client, auditor, writer
):
    await deliver(*sightings(clock), an_attempt(clock))
    await purge()
    [key] = (await client.get("/v1/keys")).json()["keys"]
    exported = await client.post("/v1/exports", json={"first": 0}, headers=auditor())
    entries = check_export(exported.content.splitlines(), key["verifier_key"])
    listed = []
    for seq, entry in enumerate(entries):
        shown = (await client.get(f"/v1/entries/{seq}", headers=auditor())).json()
        assert shown["event"] == entry
        groups = entry["data"].get("_sd", {})
        assert len(groups) <= 6
        found = check_values(entry, shown["disclosures"])
        erased = {one["group"]: one["places"] for one in shown["erased"]}
        for name in groups:
            whole = name in erased and erased[name] is None
            assert (name in found) != whole, f"{name} of entry {seq} is neither there nor erased"
            if name in erased and not whole:
                assert all(shown["disclosures"][name][1 + n] is None for n in erased[name])
        for name in sorted(erased):
            places = "" if erased[name] is None else " " + ",".join(map(str, erased[name]))
            listed.append(f"{seq} {name}{places}\n")
    [erasing] = [e["data"] for e in entries if e["type"].startswith("alpr.values.erased.")]
    assert erasing["list_sha256"] == sha256("".join(listed).encode()).hexdigest()
    assert erasing["groups"] == len(listed) > 0
    assert not any("2HELD22" in json.dumps(entry) for entry in entries)
