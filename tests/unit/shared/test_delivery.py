"""A package is delivered whole only if its digest is right and its receipt is stored."""

from hashlib import sha256

import pytest

from shared.core.errors import CredentialEnded, NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.objects.delivery import opened, sealed

PIECES = (b"ab", b"cd", b"ef")
DIGEST = sha256(b"abcdef").hexdigest()


async def stream(*pieces):
    for piece in pieces:
        yield piece


async def broken(error):
    raise error
    yield b""  # to be a generator


class Delivery:
    """What a recipient has received, and how much of it when each receipt was stored."""

    def __init__(self):
        self.received, self.receipts = [], []

    async def receipt(self):
        self.receipts.append(len(self.received))

    async def run(self, pieces, digest=DIGEST, still=lambda: None):
        async for piece in sealed(pieces, digest, self.receipt, still):
            self.received.append(piece)


async def test_the_last_piece_is_sent_after_the_digest_and_the_receipt():
    delivery = Delivery()
    await delivery.run(await opened(stream(*PIECES)))
    assert delivery.received == list(PIECES)
    assert delivery.receipts == [2]


async def test_an_empty_package_has_a_receipt():
    delivery = Delivery()
    await delivery.run(await opened(stream()), sha256(b"").hexdigest())
    assert (b"".join(delivery.received), delivery.receipts) == (b"", [0])


async def test_a_wrong_digest_stops_before_the_last_piece_and_leaves_no_receipt():
    delivery = Delivery()
    with pytest.raises(Unavailable) as refused:
        await delivery.run(stream(*PIECES), "0" * 64)
    assert refused.value.code == "package_changed"
    assert delivery.received == list(PIECES[:2])
    assert delivery.receipts == []


async def test_a_missing_package_fails_before_the_answer_begins():
    with pytest.raises(NotFound):
        await opened(broken(NotFound(Common.OBJECT_MISSING)))


@pytest.mark.parametrize("pieces_before", range(4))
async def test_a_recipient_whose_account_ends_gets_no_further_piece_and_no_receipt(pieces_before):
    delivery, asked = Delivery(), []

    def still():
        if len(asked) == pieces_before:
            raise CredentialEnded(Common.TOKEN_REVOKED)
        asked.append(1)

    with pytest.raises(CredentialEnded):
        await delivery.run(stream(*PIECES), still=still)
    assert len(delivery.received) == max(0, pieces_before - 1)
    assert delivery.receipts == []
