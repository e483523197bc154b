"""Cookies, and the headers that isolate pages from other sites."""

from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION = "plateward_session"
PURPOSE = "plateward_purpose"
KNOWN = "plateward_known"
"""The cookie with the accounts that signed in here before; it outlasts the session and the browser (ADR-0033)."""

BROWSER = "plateward_browser"
"""The cookie that binds forms to the browser that got them; it is not a person's secret."""

MAX_COOKIE_BYTES = 4096
"""Browsers silently drop a larger one (RFC 6265, 6.1)."""

HEADERS = {
    # Only our own style sheet, script and pictures; no inline code; no embedding in frames.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With no-referrer, browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


@dataclass
class Jar:
    """Cookies to set with the response to one request; None removes one."""

    changed: dict[str, str | None] = field(default_factory=dict)
    lasting_s: dict[str, int] = field(default_factory=dict)
    """Lifetime of cookies that outlast the browser, in seconds."""

    def lines(self, *, path: str, secure: bool) -> list[str]:
        """Return the Set-Cookie headers."""
        attributes = f"Path={path}; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
        return [
            self._line(name, value, path, secure, attributes)
            for name, value in self.changed.items()
        ]

    def _line(self, name: str, value: str | None, path: str, secure: bool, attributes: str) -> str:
        given = name_of(name, path=path, secure=secure)
        lasting_s = 0 if value is None else self.lasting_s.get(name)
        age = "" if lasting_s is None else f" Max-Age={lasting_s};"
        return f"{given}={value or ''};{age} {attributes}"


def name_of(cookie: str, *, path: str, secure: bool) -> str:
    """Return a cookie's full name.

    Over https browsers accept it only from this very host over TLS (`__Host-`) or, below a path prefix, only over TLS
    (`__Secure-`). Plain HTTP is for this machine only, and browsers refuse such names there.
    """
    if not secure:
        return cookie
    return f"__Host-{cookie}" if path == "/" else f"__Secure-{cookie}"


def cookie_of(request: Request, name: str) -> str:
    """Return a cookie of the request, "" without one."""
    path = f"{request.scope.get('root_path', '')}/"
    given = name_of(name, path=path, secure=request.url.scheme == "https")
    return request.cookies.get(given, "")


def jar_of(request: Request) -> Jar:
    """Return the cookies that the response to `request` will set."""
    jar: Jar = request.state.jar
    return jar


def set_cookie(request: Request, name: str, value: str, *, lasting_s: int | None = None) -> None:
    """Set a cookie that ends with the browser, or after `lasting_s` seconds."""
    if len(name) + len(value) > MAX_COOKIE_BYTES:
        message = f"the cookie {name} would have {len(value)} bytes; browsers drop it"
        raise ValueError(message)
    jar_of(request).changed[name] = value
    if lasting_s is not None:
        jar_of(request).lasting_s[name] = lasting_s


def drop_cookies(request: Request) -> None:
    """Remove the session's cookies."""
    jar_of(request).changed.update({SESSION: None, PURPOSE: None})


def origin_of(request: Request) -> str:
    """Return the console's origin, as the browser sees it."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


class Pages:
    """Middleware that adds the security headers and the handler's cookies to each response, and answers HEAD.

    HEAD is answered as GET without the content (RFC 9110, 9.3.2).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        jar = Jar()
        scope.setdefault("state", {})["jar"] = jar
        secure, path = scope["scheme"] == "https", f"{scope.get('root_path', '')}/"

        is_head = scope["method"] == "HEAD"

        async def answer(message: Message) -> None:
            if is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            if message["type"] == "http.response.start":
                fields = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    fields[name] = value
                for line in jar.lines(path=path, secure=secure):
                    fields.append("Set-Cookie", line)
            await send(message)

        asked = {**scope, "method": "GET"} if is_head else scope
        await self._app(asked, receive, answer)
