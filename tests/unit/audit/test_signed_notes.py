"""Signed notes against the published example, and checkpoints as C2SP writes them."""

from base64 import b64decode, b64encode

import pytest

from shared.core.merkle import EMPTY_ROOT
from shared.core.signed_notes import BadNote, Checkpoint, Signer, Verifier

# The example of golang.org/x/mod/sumdb/note, where the format comes from.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
    "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = b64encode(bytes(32)).decode()


def a_signer(name="example.org/audit", byte=7):
    return Signer(name, bytes([byte]) * 32)


def test_the_published_note_verifies():
    assert Verifier.parse(VKEY).verify(NOTE) == NOTE.partition("\n\n")[0] + "\n"


def test_the_published_key_signs_the_published_note():
    signer = Signer("PeterNeumann", b64decode(SKEY)[1:])
    assert signer.verifier.vkey == VKEY
    assert signer.sign(NOTE.partition("\n\n")[0] + "\n") == NOTE


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(
    "altered",
    [
        NOTE.replace("answer", "Answer"),
        NOTE.replace("x08go", "x08gp"),
        NOTE.replace("PeterNeumann", "SomebodyElse"),
        NOTE.replace("\n\n", "\n"),
        "",
    ],
)
def test_an_altered_note_does_not_verify(altered):
    with pytest.raises(BadNote):
        Verifier.parse(VKEY).verify(altered)


def test_a_second_signature_does_not_invalidate_the_first():
    signer, witness = a_signer(), a_signer("witness.example", 9)
    note = signer.sign("text\n")
    signed = note + witness.sign("text\n").partition("\n\n")[2]
    assert signer.verifier.verify(signed) == witness.verifier.verify(signed) == "text\n"


def test_exact_verification_refuses_a_second_signature_or_another_form():
    signer = a_signer()
    note = signer.sign("text\n")
    assert signer.verifier.verify(note, exact=True) == "text\n"
    second = note + a_signer("witness.example", 9).sign("text\n").partition("\n\n")[2]
    padded = note[:-3] + chr(ord(note[-3]) + 1) + note[-2:]  # the unused bits of its last character
    for other in (second, padded, note + "\n", note.rstrip("\n")):
        with pytest.raises(BadNote):
            signer.verifier.verify(other, exact=True)


@pytest.mark.clause("468.6/unalterable")
def test_a_text_with_an_empty_line_is_verified_whole_and_one_without_an_end_is_not_signed():
    signer = a_signer()
    assert signer.verifier.verify(signer.sign("one\n\ntwo\n")) == "one\n\ntwo\n"
    with pytest.raises(ValueError, match="end with a newline"):
        signer.sign("text")


@pytest.mark.clause("468.6/unalterable")
def test_the_same_name_with_another_key_is_not_accepted():
    note = a_signer(byte=1).sign("text\n")
    with pytest.raises(BadNote, match="not signed by"):
        a_signer(byte=2).verifier.verify(note)


@pytest.mark.parametrize(
    "vkey",
    ["", "name", "name+00+??", VKEY.replace("c74f20a3", "c74f20a4"), VKEY.replace("ARpc", "ARpd")],
)
def test_a_faulty_verifier_key_is_refused(vkey):
    with pytest.raises(BadNote):
        Verifier.parse(vkey)


def test_a_checkpoint_is_parsed_as_it_was_written():
    checkpoint = Checkpoint("example.org/audit", 4711, EMPTY_ROOT)
    assert checkpoint.text.split("\n")[:2] == ["example.org/audit", "4711"]
    assert Checkpoint.parse(checkpoint.text) == checkpoint
    assert Checkpoint.parse(checkpoint.text + "an extension line\n") == checkpoint
    chained = Checkpoint("example.org/audit", 4711, EMPTY_ROOT, bytes(range(32)), 4000, True)
    assert Checkpoint.parse(chained.text) == chained


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{ROOT[:-2]}B=\n",  # the same bytes written otherwise
        f"a\n1\n{ROOT}\nchain AAAA\n",
        f"a\n1\n{ROOT}\nprevious 01\n",
    ],
)
def test_a_faulty_checkpoint_is_refused(text):
    assert Checkpoint.parse(f"a\n1\n{ROOT}\n").size == 1
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_name_that_a_note_cannot_hold_is_refused(name):
    with pytest.raises(ValueError, match="signing key"):
        a_signer(name)
