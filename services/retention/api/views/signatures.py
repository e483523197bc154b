"""Signatures of documents in answers."""

from pydantic import BaseModel


class SignatureOut(BaseModel):
    """The signature of a document's canonical form: sorted keys, no spaces, UTF-8, without `signature`."""

    algorithm: str
    key_id: str
    value: str
