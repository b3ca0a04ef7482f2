"""What a page may do: a content-security policy that allows the code it was written with, and
nothing else (Content Security Policy Level 3, https://www.w3.org/TR/CSP3/).

Code in a page is allowed by its digest. So whatever else comes into the page, by a name of a player
or of a game perhaps, is text and never runs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import Final

_CODE: Final = re.compile(r"<(script|style)( [^>]*)?>(.*?)</\1>", re.DOTALL)
_DATA: Final = re.compile(r'type="(application/json|text/plain)"')
_HEAD: Final = '<meta charset="utf-8">\n'


def policy(page: str, *directives: str) -> str:
    """The policy of a page that is complete in itself, as the value of a header.

    Args:
        page: its HTML, with all scripts and style sheets in it.
        directives: what else it may do, such as "connect-src 'self'", or may not. What begins with
            the name of another directive is added to that.
    """
    allowed = {"default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'none'"]}
    allowed["img-src"] = ["data:"]  # its icon
    for kind, attributes, text in _CODE.findall(page):
        if not _DATA.search(attributes):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            allowed.setdefault(f"{kind}-src", []).append(f"'sha256-{digest}'")
    for directive in directives:
        name, *sources = directive.split()
        allowed.setdefault(name, []).extend(sources)
    return "; ".join(" ".join([name, *sources]) for name, sources in allowed.items())


def with_policy(page: str, *directives: str) -> str:
    """A page that is complete in itself with its policy in its head, where it may be a file."""
    content = escape(policy(page, *directives), quote=True).replace("&#x27;", "'")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{content}">\n'
    return page.replace(_HEAD, _HEAD + meta, 1)
