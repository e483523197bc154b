"""Rules for passwords (468.6; NIST SP 800-63B): long enough, and not on a list of leaked ones."""

import unicodedata
from functools import cache
from pathlib import Path

from services.identity.domain.problem_codes import Code
from shared.core.errors import InvalidInput

MAX_CHARACTERS = 128
COMMON = Path(__file__).parent.parent / "data" / "common_passwords.txt"


@cache
def common_passwords() -> frozenset[str]:
    """Return the committed list of common passwords, in lower case."""
    return frozenset(COMMON.read_text(encoding="ascii").split())


def normalise_password(password: str) -> str:
    """Return `password` in NFKC, so that the same password typed on another keyboard is equal."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, *, username: str, minimum_characters: int) -> None:
    """Raise InvalidInput, naming the rule, if a normalised password breaks one."""
    folded = password.casefold()
    if len(password) < minimum_characters:
        raise InvalidInput(
            Code.PASSWORD_TOO_SHORT, field="password", min_characters=minimum_characters
        )
    if len(password) > MAX_CHARACTERS:
        raise InvalidInput(Code.PASSWORD_TOO_LONG, field="password", max_characters=MAX_CHARACTERS)
    if len(set(folded)) < 4:  # aaaaaaaa, 12121212
        raise InvalidInput(Code.PASSWORD_REPEATS, field="password")
    if username.casefold() in folded:
        raise InvalidInput(Code.PASSWORD_HAS_USERNAME, field="password")
    if folded in common_passwords() or _core(folded) in common_passwords():
        raise InvalidInput(Code.PASSWORD_IS_COMMON, field="password")


def _core(folded: str) -> str:
    """Return `folded` from its first to its last letter: "baseball2026!" gives "baseball"."""
    letters = [n for n, character in enumerate(folded) if character.isalpha()]
    return folded[letters[0] : letters[-1] + 1] if letters else folded
