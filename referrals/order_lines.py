"""The line items of an order, as they are stored with it: sku, name, quantity and price."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, TypedDict

from referrals import money, text

MOST = 1_000
MOST_OF_ONE = 1_000_000


class Line(TypedDict):
    sku: str
    name: str
    quantity: int
    price: str  # of one piece, a decimal string in the currency of the order


def read(lines: Iterable[Mapping[str, Any]], currency: str) -> list[Line]:
    """The lines, each {sku, name, quantity, price}, checked; `price` may be a Decimal, int or string.

    ValidationError names the line (from 1) and what is wrong with it.
    """
    if not isinstance(lines, Iterable) or (isinstance(lines, str | bytes | Mapping) and lines):
        raise text.refused("lines", "is not a list. Give a list of {sku, name, quantity, price}.")
    given = list(islice(lines, MOST + 1))
    if len(given) > MOST:
        raise text.refused("lines", f"is too long. An order has at most {MOST} lines.")
    return [_line(line, currency, f"lines[{number}]") for number, line in enumerate(given, start=1)]


def _line(line: Mapping[str, Any], currency: str, where: str) -> Line:
    if not isinstance(line, Mapping) or set(line) - {"sku", "name", "quantity", "price"}:
        raise text.refused(where, "is not a line. Give sku, name, quantity and price, and nothing else.")
    quantity = line.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= MOST_OF_ONE:
        raise text.refused(f"{where}.quantity", "is not a number of pieces. Give a whole number from 1.")
    return Line(
        sku=text.clean(line.get("sku", ""), f"{where}.sku", 100),
        name=text.clean(line.get("name", ""), f"{where}.name", 255),
        quantity=quantity,
        price=str(money.amount(line.get("price"), currency, f"{where}.price")),
    )
