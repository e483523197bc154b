"""The guards that several routes share."""

from typing import Annotated

from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission

HoldRead = Annotated[Grant, access(Permission.HOLD_READ)]
HoldReadForPurpose = Annotated[Grant, access(Permission.HOLD_READ, purpose_needed=True)]
HoldManageOfRecord = Annotated[Grant, access(Permission.HOLD_MANAGE, scope_by_record=True)]
ImageReadOfRecord = Annotated[Grant, access(Permission.IMAGE_READ, scope_by_record=True)]
RecordCorrectOfRecord = Annotated[Grant, access(Permission.RECORD_CORRECT, scope_by_record=True)]
AccuracyMeasure = Annotated[Grant, access(Permission.ACCURACY_MEASURE)]
AccuracyMeasureForPurpose = Annotated[
    Grant, access(Permission.ACCURACY_MEASURE, purpose_needed=True)
]
