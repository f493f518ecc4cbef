"""Yes or no: the few words that can only be one of them; everything else is refused."""

from decimal import Decimal

from klaviyo.syncs.columns.cells import Trouble, plain, shown

# English, German, French, Spanish and Italian, and what spreadsheets write in these languages
YES = frozenset(
    ("true", "t", "yes", "y", "1", "on", "ja", "wahr", "oui", "vrai", "sí", "si", "verdadero", "sì", "vero")
)
NO = frozenset(("false", "f", "no", "n", "0", "off", "nein", "falsch", "non", "faux", "falso"))
_USUAL = {written: word in YES for word in YES | NO for written in (word, word.upper(), word.capitalize())}


def read(value: object, _warnings: list[str]) -> bool:
    """Whether it says yes. Raises Trouble for what says neither."""
    if type(value) is str and (known := _USUAL.get(value)) is not None:
        return known
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        if value in (0, 1):
            return value == 1
        raise Trouble(f"{shown(value)} is neither yes nor no")
    said = plain(value).strip().casefold()
    if said in YES:
        return True
    if said in NO:
        return False
    raise Trouble(f"{shown(said)} is neither yes nor no: it is written as yes or no, true or false, 1 or 0")
