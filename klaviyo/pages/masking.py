"""E-mail addresses where they leave the site."""


def masked(email: str) -> str:
    """What tells two people apart without naming them: b…n@f…s.test."""
    local, at, domain = email.rpartition("@")
    name, dot, end = domain.rpartition(".")
    return f"{_shortened(local)}{at}{_shortened(name)}{dot}{end}" if at else _shortened(email)


def _shortened(word: str) -> str:
    return f"{word[0]}…{word[-1]}" if len(word) > 2 else "…"
