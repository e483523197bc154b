"""What a machine without Chromium is answered."""

import pytest

from tests.browser import chromium

pytestmark = [pytest.mark.browser, pytest.mark.smoke]


def test_a_missing_chromium_fails_and_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    with pytest.raises(
        chromium.NoChromium, match="apt-get install --no-install-recommends chromium"
    ):
        chromium.executable()
