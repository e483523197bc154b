"""The public keys that verify tokens."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.identity.service import Work

router = APIRouter(tags=["keys"])


class PublicKey(BaseModel):
    """A public signing key (RFC 7517)."""

    kid: str
    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    x: str
    y: str
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


class KeySet(BaseModel):
    """The keys that verify now (RFC 7517)."""

    keys: list[PublicKey]


@router.get("/.well-known/jwks.json")
async def get_jwks(work: Work, response: Response) -> KeySet:
    """Show the public keys, those that retire included, until their last token is gone."""
    response.headers["Cache-Control"] = "public, max-age=15"
    keys = await work.keys.valid(work.now)
    return KeySet(keys=[PublicKey(kid=key.kid, x=key.jwk["x"], y=key.jwk["y"]) for key in keys])
