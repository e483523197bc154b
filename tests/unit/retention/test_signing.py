"""Keys and signatures."""

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec

from services.retention.domain.signing import (
    KeyFault,
    Signer,
    document_holds,
    holds,
    key_id,
    load_public,
)


def test_a_key_round_trips_through_pem():
    made = Signer.new()
    loaded = Signer.load(made.private_pem.encode())
    assert loaded.key_id == made.key_id == key_id(load_public(made.public_pem.encode()))
    assert loaded.sign(b"x") == made.sign(b"x")


def test_a_signature_verifies_only_for_its_text_and_key():
    signer, other = Signer.new(), Signer.new()
    key = load_public(signer.public_pem.encode())
    signature = signer.sign(b"text")
    assert holds(signature, b"text", key)
    assert not holds(signature, b"texT", key)
    assert not holds(other.sign(b"text"), b"text", key)
    assert not holds(b"", b"text", key)


def test_a_signed_document_verifies_in_any_order_of_its_members():
    signer = Signer.new()
    key = load_public(signer.public_pem.encode())
    document = signer.signed({"b": 1, "a": {"d": [1, 2], "c": "ä"}})
    assert document_holds(dict(reversed(document.items())), key)
    assert not document_holds({**document, "b": 2}, key)
    assert not document_holds({**document, "e": 1}, key)
    assert not document_holds({"b": 1}, key)
    assert not document_holds({**document, "signature": {"value": "?"}}, key)


def test_keys_of_other_kinds_are_refused_without_being_printed():
    curve = ec.generate_private_key(ec.SECP256R1())
    private = curve.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    public = curve.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    for load, pem in ((Signer.load, private), (load_public, public)):
        for bad in (pem, b"nonsense", b""):
            with pytest.raises(KeyFault) as refused:
                load(bad)
            assert "BEGIN" not in str(refused.value)
