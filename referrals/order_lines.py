"""The line items of an order, as they are stored with it: sku, name, quantity and price.

They are told along, and cost no order: each is told as well as it can be.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import Any, TypedDict

from referrals import money, text

MOST = 1_000
LONGEST_SKU = 100
LONGEST_NAME = 255

_LEAST = Decimal(1).scaleb(-money.DECIMAL_PLACES)


class Line(TypedDict):
    sku: str
    name: str
    quantity: int | float | None  # None where it is not known
    price: str | None  # of one piece, a decimal string in the currency of the order; of a voucher below nought


def read(lines: object, currency: str) -> list[Line]:
    """The lines, each {sku, name, quantity, price}; `price` and `quantity` may be any number, or a string of one.

    What is too long is cut, what has too many decimals is rounded, what cannot be read is left out.
    """
    if isinstance(lines, Mapping):
        lines = [lines] if lines else []
    if not isinstance(lines, Iterable) or isinstance(lines, str | bytes):
        return []
    return [_line(line, currency) for line in islice(lines, MOST) if isinstance(line, Mapping)]


def _line(line: Mapping[str, Any], currency: str) -> Line:
    price = money.told(line.get("price"), currency)
    return Line(
        sku=text.told(line.get("sku"), LONGEST_SKU),
        name=text.told(line.get("name"), LONGEST_NAME),
        quantity=_quantity(line.get("quantity", 1)),
        price=None if price is None else str(price),
    )


def _quantity(given: object) -> int | float | None:
    number = money.read(given)
    if number is None:
        return None
    number = number.quantize(_LEAST, ROUND_HALF_UP)
    return int(number) if number == int(number) else float(number)
