"""Referral codes: 60 random bits in Crockford's base 32, which survives being read aloud.

See https://www.crockford.com/base32.html: no I, L, O or U; a reader's I and L mean 1, and O means 0.
"""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
LONGEST = 32

_TYPED = re.compile(rf"[{ALPHABET}ILO]{{8,{LONGEST}}}", re.ASCII | re.IGNORECASE)
_MISREAD = str.maketrans("ILO", "110")


def new() -> str:
    """A fresh code of 12 characters, 5 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read(typed: str) -> str | None:
    """The code as it is stored, however it was typed, or None when it cannot be one."""
    return typed.upper().translate(_MISREAD) if _TYPED.fullmatch(typed) else None
