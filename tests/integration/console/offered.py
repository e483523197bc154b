"""Reads what an open page offers."""

import re


def forms(browser):
    """Return the actions of the open page's forms, without that of the one to sign out."""
    return sorted(
        set(re.findall(r'method="post" action="([^"]+)"', browser.page.text)) - {"/sign-out"}
    )
