"""Serves the OpenAPI page at /docs from local files, since a police network may not reach a CDN."""

from functools import cache
from importlib.resources import files

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

PAGE, SCRIPT, STYLE = "/docs", "/docs/swagger-ui.js", "/docs/swagger-ui.css"
DOCS = frozenset({PAGE, SCRIPT, STYLE})
"""Paths without a guard; none shows ALPR data."""

_NO_ICON = "data:,"


def add_docs(app: FastAPI) -> None:
    """Serve Swagger UI from the files in the package fastapi-offline."""
    for path, route in ((PAGE, page), (SCRIPT, script), (STYLE, style)):
        app.get(path, include_in_schema=False)(route)


async def page(request: Request) -> HTMLResponse:
    """The page that lists this service's routes and sends test requests to them."""
    below = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{below}/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{below}{SCRIPT}",
        swagger_css_url=f"{below}{STYLE}",
        swagger_favicon_url=_NO_ICON,
    )


async def script() -> Response:
    """Swagger UI's script."""
    return Response(_static("swagger-ui-bundle.js"), media_type="text/javascript")


async def style() -> Response:
    """Swagger UI's stylesheet."""
    return Response(_static("swagger-ui.css"), media_type="text/css")


@cache
def _static(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
