"""The guard that routes share, and checks of a person: is of a registered agency, may download."""

from dataclasses import replace
from typing import Annotated

from fastapi import Request

from services.release.domain.problem_codes import Code
from services.release.domain.requests import (
    Agency,
    check_recipient,
    check_treatment,
    treatment,
)
from services.release.store import Agencies
from services.release.store import Request as OnFile
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.service.api_runtime import runtime_of

ReleaseRead = Annotated[Grant, access(Permission.RELEASE_READ)]


async def registered_agency(work: Work, grant: Grant) -> Agency:
    """Return the requester's agency. Raises: NotAuthorised if it is barred or unknown."""
    ori = grant.principal.agency_ori
    agency = await Agencies(work.connection).get(ori)
    if agency is None:
        raise NotAuthorised(Code.AGENCY_NOT_REGISTERED, ori=ori)
    if not agency.active:
        raise NotAuthorised(Code.AGENCY_BARRED, ori=ori)
    return agency


def check_agency(request: Request, agency: Agency, found: OnFile) -> None:
    """Raise NotAuthorised if the agency, as it is registered now, may not receive the package."""
    sharing = runtime_of(request).policy.sharing
    how = treatment(agency, sharing.recipients, sharing.states)
    check_treatment(found.facts, how, sharing.refused_citation)


def check_downloader(request: Request, grant: Grant, found: OnFile) -> None:
    """Raise NotAuthorised if an approver is, or might be, a provisioner of the downloader."""
    account_id = grant.principal.account_id
    own = runtime_of(request).people.provisioned(account_id)
    facts = replace(found.facts, account_by=own.by, provisioners_known=own.known)
    check_recipient(facts, filed_it=found.filed_by.person_id == account_id)
