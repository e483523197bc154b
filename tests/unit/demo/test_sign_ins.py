"""The sign-ins of a demonstration that stays up: codes that work once, and an end on Ctrl-C."""

import os
import signal
import threading
import time
from io import StringIO
from pathlib import Path

import pyotp
import pytest
from rich.console import Console

from local.demo.sign_ins import SignIn, next_code, read_sign_ins, wait_for_ctrl_c, write_sign_ins
from local.demo.table import print_sign_ins
from local.stack.process import LocalError
from local.stack.state_file import StateFile

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_780_000_000.0
STEP = int(NOW) // 30


PASSWORD = "bGb5894XM_7mI4FuE4abcQ"


def an_officer(last_step: int = STEP - 5) -> SignIn:
    return SignIn(
        "officer", "o.lindqvist", "Ola Lindqvist", "Police Officer", PASSWORD, SECRET, last_step
    )


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The folder of a demonstration that is up."""
    (tmp_path / "stack").mkdir()
    StateFile(tmp_path / "stack" / "stack.json").write({}, {}, "")
    write_sign_ins(tmp_path, [an_officer()])
    return tmp_path


@pytest.mark.parametrize("role", ["officer", "o.lindqvist"])
def test_each_code_is_issued_once_with_the_time_from_which_it_is_accepted(
    demo: Path, role: str
) -> None:
    given = [next_code(demo, role, NOW)[1] for _ in range(3)]
    totp = pyotp.TOTP(SECRET)
    assert [code.text for code in given] == [totp.generate_otp(STEP + n) for n in range(3)]
    assert [code.accepted_from - (STEP - 1) * 30 for code in given] == [0, 30, 60]
    assert given[1].accepted_from <= NOW < given[2].accepted_from, "the third has to be waited for"


def test_a_code_that_enrolment_used_is_not_given_again(demo: Path) -> None:
    write_sign_ins(demo, [an_officer(last_step=STEP)])
    assert next_code(demo, "officer", NOW)[1].text == pyotp.TOTP(SECRET).generate_otp(STEP + 1)


def test_the_sign_ins_file_is_readable_only_by_its_owner(demo: Path) -> None:
    assert (demo / "sign-ins.json").stat().st_mode & 0o777 == 0o600
    assert read_sign_ins(demo) == [an_officer()]
    assert PASSWORD not in repr(an_officer())
    assert SECRET not in repr(an_officer())


def test_an_unknown_role_and_an_ended_demonstration_are_reported(demo: Path) -> None:
    with pytest.raises(LocalError, match="no such role: chief; there are officer"):
        next_code(demo, "chief", NOW)
    StateFile(demo / "stack" / "stack.json").remove()
    with pytest.raises(LocalError, match=r"make demo KEEP=1"):
        next_code(demo, "officer", NOW)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_sign_ins_are_printed_whole_with_the_way_to_the_next_code(
    demo: Path, width: int
) -> None:
    said = StringIO()
    console = Console(file=said, width=width)
    print_sign_ins(console, "http://127.0.0.1:8200/console", [an_officer()], demo)
    for text in (
        "http://127.0.0.1:8200/console/",
        PASSWORD,
        f"plateward demo code --folder {demo} ROLE",
        f"plateward status --folder {demo / 'stack'}",
        "These are no secrets",
        "loopback",
        "Ctrl-C",
    ):
        assert text in said.getvalue().replace("\n", " ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(demo: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), number))
    timer.start()
    wait_for_ctrl_c(demo / "stack")
    timer.join()
    assert signal.getsignal(number) is before


def test_the_wait_ends_when_the_stack_stops(demo: Path) -> None:
    timer = threading.Timer(0.1, StateFile(demo / "stack" / "stack.json").remove)
    began = time.monotonic()
    timer.start()
    wait_for_ctrl_c(demo / "stack")
    assert time.monotonic() - began < 60
