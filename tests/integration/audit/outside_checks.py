"""An auditor's own checks of an export: written from docs/audit-log.md, with no code of the platform."""

import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tree_hash(leaves):
    """Compute the Merkle tree hash of RFC 6962, 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def check_note(note, vkey):
    """Return origin, size, root and chain of a signed checkpoint."""
    name, _, public = vkey.split("+", 2)
    text, _, signature = note.rpartition("\n\n")
    [line] = [one for one in signature.splitlines() if one.startswith(f"\u2014 {name} ")]
    key = Ed25519PublicKey.from_public_bytes(b64decode(public)[1:])
    key.verify(b64decode(line.split(" ")[2])[4:], (text + "\n").encode())
    origin, size, root, *rest = text.split("\n")
    chain = next(b64decode(one.split(" ")[1]) for one in rest if one.startswith("chain "))
    return origin, int(size), b64decode(root), chain


def check_export(lines, vkey):
    """Return the entries of an export that holds from entry 0 to its signed end."""
    opening, *rest = (json.loads(line) for line in lines)
    leaves, entries, chain = [], [], bytes(32)
    for line in rest:
        if "checkpoint" in line:
            signed = check_note(line["checkpoint"], vkey)
            assert signed == (opening["origin"], len(leaves), tree_hash(leaves), chain)
        else:
            assert line["seq"] == len(leaves)
            leaves.append(sha256(b"\x00" + line["entry"].encode()).digest())
            chain = sha256(chain + leaves[-1]).digest()
            assert bytes.fromhex(line["entry_hash"]) == chain
            entries.append(json.loads(line["entry"]))
    assert "checkpoint" in rest[-1]
    assert len(leaves) == opening["end"]
    return entries


def digest(disclosure):
    return urlsafe_b64encode(sha256(disclosure.encode("ascii")).digest()).rstrip(b"=").decode()


def said(disclosure):
    return json.loads(urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))


def check_values(entry, disclosures):
    """Return the groups that are there, checked, and how many of their records are."""
    found = {}
    for name, (group, *records) in disclosures.items():
        assert digest(group) == entry["data"]["_sd"][name]
        _, named, value = said(group)
        assert named == name
        if name.partition("/")[0] != "records":
            found[name] = [value]
            continue
        assert len(records) == len(value["shown"])
        there = [
            (r, d["..."]) for r, d in zip(records, value["shown"], strict=True) if r is not None
        ]
        assert all(digest(record) == known for record, known in there)
        found[name] = [said(record)[1] for record, _ in there]
    return found
