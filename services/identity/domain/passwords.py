"""Rules for passwords (468.6; NIST SP 800-63B): long enough, and not on a list of leaked ones."""

import unicodedata
from functools import cache
from pathlib import Path

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
        raise _refused(f"has fewer than {minimum_characters} characters")
    if len(password) > MAX_CHARACTERS:
        raise _refused(f"has more than {MAX_CHARACTERS} characters")
    if len(set(folded)) < 4:  # aaaaaaaa, 12121212
        raise _refused("repeats too few characters")
    if username.casefold() in folded:
        raise _refused("contains the username")
    if folded in common_passwords() or _core(folded) in common_passwords():
        raise _refused("is on the list of commonly used and breached passwords")


def _core(folded: str) -> str:
    """Return `folded` from its first to its last letter: "baseball2026!" gives "baseball"."""
    letters = [n for n, character in enumerate(folded) if character.isalpha()]
    return folded[letters[0] : letters[-1] + 1] if letters else folded


def _refused(why: str) -> InvalidInput:
    return InvalidInput(f"the password {why}", field="password")
