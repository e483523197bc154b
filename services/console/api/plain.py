"""Routes of files and health: style sheet, script, and probes for operators."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from services.console.api.pages import FOLDER
from services.console.service import ConsoleService
from shared.service.running import service_of

router = APIRouter()

FILES = {
    "alerts.js": "text/javascript",
    "attention.js": "text/javascript",
    "console.css": "text/css",
    "enrolment.js": "text/javascript",
    "idle.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "once.js": "text/javascript",
    "picture.js": "text/javascript",
    "security_key.js": "text/javascript",
    "tables.js": "text/javascript",
    "times.js": "text/javascript",
    "unseen.js": "text/javascript",
}


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Answer while the process runs and its event loop responds."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, str]:
    """Answer once the policy is loaded."""
    return await service_of(request.app, ConsoleService).check()


@router.get("/favicon.ico")
async def show_icon() -> FileResponse:
    """Return the icon, for which a browser asks here beside a picture or a file, which names none."""
    return await show_file("icon.svg")


@router.get("/static/{name}")
async def show_file(name: str) -> FileResponse:
    """Return a style sheet or a script."""
    if name not in FILES:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return FileResponse(FOLDER / "static" / name, media_type=FILES[name])
