"""The command line of the log, run as an auditor runs it."""

import asyncio
from base64 import b64encode

import pytest

from services.audit.__main__ import COMMANDS
from services.audit.spec import SPEC
from shared.core.signed_notes import Signer
from shared.service.command import status_of
from shared.testing import all_mac_keys, mac_key_text
from tests.integration.audit.conftest import SEED

ORIGIN = "plateward.local/audit/2"


VERIFIER = Signer(ORIGIN, SEED).verifier


@pytest.fixture
def command(settings, monkeypatch, capsys):
    """Runs the command line on the test's database; returns its exit status and its output."""

    async def call(*arguments, key=True):
        monkeypatch.setenv("DATABASE_URL", settings.database_url)
        monkeypatch.setenv("POLICY_FILE", str(settings.policy_file))
        monkeypatch.setenv("EVENT_MAC_KEY", mac_key_text("audit"))
        monkeypatch.setenv("AUDIT_EVENT_MAC_KEYS", all_mac_keys())
        monkeypatch.delenv("AUDIT_SIGNING_KEY", raising=False)
        if key:
            monkeypatch.setenv("AUDIT_SIGNING_KEY", b64encode(SEED).decode())
        status = await asyncio.to_thread(status_of, SPEC, COMMANDS, arguments)
        said = capsys.readouterr()
        return status, said.out + said.err

    return call
