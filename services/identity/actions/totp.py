"""The second factor: time-based codes (RFC 6238), six digits, 30 s, each accepted once."""

import hmac
from datetime import datetime

import pyotp

STEP_S = 30
WINDOW_STEPS = 1
"""The codes of the steps before and after are accepted too: clocks differ and typing takes time."""


def new_secret() -> str:
    """Return a fresh secret of 160 bits in base32."""
    return pyotp.random_base32(32)


def provisioning_uri(secret: str, username: str, issuer: str) -> str:
    """Return the otpauth:// address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret, name=username, issuer=issuer, interval=STEP_S).provisioning_uri()


def step_at(now: datetime) -> int:
    """Return the number of the 30 s step that `now` is in."""
    return int(now.timestamp()) // STEP_S


def is_of_step(secret: str, code: str, now: datetime, step: int) -> bool:
    """Return whether this is the code of `step`, and `step` is within the window of `now`."""
    near = abs(step - step_at(now)) <= WINDOW_STEPS
    same = hmac.compare_digest(
        pyotp.TOTP(secret, interval=STEP_S).generate_otp(max(step, 0)).encode(), code.encode()
    )
    return near and same


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the step whose code this is, or None.

    Only steps after `last_step` count, so each code works once (CJIS Security Policy 5.9.5).
    """
    totp = pyotp.TOTP(secret, interval=STEP_S)
    current = step_at(now)
    found = None
    for step in range(current - WINDOW_STEPS, current + WINDOW_STEPS + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
        if same and step > last_step and found is None:
            found = step
    return found
