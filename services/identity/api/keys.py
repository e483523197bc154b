"""The route that shows the public keys of tokens."""

from fastapi import APIRouter, Response

from services.identity.api.views import KeySetOut, PublicKeyOut
from services.identity.service import Work

router = APIRouter(tags=["keys"])


@router.get("/.well-known/jwks.json")
async def get_jwks(work: Work, response: Response) -> KeySetOut:
    """Show the public keys, including former keys until their last token expires."""
    response.headers["Cache-Control"] = "public, max-age=15"
    keys = await work.keys.valid(work.now)
    return KeySetOut(
        keys=[PublicKeyOut(kid=key.kid, x=key.jwk["x"], y=key.jwk["y"]) for key in keys]
    )
