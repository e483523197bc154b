"""Certificates of signing keys: by a trusted root, for one usage, for 400 days, until revoked."""

import hashlib
import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from services.identity.settings import Settings as IdentitySettings
from shared.core import offline_root as commands
from shared.core.certificates import (
    USAGES,
    Certificate,
    CertificateRefused,
    Revocation,
    Roots,
    Signer,
    Trust,
    Usage,
    canonical_json,
    certify,
    revoke,
)
from shared.service.settings import ApiSettings
from shared.testing import TestRoot

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROOT, OTHER = TestRoot(), TestRoot("another root")
SEED = hashlib.sha256(b"a key").digest()
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()


def made(**changed: Any) -> str:
    """Return a certificate for `tokens`, with some of it changed."""
    whole = Certificate("tokens", PUBLIC, 7, NOW, NOW + timedelta(days=30))
    return certify(ROOT.key, replace(whole, **changed))


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def body_of(text: str) -> dict[str, Any]:
    part = text.split(".")[0]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def signed(body: bytes, kind: str = Certificate.KIND) -> str:
    """Return any body, signed by the root all the same."""
    signature = ROOT.key.sign(kind.encode() + b"\n" + body)
    return f"{encoded(body)}.{encoded(signature)}"


def refusal(text: str, *, trust: Trust | None = None, now: datetime = NOW) -> str:
    with pytest.raises(CertificateRefused) as refused:
        (trust or Trust(ROOT.roots)).check(text, "tokens", now)
    return refused.value.detail


@pytest.mark.clause("wall/keys")
def test_a_certificate_of_the_root_verifies_and_contains_its_fields() -> None:
    found = Trust(ROOT.roots).check(made(), "tokens", NOW)
    assert found == Certificate("tokens", PUBLIC, 7, NOW, NOW + timedelta(days=30))
    assert found.kid == hashlib.sha256(PUBLIC).hexdigest()[:32]


@pytest.mark.clause("wall/keys")
def test_a_certificate_by_a_root_that_is_not_trusted_is_refused() -> None:
    forged = OTHER.certificate(SEED, now=NOW)
    assert refusal(forged) == "no trusted root signed this"


@pytest.mark.clause("wall/keys")
def test_a_changed_body_or_signature_is_refused() -> None:
    body, signature = made().split(".")
    for text in (
        f"{encoded(canonical_json({**body_of(made()), 'serial': 8}))}.{signature}",
        f"{body}.{encoded(bytes(64))}",
        f"{body}.{ROOT.certificate(SEED).split('.')[1]}",
    ):
        assert refusal(text) == "no trusted root signed this"


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.b", "a.b.c", made() + "=", made() + ".", " " + made(), made().replace(".", ".\n"), "é.é",
     made().split(".")[0] + "." + encoded(bytes(63)), "A" * 5000 + "." + encoded(bytes(64))],
)  # fmt: skip
def test_a_text_of_another_form_is_refused(text: str) -> None:
    assert refusal(text) == "this is not a signed text"


@pytest.mark.clause("wall/keys")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(body_of(made())).encode(),  # with blanks
        b'{"serial":7,"serial":7}',
        b'{"a":"\\ud800"}',
        b"[" * 3000,
        b'{"serial":NaN}',
    ],
)
def test_a_signed_body_that_is_not_canonical_json_is_refused(body: bytes) -> None:
    assert "not" in refusal(signed(body))
    assert refusal(signed(body)) in {
        "the signed body is not canonical JSON",
        "this is not the body of a certificate",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": 0},
        {"serial": True},
        {"serial": 7.0},
        {"serial": "7"},
        {"serial": 2**53},
        {"usage": "everything"},
        {"usage": ["tokens"]},
        {"kid": "0" * 32},
        {"public_key": b64encode(bytes(31)).decode()},
        {"not_after": "2026-07-01"},
        {"not_after": "2026-07-01T12:00:00+00:00"},
        {"not_before": None},
        {"more": "than is known"},
    ],
)
def test_fields_of_another_form_are_refused_even_with_the_roots_signature(
    changed: dict[str, Any],
) -> None:
    text = signed(canonical_json({**body_of(made()), **changed}))
    assert refusal(text) == "this is not the body of a certificate"


