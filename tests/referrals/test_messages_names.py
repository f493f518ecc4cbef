"""A first name is shown to strangers only if it looks like one."""

import pytest

from referrals import names
from referrals.models import Advocate


@pytest.mark.parametrize(
    "name",
    [
        "Ann",
        " Ann ",
        "Ann\tLee",
        "Zoë",
        "Jean-Luc",
        "O'Neil",
        "D\u2019Arcy",
        "J. R.",
        "J.R.R.",
        "Mary Ann",
        "Ольга",
        "美咲",
        "मीरा",
        "نور",
        "Ngô",
        "Gal·la",
        "GAL·LA",
        "让·雅克",
        "ジャン・ジャック",
        "ｼﾞｬﾝ･ｼﾞｬｯｸ",
        "ကျော်",
        "ကြွေး",
        "မြွှော်း",
        "ស្រីមុំ",
        "བསྟན་འཛིན",
        "བཀྲ་ཤིས་",
        "ኃይለ፡ሥላሴ",
        "ක්\u200dරිෂාන්",
        "മോഹന\u0d4d\u200d",
        "رضا\u200cعلی",
        "让\u2022雅克",
        "col\u2022la",
        "J.-P.",
        "J.\u2011P.",
        "'Ofa",
        "\u2018Alisi",
        "นิ้ง",
        "D`Angelo",
        "Anne\u2011Marie",
        "Anne\u2013Marie",
        "\u05d2\u05f3\u05d5\u05e8\u05d2\u05f3",
        "Ng\u2018ang\u2018a",
    ],
)
def test_names_of_any_script_are_shown(name: str) -> None:
    assert names.shown(Advocate(first_name=name)) == " ".join(name.split())


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "'",
        "-Ann",
        "Ann1",
        "evil.com",
        "t.co",
        "www evil",
        "visit https",
        "evil.example/x",
        "a@b",
        "Ann!",
        "🍵",
        "Ann <b>",
        "Buy now at my great shop",
        "a" * 41,
        "Z\u0351\u0352\u0353\u0354algo",
        "evil\u3002com",
        "evil\u2024com",
        "evil\uff0ecom",
        "ann..com",
        "evil\u00b7com",
        "evil\u2027com",
        "buy\u30fbnow",
        "·Ann",
        "evil\u2022com",
        "evil\u0387com",
        "''Ann",
        "' Ann",
        "က" + "\u103b" * 9,
        "a\u0301\u0302\u0303\u0304",
        "A\0nn\x1b[31m",
        "\ud800",
    ],
)
def test_anything_else_is_a_friend(name: str) -> None:
    assert names.shown(Advocate(first_name=name)) == "A friend"


def test_what_cannot_be_seen_is_left_out() -> None:
    assert names.shown(Advocate(first_name="A\u202en\0\u200d\u200cn\u200b")) == "Ann"


def test_a_line_is_one_line() -> None:
    assert names.line(" a\r\nb\u2028c\x85\x0bd\0\x1b\u202ee ") == "a b c de"
    assert names.line("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("email", "masked"),
    [("ben@example.com", "b…@e….com"), ("b@mail.example.co.uk", "b…@m….uk"), ("x@y", "x…@…y"), ("", "…@…")],
)
def test_a_masked_address_is_known_to_its_owner_only(email: str, masked: str) -> None:
    assert names.masked(email) == masked
