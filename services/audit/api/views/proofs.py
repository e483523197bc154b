"""Proofs of the log, and its keys, in answers."""

from base64 import b64encode

from pydantic import BaseModel, ConfigDict, Field

from services.audit.actions.proofs import Consistency, Inclusion, LogKey


class InclusionProofOut(BaseModel):
    """Proof that an entry is in the log (RFC 6962, 2.1.1). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seq": 0,
                    "size": 2,
                    "leaf_hash": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "root_hash": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    seq: int
    size: int
    leaf_hash: str
    root_hash: str
    path: list[str]

    @classmethod
    def of(cls, proof: Inclusion) -> "InclusionProofOut":
        """Return the view of a proof."""
        return cls(
            seq=proof.seq,
            size=proof.size,
            leaf_hash=_base64(proof.leaf_hash),
            root_hash=_base64(proof.root_hash),
            path=[_base64(value) for value in proof.path],
        )


class ConsistencyProofOut(BaseModel):
    """Proof that a log extends an older one (RFC 6962, 2.1.2). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "old_size": 1,
                    "new_size": 2,
                    "old_root": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "new_root": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    old_size: int
    new_size: int
    old_root: str
    new_root: str
    path: list[str]

    @classmethod
    def of(cls, proof: Consistency) -> "ConsistencyProofOut":
        """Return the view of a proof."""
        return cls(
            old_size=proof.old_size,
            new_size=proof.new_size,
            old_root=_base64(proof.old_root),
            new_root=_base64(proof.new_root),
            path=[_base64(value) for value in proof.path],
        )


class KeyOut(BaseModel):
    """A key of the log and the range of checkpoint sizes that it signs."""

    verifier_key: str = Field(description="C2SP signed-note: name+hash+key")
    first_size: int
    last_size: int | None = Field(description="Null for the current key")

    @classmethod
    def of(cls, key: LogKey) -> "KeyOut":
        """Return the view of a key."""
        return cls(verifier_key=key.key.vkey, first_size=key.first_size, last_size=key.last_size)


class KeysOut(BaseModel):
    """The log's name and its keys, oldest first. An entry of the log changes each key to the next."""

    origin: str
    keys: list[KeyOut]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