@pytest.mark.clause("wall/keys")
def test_a_certificate_for_more_than_400_days_is_neither_issued_nor_accepted() -> None:
    long = NOW + timedelta(days=400, seconds=1)
    with pytest.raises(CertificateRefused, match="400 days at most"):
        made(not_after=long)
    with pytest.raises(CertificateRefused, match="ends after it begins"):
        made(not_after=NOW)
    text = signed(canonical_json({**body_of(made()), "not_after": f"{long:%Y-%m-%dT%H:%M:%SZ}"}))
    assert "400 days at most" in refusal(text)
    Trust(ROOT.roots).check(made(not_after=NOW + timedelta(days=400)), "tokens", NOW)


@pytest.mark.clause("wall/keys")
def test_a_certificate_is_valid_from_its_start_until_before_its_end() -> None:
    trust, ends = Trust(ROOT.roots), NOW + timedelta(days=30)
    trust.check(made(), "tokens", NOW)
    trust.check(made(), "tokens", ends - timedelta(microseconds=1))
    assert refusal(made(), now=NOW - timedelta(microseconds=1)) == "certificate 7 is not valid yet"
    assert refusal(made(), now=ends) == "certificate 7 has ended"


@pytest.mark.clause("wall/keys")
def test_a_certificate_for_captures_is_refused_for_tokens() -> None:
    text = made(usage="captures")
    assert refusal(text) == "the certificate is for captures, not for tokens"
    assert Trust(ROOT.roots).check(text, "captures", NOW).usage == "captures"


@pytest.mark.clause("wall/keys")
@pytest.mark.parametrize("usage", USAGES)
def test_a_revoked_certificate_is_refused_and_others_stay_valid(usage: Usage) -> None:
    trust = Trust(ROOT.roots)
    trust.learn_revocation(ROOT.revocation(made(usage=usage), now=NOW))
    with pytest.raises(CertificateRefused, match="certificate 7 is revoked"):
        trust.check(made(usage=usage), usage, NOW)
    trust.check(made(usage=usage, serial=8), usage, NOW)
    [other] = [one for one in USAGES if one != usage]
    trust.check(made(usage=other), other, NOW)


@pytest.mark.clause("wall/keys")
def test_only_a_trusted_root_revokes() -> None:
    trust = Trust(ROOT.roots)
    forged = revoke(OTHER.key, Revocation("tokens", "0" * 32, 7, NOW, "because"))
    with pytest.raises(CertificateRefused, match="no trusted root"):
        trust.learn_revocation(forged)
    trust.check(made(), "tokens", NOW)


@pytest.mark.clause("wall/keys")
def test_a_revocation_is_not_accepted_as_a_certificate_or_the_reverse() -> None:
    revocation = ROOT.revocation(made(), now=NOW)
    assert refusal(revocation) == "no trusted root signed this"
    with pytest.raises(CertificateRefused, match="no trusted root"):
        Trust(ROOT.roots).learn_revocation(made())
    as_body = signed(canonical_json(body_of(made())), Revocation.KIND)
    with pytest.raises(CertificateRefused, match="not the body of a revocation"):
        Trust(ROOT.roots).learn_revocation(as_body)


@pytest.mark.clause("wall/keys")
def test_at_most_two_roots_are_trusted() -> None:
    both = Roots.parse(f"{ROOT.public} {OTHER.public}")
    for root in (ROOT, OTHER):
        Trust(both).check(root.certificate(SEED, now=NOW), "tokens", NOW)
    third = TestRoot("third")
    with pytest.raises(CertificateRefused, match="no trusted root"):
        Trust(both).check(third.certificate(SEED, now=NOW), "tokens", NOW)
    with pytest.raises(ValueError, match="one public root, or two"):
        Roots.parse(f"{ROOT.public} {OTHER.public} {third.public}")


@pytest.mark.clause("wall/keys")
@pytest.mark.parametrize(
    "changed",
    [
        {"serial": 0},
        {"usage": "everything"},
        {"kid": 7},
        {"reason": None},
        {"revoked_at": "2026-07-01"},
        {"more": "than is known"},
    ],
)
def test_a_revocation_of_another_form_is_refused_even_with_the_roots_signature(
    changed: dict[str, Any],
) -> None:
    fields = {**Revocation("tokens", "0" * 32, 7, NOW, "lost").fields(), **changed}
    with pytest.raises(CertificateRefused, match="not the body of a revocation"):
        Trust(ROOT.roots).learn_revocation(signed(canonical_json(fields), Revocation.KIND))


@pytest.mark.clause("wall/keys")
def test_times_of_a_certificate_mean_the_same_in_every_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-7)))
    assert made(not_before=there, not_after=there + timedelta(days=30)) == made()


