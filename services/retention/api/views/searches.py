"""Pages of reads, and look-alikes, in answers."""

from datetime import datetime

from pydantic import BaseModel

from services.retention.actions.searches import FoundReads, ReadsPage
from services.retention.api.views.records import ReadOut, reads_out
from services.retention.store.search import LookalikePlates
from shared.access.grant import Grant
from shared.accounts.picture_links import PictureLinks
from shared.core.regions import Region
from shared.http.models import CountOut, Page


class ReadsOut(Page[ReadOut]):
    """A page of reads, newest first; its `next` belongs to the same request."""

    captured_from: datetime | None = None
    """The searched window, without the time for which the schedule keeps no records."""
    captured_to: datetime | None = None
    searched_from: datetime | None = None
    """The begin of the part of the window that is searched so far, if the search ended this page for its time. The
    page may then have fewer reads than `limit`, or none; `next` continues."""
    region: str | None = None
    """The region of the search, in its full form."""
    taken_from: str | None = None
    """The short form in the request that was read as `region`."""


class LookalikeOut(BaseModel):
    """A plate that matches with look-alikes, and its newest read."""

    plate: str
    likelihood: float
    """Relative to a plate that matches as typed, which has 1; less for each character that a reader may confuse."""
    newest: ReadOut


class LookalikesOut(BaseModel):
    """The plates that match with look-alikes, the most likely first, and the equally likely in order of the text."""

    items: list[LookalikeOut]
    more: bool
    """Whether further plates match, none of them more likely, or may match, because the search ended for its time. Give
    more known characters or a shorter window to see them."""

    @classmethod
    def of(cls, found: LookalikePlates, grant: Grant, links: PictureLinks) -> "LookalikesOut":
        """Return the view of plates."""
        reads = reads_out([one.newest for one in found.plates], grant, links)
        items = [
            LookalikeOut(plate=read.plate, likelihood=one.likelihood, newest=read)
            for one, read in zip(found.plates, reads, strict=True)
        ]
        return cls(items=items, more=found.more)


def reads_page(page: ReadsPage, grant: Grant, links: PictureLinks) -> ReadsOut:
    """Return the view of a page of reads."""
    return ReadsOut(items=reads_out(page.reads, grant, links), next=page.next)


def found_reads(
    found: FoundReads, region: Region | None, grant: Grant, links: PictureLinks, *, counted: bool
) -> ReadsOut:
    """Return the view of a page of a search; `counted` adds the number of its reads if that of all was not asked."""
    out = reads_page(found.page, grant, links)
    if found.count is not None:
        out.count = CountOut(value=found.count.value, at_least=found.count.at_least)
    elif counted:
        out.count = CountOut(value=len(out.items), at_least=out.next is not None)
    out.captured_from, out.captured_to = found.criteria.window
    out.searched_from = found.searched_from
    if region is not None:
        out.region, out.taken_from = region
    return out
