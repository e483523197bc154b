"""The data elements that a request asks for, as the access record keeps them."""

import json
from typing import Any

from fastapi import Request

from shared.bodies import MAX_BODY_BYTES as MOST_BYTES
from shared.errors import TooLarge

MAX_BODY_BYTES = 64 * 1024
MAX_TEXT = 500
_SECRET = ("password", "secret", "otp", "token", "totp")


async def elements_of(request: Request) -> dict[str, Any]:
    """Return path, query and JSON body of a request, cut to size and without secrets."""
    elements: dict[str, Any] = {
        name: str(value)[:MAX_TEXT] for name, value in request.path_params.items()
    }
    for name, value in request.query_params.multi_items():
        elements.setdefault(name[:MAX_TEXT], _hide(name, value[:MAX_TEXT]))
    if request.headers.get("content-type", "").startswith("application/json"):
        elements["body"] = _parsed(await _body(request))
    return elements


async def _body(request: Request) -> bytes:
    """Return the body; where the route itself takes files, no one has bounded it before this.

    Raises: TooLarge.
    """
    if not hasattr(request, "_body"):
        pieces, taken = [], 0
        async for piece in request.stream():
            taken += len(piece)
            if taken > MOST_BYTES:
                raise TooLarge(f"a JSON body has at most {MOST_BYTES // 1024} KiB")
            pieces.append(piece)
        request._body = b"".join(pieces)  # where Starlette keeps it, for whoever reads it next
    return await request.body()


def _parsed(body: bytes) -> Any:
    if len(body) > MAX_BODY_BYTES:
        return {"size_bytes": len(body)}
    try:
        return _clean(json.loads(body)) if body else None
    except (ValueError, RecursionError):
        return {"malformed": True, "size_bytes": len(body)}


def _clean(value: Any, depth: int = 0) -> Any:
    if depth > 8:
        return "..."
    if isinstance(value, dict):
        return {
            str(k)[:MAX_TEXT]: _hide(str(k), _clean(v, depth + 1))
            for k, v in list(value.items())[:200]
        }
    if isinstance(value, list):
        return [_clean(v, depth + 1) for v in value[:200]]
    if isinstance(value, str):
        # NUL and lone surrogates cannot be stored by Postgres or encoded as UTF-8.
        return value[:MAX_TEXT].replace("\x00", "\ufffd").encode(errors="replace").decode()
    return value


def _hide(name: str, value: Any) -> Any:
    return "[hidden]" if any(word in name.lower() for word in _SECRET) else value
