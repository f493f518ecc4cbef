"""Currencies that have ended since 2000: what is stored in them is still shown, and their own time is still told of.

From list three of ISO 4217, https://www.six-group.com/en/products-services/financial-information/data-standards.html.
"""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Past:
    """`last` is the last month (year, month) in which anybody paid with it."""

    decimals: int
    last: tuple[int, int]

    def was_paid_in(self, moment: datetime) -> bool:
        there = moment.astimezone(UTC)
        return (there.year, there.month) <= self.last


_EURO = (2002, 3)

PAST: dict[str, Past] = {
    "ADP": Past(0, _EURO),
    "AFA": Past(2, (2003, 1)),
    "ANG": Past(2, (2025, 6)),
    "AON": Past(0, (2000, 2)),
    "ATS": Past(2, _EURO),
    "AYM": Past(2, (2005, 10)),
    "AZM": Past(2, (2006, 12)),
    "BEF": Past(0, _EURO),
    "BGL": Past(2, (2003, 11)),
    "BGN": Past(2, (2026, 1)),
    "BYB": Past(0, (2001, 12)),
    "BYR": Past(0, (2017, 1)),
    "CSD": Past(2, (2006, 10)),
    "CUC": Past(2, (2021, 6)),
    "CYP": Past(2, (2008, 1)),
    "DEM": Past(2, _EURO),
    "ECS": Past(0, (2000, 9)),
    "EEK": Past(2, (2011, 1)),
    "ESP": Past(0, _EURO),
    "FIM": Past(2, _EURO),
    "FRF": Past(2, _EURO),
    "GHC": Past(2, (2008, 1)),
    "GRD": Past(0, _EURO),
    "HRK": Past(2, (2023, 1)),
    "IEP": Past(2, _EURO),
    "ITL": Past(0, _EURO),
    "LTL": Past(2, (2015, 1)),
    "LUF": Past(0, _EURO),
    "LVL": Past(2, (2014, 1)),
    "MGF": Past(0, (2004, 12)),
    "MRO": Past(2, (2018, 12)),
    "MTL": Past(2, (2008, 1)),
    "MZM": Past(2, (2006, 12)),
    "NLG": Past(2, _EURO),
    "PTE": Past(0, _EURO),
    "ROL": Past(2, (2006, 12)),
    "RUR": Past(2, (2004, 1)),
    "SDD": Past(2, (2007, 7)),
    "SIT": Past(2, (2007, 1)),
    "SKK": Past(2, (2009, 1)),
    "SLL": Past(2, (2024, 3)),
    "SRG": Past(2, (2003, 12)),
    "STD": Past(2, (2018, 6)),
    "TJR": Past(0, (2001, 4)),
    "TMM": Past(2, (2009, 12)),
    "TPE": Past(0, (2002, 11)),
    "TRL": Past(0, (2006, 1)),
    "VEB": Past(2, (2008, 6)),
    "VEF": Past(2, (2018, 12)),
    "YUM": Past(2, (2003, 7)),
    "ZMK": Past(2, (2013, 6)),
    "ZWD": Past(2, (2008, 8)),
    "ZWL": Past(2, (2024, 9)),
    "ZWN": Past(2, (2006, 9)),
    "ZWR": Past(2, (2009, 6)),
}
