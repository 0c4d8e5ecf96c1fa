"""The spaces, hyphens and digits of other scripts and of fine print as the plain ones, each sign in its place."""

import re

SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
HYPHENS = "\u2010\u2011\u2012\u2212\ufe63\uff0d"
WIDE = dict(zip("（）．／＋＠", "()./+@", strict=True))
DIGITS = {chr(zero + at): str(at) for zero in (0xFF10, 0x0660, 0x06F0, 0x0966) for at in range(10)}
"""Of full width, Arabic, Persian and Devanagari"""
_SIGNS = dict.fromkeys(SPACES, " ") | dict.fromkeys(HYPHENS, "-") | WIDE | DIGITS
_PLAIN, _NOT_PLAIN = str.maketrans(_SIGNS), re.compile(f"[{''.join(_SIGNS)}]")
# scripts that write no space between words: Thai to Khmer, kana, ideographs, hangul
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u318f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U00020000-\U0003ffff]+"
)
# For patterns of RE2 over bytes and of Python alike: a sign outside ASCII is itself in both, but not within brackets.
SPACE = "|".join(SPACES)
BETWEEN_DIGITS = "|".join((*SPACES, *HYPHENS, *"（）．／"))
ANY_PLACE = "|".join((*DIGITS, "．", "＠"))
"""With one of these a text may hold a detail that the patterns of its plain signs miss."""


def plain(text: str) -> str:
    """As long as the text."""
    return text.translate(_PLAIN) if not text.isascii() and _NOT_PLAIN.search(text) else text


def parted(text: str) -> str:
    """As long as the text; letters of scripts without spaces become a sign that is part of no word, so that a number ends
    where they begin."""
    return text if text.isascii() else _UNSPACED.sub(lambda found: "、" * len(found[0]), text)
