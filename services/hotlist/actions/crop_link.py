"""Makes the link by which a page fetches the picture of a hit."""

from datetime import datetime

from services.hotlist.domain.hits import Hit
from shared.access.grant import Grant
from shared.accounts.picture_links import PictureLinks
from shared.core.permissions import Permission


def crop_link(hit: Hit, grant: Grant, links: PictureLinks, now: datetime) -> str | None:
    """Return the token of a link to a hit's picture for the caller; None if there is none or they lack `hit:read`.

    A fetch by this link belongs to the access attempt whose answer contains the hit (ADR-0035).
    """
    if hit.crop_key is None or Permission.HIT_READ not in grant.principal.permissions:
        return None
    return links.token(grant.attempt_id, hit.hit_id, grant.principal.account_id, now)
