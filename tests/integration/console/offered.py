"""Reads what an open page offers."""

import re


def forms(browser):
    """Return the actions of the open page's forms, without that of the one to sign out."""
    return sorted(
        set(re.findall(r'method="post" action="([^"]+)"', browser.page.text)) - {"/sign-out"}
    )


def fault_beside(page):
    """Return the ids of the fields of a page beside which a fault stands."""
    found = re.findall(r'<(?:input|select|textarea) id="(\w+)"[^>]* aria-invalid="true"', page.text)
    assert page.text.count('aria-invalid="true"') == len(found)
    return found
