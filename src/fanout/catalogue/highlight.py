"""JSON as HTML with a class for each kind of token; the browser needs no script for it."""

import json
import re
from typing import Any

from markupsafe import Markup, escape

_TOKENS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)'
    r'|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<word>true|false|null)"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
)


def highlighted(value: Any) -> Markup:
    """Indented JSON; everything in it is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    parts: list[Markup] = []
    end = 0
    for token in _TOKENS.finditer(text):
        parts.append(escape(text[end : token.start()]))
        parts.append(Markup('<span class="j-{}">{}</span>').format(token.lastgroup, token.group()))
        end = token.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