@pytest.mark.parametrize("text", ["", " ", "short", "!" * 44, f"{ROOT.public} {ROOT.public}"])
def test_settings_without_one_or_two_roots_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="public root"):
        ApiSettings(root_public_keys=text)


@pytest.mark.clause("wall/keys")
def test_a_signature_verifies_only_under_its_own_certificate() -> None:
    signer, trust = ROOT.signer(now=NOW), Trust(ROOT.roots)
    signature = signer.sign(b"said")
    found = trust.verify(signer.text, "tokens", NOW, signature=signature, message=b"said")
    assert found == signer.certificate
    for certificate, message, made_by in (
        (signer.text, b"said otherwise", signature),
        (made(), b"said", signature),
        (signer.text, b"said", bytes(64)),
        (signer.text, b"said", b""),
    ):
        with pytest.raises(CertificateRefused, match="did not sign this"):
            trust.verify(certificate, "tokens", NOW, signature=made_by, message=message)


@pytest.mark.clause("wall/keys")
def test_a_signer_refuses_a_certificate_of_another_key_root_or_usage() -> None:
    for certificate, why in (
        (made(), "of another key"),
        (OTHER.certificate(bytes(32), now=NOW), "no trusted root"),
        (ROOT.certificate(bytes(32), "captures", now=NOW), "for captures, not for tokens"),
    ):
        with pytest.raises(CertificateRefused, match=why):
            Signer(bytes(32), certificate, ROOT.roots, "tokens")


@pytest.mark.clause("wall/keys")
def test_identity_does_not_start_with_a_certificate_of_another_root() -> None:
    key = b64encode(bytes(32)).decode()
    with pytest.raises(
        ValidationError, match="IDENTITY_ISSUER_CERTIFICATE: no trusted root"
    ) as refused:
        IdentitySettings(
            identity_key_encryption_key=key,
            root_public_keys=ROOT.public,
            identity_issuer_key=key,
            identity_issuer_certificate=OTHER.certificate(bytes(32)),
        )
    assert key not in str(refused.value)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, str]:
    commands.run([str(argument) for argument in arguments])
    lines = capsys.readouterr().out.strip().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line) or {"": lines[0]}


@pytest.mark.clause("wall/keys")
def test_the_commands_make_a_root_certify_and_revoke(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root.key"
    public = run(capsys, "make-root", root)["ROOT_PUBLIC_KEYS"]
    assert root.read_text().strip() not in public
    assert root.stat().st_mode & 0o777 == 0o600
    drawn = run(capsys, "certify", root, "--usage", "tokens")
    certificate = drawn["IDENTITY_ISSUER_CERTIFICATE"]
    trust = Trust(Roots.parse(public))
    trust.check(certificate, "tokens", datetime.now(UTC))
    slow_clock = datetime.now(UTC) - timedelta(minutes=4)
    trust.check(certificate, "tokens", slow_clock)
    given = run(
        capsys, "certify", root, "--usage", "captures", "--public-key", b64encode(PUBLIC).decode()
    )
    assert set(given) == {"INGEST_SIGNING_CERTIFICATE"}
    [revocation] = run(
        capsys, "revoke", root, "--certificate", certificate, "--reason", "lost"
    ).values()
    assert trust.learn_revocation(revocation).reason == "lost"
    with pytest.raises(CertificateRefused, match="revoked"):
        trust.check(certificate, "tokens", datetime.now(UTC))


@pytest.mark.clause("wall/keys")
def test_the_commands_refuse_what_no_service_would_accept(tmp_path: Any) -> None:
    root = tmp_path / "root.key"
    commands.run(["make-root", str(root)])
    too_long = b64encode(PUBLIC + b"7").decode()
    with pytest.raises(SystemExit, match="certify: this is not the body of a certificate"):
        commands.run(["certify", str(root), "--usage", "tokens", "--public-key", too_long])
    with pytest.raises(SystemExit, match="revoke: no trusted root signed this"):
        commands.run(["revoke", str(root), "--certificate", made(), "--reason", "lost"])


@pytest.mark.clause("wall/keys")
def test_a_root_is_not_overwritten_and_no_key_is_certified_for_over_400_days(tmp_path: Any) -> None:
    root = tmp_path / "root.key"
    commands.run(["make-root", str(root)])
    before = root.read_text()
    with pytest.raises(SystemExit, match="make-root"):
        commands.run(["make-root", str(root)])
    assert root.read_text() == before
    with pytest.raises(SystemExit, match="400 days at most"):
        commands.run(["certify", str(root), "--usage", "tokens", "--days", "401"])
