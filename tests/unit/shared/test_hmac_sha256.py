import hmac

import pytest

from shared.core.hmac_sha256 import HmacSha256


@pytest.mark.parametrize("key", [b"", b"k", bytes(range(32)), b"\xff" * 64])
@pytest.mark.parametrize("message", [b"", b"m", b"m" * 64, b"m" * 1000])
def test_the_hmac_matches_the_standard_library(key, message):
    assert HmacSha256(key).hexdigest(message) == hmac.digest(key, message, "sha256").hex()


def test_a_key_longer_than_a_block_is_refused():
    with pytest.raises(ValueError, match="64 bytes at most"):
        HmacSha256(bytes(65))
