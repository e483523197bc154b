"""Feeds and layouts in answers."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.hotlist.actions.feeds import Issued
from services.hotlist.domain.feeds import Feed


class FeedOut(BaseModel):
    """A feed of a hot list, without its credential."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    feed_id: UUID
    list_id: UUID
    name: str
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None
    ended: bool
    """It delivers nothing any more: it is revoked, or past its end."""

    last_delivered_at: datetime | None
    """When it last delivered a file that became a version, or one that had before."""

    @classmethod
    def of(cls, feed: Feed, now: datetime) -> Self:
        """Return a feed as the API shows it at `now`."""
        return cls(**asdict(feed), ended=not feed.is_live(now))


class IssuedFeedOut(BaseModel):
    """A feed with its credential, which is shown only once and stored nowhere."""

    feed: FeedOut
    credential: Annotated[
        str,
        Field(
            description="`<feed id>.<secret>`, for Authorization: Bearer.",
            examples=[
                "7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.PMkTCyJ0qPazLQ7_s3cr3t_example_only_00"
            ],
        ),
    ]

    @classmethod
    def of(cls, issued: Issued, now: datetime) -> Self:
        """Return what is shown once."""
        return cls(feed=FeedOut.of(issued.feed, now), credential=issued.credential)
