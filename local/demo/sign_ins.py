"""A demonstration that stays up: the sign-ins of its people, and their one-time codes.

They are no secrets: the department is invented, and its stack listens on this machine's loopback address alone.
"""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyotp

from local.demo.client import TOTP_STEP_S
from local.demo.department import Department
from local.stack.process import LocalError
from local.stack.state_file import StateFile

FILE = "sign-ins.json"
AHEAD_STEPS = 1
"""Identity accepts the code of the next step too."""

CHECK_EVERY_S = 0.2


@dataclass
class SignIn:
    """The sign-in of one person."""

    role: str
    username: str
    name: str
    title: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    last_step: int
    """The newest step whose code is used, or was given out."""


def sign_ins_of(people: Department) -> list[SignIn]:
    """Return the sign-in of each person."""
    return [
        SignIn(
            role=role,
            username=person.username,
            name=person.name,
            title=person.title,
            password=person.password,
            totp_secret=person.totp_secret,
            last_step=person.last_totp_step,
        )
        for role, person in people.by_role.items()
    ]


def write_sign_ins(folder: Path, sign_ins: Sequence[SignIn]) -> None:
    """Write the sign-ins beside the demonstration's data, readable by this account alone."""
    path = folder / FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump([asdict(one) for one in sign_ins], file, indent=1)


def read_sign_ins(folder: Path) -> list[SignIn]:
    """Return the sign-ins of the demonstration that is up. Raises: LocalError if none is."""
    if StateFile(folder / "stack" / "stack.json").read() is None or not (folder / FILE).exists():
        raise LocalError(f"no demonstration is up on {folder}: start it with `make demo KEEP=1`")
    return [SignIn(**one) for one in json.loads((folder / FILE).read_text())]


@dataclass(frozen=True)
class Code:
    """A one-time code, and the time from which identity accepts it, in seconds since 1970."""

    text: str
    accepted_from: float


def next_code(folder: Path, role: str, now: float) -> tuple[SignIn, Code]:
    """Return a person's next unused code, and record that it was given out.

    Args:
        role: the person's role in the demonstration, or the username.
        now: seconds since 1970.

    Raises: LocalError if no demonstration is up, or for an unknown role.
    """
    sign_ins = read_sign_ins(folder)
    found = next((one for one in sign_ins if role in (one.role, one.username)), None)
    if found is None:
        roles = ", ".join(one.role for one in sign_ins)
        raise LocalError(f"no such role: {role}; there are {roles}")
    found.last_step = max(int(now) // TOTP_STEP_S, found.last_step + 1)
    write_sign_ins(folder, sign_ins)
    text = pyotp.TOTP(found.totp_secret).generate_otp(found.last_step)
    return found, Code(text, (found.last_step - AHEAD_STEPS) * TOTP_STEP_S)


def wait_for_ctrl_c(stack_folder: Path) -> None:
    """Return on SIGINT or SIGTERM, or when the stack has ended, which only its state file shows."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _: received.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    state_file = StateFile(stack_folder / "stack.json")
    try:
        while not received and state_file.read() is not None:
            time.sleep(CHECK_EVERY_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_until(moment: float) -> None:
    """Wait until a moment, in seconds since 1970."""
    time.sleep(max(0.0, moment - time.time()))
