"""Names, labels and messages from the wire, made harmless: they may hold anything that a file name may hold."""

from __future__ import annotations

import re
import unicodedata

# Categories that are not shown as they are: controls, formats (among them what turns the direction of text), lone
# surrogates, private and unassigned characters, separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLAIN_MARKDOWN = re.compile(r"[^\w .,/=()'%+→-]|_", re.ASCII)
_PLAIN_MERMAID = re.compile(r"[^\w .,/=()\[\]'+-]", re.ASCII)
_KEYWORD = re.compile(r"\b(e)(nd)\b", re.IGNORECASE)


def clean(text: str, length: int = 0) -> str:
    """The text on one line, everything invisible as an escape; cut to `length` characters where that is given."""
    shown = "".join(_visible(char) for char in text)
    return shown if not length or len(shown) <= length else shown[: length - 1] + "…"


def markdown(text: str, length: int = 0) -> str:
    """For a Markdown text or table cell: what might be markup, HTML, a link or a mention is a character reference."""
    shown = _PLAIN_MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", clean(text, length))
    return shown.replace("&#64;", "&#64;&#8203;")  # GitHub looks for mentions in what was rendered


def code(text: str, length: int = 0) -> str:
    """The same as code, where nobody looks for mentions."""
    return f"<code>{_PLAIN_MARKDOWN.sub(lambda found: f'&#{ord(found[0])};', clean(text, length))}</code>"


def mermaid(text: str, length: int = 0) -> str:
    """For a message or note of a sequence diagram; `end` would end a block there."""
    shown = _PLAIN_MERMAID.sub(lambda found: f"#{ord(found[0])};", clean(text, length))
    return _KEYWORD.sub(lambda found: f"#{ord(found[1])};{found[2]}", shown)


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    if unicodedata.category(char) not in _HIDDEN:
        return char
    return char.encode("unicode_escape").decode()
