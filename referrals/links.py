"""Public links as people follow them: without what sticks to them, and with the campaign parameters they carry.

Mail programs, chats and people add to a link what stands around it: a full stop, a bracket, a quote, the next sentence
without a space, words of a language without spaces.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, unquote_plus

from django.http import HttpRequest

LONGEST_CAMPAIGN = 2_000  # of all parameters together

#: What advertisers and mailers add to links, by which a shop's own statistics and scripts know where somebody is from.
_CAMPAIGN = re.compile(
    r"(?:utm|mtm|pk|piwik|matomo|hsa|gad)_\w+|_(?:kx|ke|hsenc|hsmi|branch_match_id)|gclid|gclsrc|gbraid|wbraid|dclid"
    r"|srsltid|fbclid|igshid|igsh|msclkid|ttclid|twclid|li_fat_id|rdt_cid|epik|sccid|yclid|ysclid|ymclid|qclid|obclid"
    r"|mc_[ce]id|mkt_tok|s_kwcid|ef_id|cjevent|awc|irclickid|irgwc|clickid|wicked(?:id|source)|_openstat|vero_(?:id|conv)"
    r"|tblci|dicbo|sscid|tduid|ran(?:mid|eaid|siteid)|rb_clickid|nb_klid|dm_i|bsft_\w+|oly_(?:enc|anon)_id|sfmc_\w+"
    r"|ml_subscriber(?:_hash)?|trk_\w+|elqtrackid|gad|_gl|_ga|at_\w+|xtor|s_cid|wt[._]mc(?:_id)?|itm_\w+|_bta_\w+|__s"
    r"|__hs\w+|hsctatracking|_branch_referrer|et_[cr]id|mi_u|spm|tw_(?:source|campaign|adid|medium)|pins_campaign_id",
    re.IGNORECASE,
)
#: Those that say which campaign it was; the others are about who has clicked.
_ABOUT_NOBODY = re.compile(r"(?:utm|mtm|pk|piwik|matomo)_\w+", re.IGNORECASE)

# Of all words only a signed token has a full stop within, with its signature behind.
_WORD = re.compile(r"[a-z0-9](?:[\w/-]|\.(?=[\w-]{43}))*", re.ASCII | re.IGNORECASE)
#: A query in a path.
_TIED = re.compile(r"(?P<sign>\?|&|%3F|%26)(?P<query>.*)", re.DOTALL | re.IGNORECASE)
_AS_IT_IS = "=&;/:@!$'()*,~+"  # of a query: https://www.rfc-editor.org/rfc/rfc3986#section-3.4

_SLUG = re.compile(r"[\w-]+", re.ASCII)


def trimmed(word: str) -> str:
    """A code, an id or a signed token without what sticks to it; what is none comes out as something else than one.

    None of them ends in a sign: the last of the 43 characters of a signature, 256 bits in base 64, is a letter or a
    digit (RFC 4648, 5).
    """
    found = _WORD.search(word)
    return found[0].rstrip("_/-") if found else ""


def before_words(code: str) -> str:
    """A code that is made of letters and digits alone, without what a sign of words within has tied to it."""
    return re.split("[-_]", code, maxsplit=1)[0]


class Word:
    """A path converter for a code, an id or a token, whatever sticks to it."""

    regex = "(?s:.+)"

    def to_python(self, value: str) -> str:
        return trimmed(value)

    def to_url(self, value: object) -> str:
        return str(value)


class Slug(Word):
    """Likewise for a slug, which may end in - or _."""

    def to_python(self, value: str) -> str:
        found = _SLUG.search(value)
        if not found:
            raise ValueError
        return found[0]


def query(request: HttpRequest) -> str:
    """The raw query string, and behind it what a mail program has tied to the path by an encoded question mark."""
    told = str(request.META.get("QUERY_STRING", ""))
    found = _TIED.search(request.path_info)
    if not found:
        return told
    is_encoded_twice = found["sign"].startswith("%")
    tied = unquote(found["query"]) if is_encoded_twice else found["query"]
    return "&".join(filter(None, (told, quote(tied, safe=_AS_IT_IS))))


def own(query: str) -> dict[str, str]:
    """The parameters of a raw query string, trimmed, as they are in it first; else as if it were encoded once more."""
    found: dict[str, str] = {}
    for told in (query, unquote_plus(query)):
        for piece in _pieces(told):
            found.setdefault(name(piece).removeprefix("amp;"), trimmed(unquote_plus(piece.partition("=")[2])))
    return found


def campaign(query: str) -> list[str]:
    """The campaign parameters of a raw query string, as "name=value" each; what is ours or anybody's is left out."""
    kept: list[str] = []
    for piece in _pieces(query):
        if _CAMPAIGN.fullmatch(name(piece)) and sum(map(len, kept)) + len(piece) <= LONGEST_CAMPAIGN:
            kept.append(printable(piece.encode("latin-1", "replace")))  # as WSGI has it: PEP 3333
    return kept


def about_nobody(pieces: Iterable[str]) -> list[str]:
    """Those of the parameters that say which campaign it was, and not who has clicked."""
    return [piece for piece in pieces if _ABOUT_NOBODY.fullmatch(name(piece))]


def name(piece: str) -> str:
    """The name of a parameter in a query string."""
    return unquote_plus(piece.partition("=")[0])


def _pieces(query: str) -> list[str]:
    return query.replace("&amp;", "&").split("&")  # as a link stands in HTML


def printable(address: str | bytes) -> str:
    """An address or a part of one, byte for byte but for what no header can hold, which is percent-encoded."""
    return quote(address, safe="".join(map(chr, range(0x21, 0x7F))))
