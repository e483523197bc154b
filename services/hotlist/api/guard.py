"""The guards that several routes of alerts, hits and lists share."""

from typing import Annotated

from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission

AlertReceive = Annotated[Grant, access(Permission.ALERT_RECEIVE)]
HitRead = Annotated[Grant, access(Permission.HIT_READ)]
HotlistRead = Annotated[Grant, access(Permission.HOTLIST_READ)]
HotlistReadForPurpose = Annotated[Grant, access(Permission.HOTLIST_READ, purpose_needed=True)]
HotlistManage = Annotated[Grant, access(Permission.HOTLIST_MANAGE)]
HotlistManageOfRecord = Annotated[Grant, access(Permission.HOTLIST_MANAGE, scope_by_record=True)]
"""For routes that bring plates into force; `actions.listed_plates` asks for the purpose and applies its scope."""

HotlistManageForPurpose = Annotated[Grant, access(Permission.HOTLIST_MANAGE, purpose_needed=True)]
"""Guards `ForPurpose` are for routes that show entries or lines of a file."""
