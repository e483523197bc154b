"""Routes of the layout of a list's extracts."""

from uuid import UUID

from fastapi import APIRouter

from services.hotlist.actions import layouts
from services.hotlist.api.fields import LayoutIn, PreviewIn
from services.hotlist.api.guard import HotlistManage, HotlistManageForPurpose, HotlistRead
from services.hotlist.api.views.layouts import LayoutOut, PreviewOut
from services.hotlist.api.views.lists import ListOut
from services.hotlist.service import Running
from shared.http.app import Work

router = APIRouter(prefix="/v1/lists/{list_id}/layout", tags=["layouts"])


@router.get("")
async def get_layout(list_id: UUID, grant: HotlistRead, work: Work) -> LayoutOut:
    """Return the layout of a list's files; 404 for a list whose files are our own CSV."""
    return LayoutOut.of(await layouts.get_layout(work, grant, list_id))


@router.put("")
async def set_layout(
    list_id: UUID, body: LayoutIn, grant: HotlistManage, work: Work, hotlist: Running
) -> LayoutOut:
    """Have each file of a list read by this layout from now on; a file that is arriving is refused."""
    layout = body.layout()
    await layouts.set_layout(work, grant, list_id, layout, hotlist.runtime.policy)
    return LayoutOut.of(layout)


@router.post("/removal")
async def remove_layout(
    list_id: UUID, grant: HotlistManage, work: Work, hotlist: Running
) -> ListOut:
    """Have each file of a list read as our own CSV from now on."""
    policy = hotlist.runtime.policy
    hot_list = await layouts.set_layout(work, grant, list_id, None, policy)
    return ListOut.of(hot_list, policy.hotlists, work.clock.now())


@router.post("/preview")
async def preview_layout(
    list_id: UUID, body: PreviewIn, grant: HotlistManageForPurpose, work: Work, hotlist: Running
) -> PreviewOut:
    """Show how the lines of a sample would be read by a layout; stores neither."""
    policy = hotlist.runtime.policy
    return PreviewOut.of(
        await layouts.preview(work, grant, list_id, body.layout.layout(), body.sample, policy)
    )
