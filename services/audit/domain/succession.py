"""Determines the key that may sign the log at each size.

The log has one key at a time, and an entry changes it. The checkpoint that ends with that entry is the old key's last;
the new key signs every larger one. A verifier with the first key follows the changes through the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from services.audit.domain.proofs import verify_inclusion
from services.audit.domain.sealing import UNDECODABLE
from shared.core.merkle import leaf_hash
from shared.core.signed_notes import BadNote, Checkpoint, NotSigned, Verifier
from shared.events import SigningKeyChanged

SIGNS: Final = "checkpoints"
KEY_TYPE = f"{SigningKeyChanged.TOPIC}.v"
"""The type of an entry that changes the key, without its version."""

SOURCE = "/plateward/audit"
"""The source of the log's own events."""

_KEY_MARK = f'"{KEY_TYPE}'.encode()


@dataclass(frozen=True)
class KeyChange:
    """An entry that changes the key."""

    seq: int
    old: Verifier
    new: Verifier

    @property
    def last_size(self) -> int:
        """The size of the old key's last checkpoint, which ends with this entry."""
        return self.seq + 1


def key_change(seq: int, content: bytes) -> KeyChange | None:
    """Return the change of the log's key in an entry; None for any other entry.

    Only the log's own service changes it: another service that changes a key of its own may say what it likes.

    Raises: BadNote if its keys are invalid, or the entry may be a change and cannot be decoded.
    """
    if _KEY_MARK not in content:
        return None
    try:
        entry = msgspec.json.decode(content, type=dict[str, Any])
    except UNDECODABLE:
        raise BadNote("it names a change of the key, but its text is not a valid entry") from None
    data = entry.get("data")
    named = str(entry.get("type")).startswith(KEY_TYPE) and entry.get("source") == SOURCE
    if not named or not isinstance(data, dict) or data.get("signs") != SIGNS:
        return None
    return KeyChange(
        seq, Verifier.parse(str(data.get("old_key"))), Verifier.parse(str(data.get("new_key")))
    )


class Succession:
    """Opens checkpoints with the key in force at their place in the log.

    It trusts the first of the `given` keys, which the caller received apart from the log, and follows the log's own
    changes from there. If there are more `given` keys, the log must change to them in order.
    """

    def __init__(self, given: Sequence[Verifier]) -> None:
        """Raises: BadNote if no key is given."""
        if not given:
            raise BadNote("no public key is given")
        self._given = given
        self._former: list[tuple[Verifier, int]] = []
        self._announced: KeyChange | None = None
        self.current = given[0]
        """The key in force."""

    def open(self, note: str, *, exact: bool) -> Checkpoint:
        """Return the checkpoint in a note, signed with the key in force. Raises: BadNote with the reason."""
        try:
            return Checkpoint.parse(self.current.verify(note, exact=exact))
        except NotSigned:
            pass
        for key, last_size in self._former:
            if _signed(key, note):
                raise BadNote(f"signed with {key.key_id}, which ended with size {last_size}")
        if self._announced is not None and _signed(self._announced.new, note):
            raise BadNote(f"signed with {self._announced.new.key_id} before the old key ended")
        if any(_signed(key, note) for key in self._given):
            raise BadNote("signed with a given key that is not the log's here")
        raise BadNote("not signed by any of the keys")

    def add_change(self, change: KeyChange) -> None:
        """Record an announced change of the key. Raises: BadNote if the change is not allowed."""
        if change.old != self.current:
            raise BadNote(f"it changes the key {change.old.key_id}, which is not the log's here")
        if change.new == change.old or any(change.new == key for key, _ in self._former):
            raise BadNote(f"it changes to {change.new.key_id}, which the log had before")
        following = (
            self._given[self._given.index(change.old) + 1 :] if change.old in self._given else ()
        )
        if following and change.new != following[0]:
            raise BadNote(
                f"it changes to {change.new.key_id}, but the given key is {following[0].key_id}"
            )
        self._announced = change

    @property
    def awaits(self) -> int | None:
        """The size at which the old key must sign so that the new one is trusted; None without a change."""
        return None if self._announced is None else self._announced.last_size

    def drop(self) -> None:
        """Discard the announced change: the old key did not sign at its last size."""
        self._announced = None

    def settle(self, size: int) -> None:
        """Change to the new key if the verified checkpoint of `size` is the old key's last."""
        change = self._announced
        if change is None or change.last_size != size:
            return
        self._former.append((change.old, size))
        self.current, self._announced = change.new, None

    def prove(self, seq: int, entry: bytes, path: Sequence[bytes], note: str) -> None:
        """Apply one change of the key from its proof alone: entry, checkpoint of the old key, path.

        Raises: BadNote if the proof is invalid.
        """
        change = key_change(seq, entry)
        if change is None:
            raise BadNote("is not an entry that changes the key")
        checkpoint = Checkpoint.parse(change.old.verify(note, exact=True))
        size, root = checkpoint.size, checkpoint.root
        if (
            size != change.last_size
            or checkpoint.origin != change.old.name
            or not verify_inclusion(leaf_hash(entry), seq, size, path, root)
        ):
            raise BadNote("is not proven by a checkpoint of the old key")
        if change.old != self.current and not self._former:
            return  # the change is older than the first given key
        self.add_change(change)
        self.settle(size)


def _signed(key: Verifier, note: str) -> bool:
    try:
        key.verify(note)
    except BadNote:
        return False
    return True
