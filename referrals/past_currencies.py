"""Currencies that have ended since 2000: what is stored in them is still shown, and their own time is still told of.

From list three of ISO 4217 (published 2026-01-01) and Unicode's CLDR 49; where they differ, the later month counts and
the more decimals: then no order of the currency's own time is refused.
https://www.six-group.com/en/products-services/financial-information/data-standards.html
https://github.com/unicode-org/cldr/blob/main/common/supplemental/supplementalData.xml
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

LAST_ZONE = timezone(timedelta(hours=-12))  # in which a month ends


@dataclass(frozen=True)
class Past:
    """`last` is the last month (year, month) in which anybody paid with it."""

    decimals: int
    last: tuple[int, int]

    def was_paid_in(self, moment: datetime) -> bool:
        there = moment.astimezone(LAST_ZONE)
        return (there.year, there.month) <= self.last


_EURO = (2002, 3)

PAST: dict[str, Past] = {
    "ADP": Past(0, (2003, 7)),
    "AFA": Past(2, (2003, 1)),
    "ANG": Past(2, (2025, 6)),
    "AON": Past(2, (2000, 2)),
    "AOR": Past(2, (2000, 2)),
    "ATS": Past(2, _EURO),
    "AYM": Past(2, (2005, 10)),
    "AZM": Past(2, (2006, 12)),
    "BEF": Past(0, _EURO),
    "BGL": Past(2, (2003, 11)),
    "BGN": Past(2, (2026, 1)),
    "BYB": Past(0, (2001, 1)),
    "BYR": Past(0, (2017, 1)),
    "CSD": Past(2, (2006, 10)),
    "CUC": Past(2, (2021, 6)),
    "CYP": Past(2, (2008, 1)),
    "DEM": Past(2, (2002, 5)),
    "ECS": Past(2, (2000, 10)),
    "EEK": Past(2, (2011, 1)),
    "ESP": Past(0, _EURO),
    "FIM": Past(2, _EURO),
    "FRF": Past(2, _EURO),
    "GHC": Past(2, (2008, 1)),
    "GRD": Past(0, _EURO),
    "HRK": Past(2, (2023, 1)),
    "IEP": Past(2, _EURO),
    "ITL": Past(0, _EURO),
    "LTL": Past(2, (2015, 1)),  # beside the euro: http://euro.lt/en/individuals/dual-circulation-period
    "LUF": Past(0, _EURO),
    "LVL": Past(2, (2014, 1)),
    "MGF": Past(0, (2004, 12)),
    "MRO": Past(2, (2018, 6)),
    "MTL": Past(2, (2008, 1)),
    "MZM": Past(2, (2006, 12)),
    "NLG": Past(2, _EURO),
    "PTE": Past(0, _EURO),
    "ROL": Past(2, (2006, 12)),
    "RUR": Past(2, (2004, 1)),
    "SDD": Past(2, (2007, 7)),
    "SIT": Past(2, (2007, 1)),
    "SKK": Past(2, (2009, 1)),
    "SLL": Past(2, (2023, 12)),
    "SRG": Past(2, (2003, 12)),
    "STD": Past(2, (2017, 12)),
    "TJR": Past(2, (2001, 4)),
    "TMM": Past(2, (2009, 1)),
    "TPE": Past(0, (2002, 11)),
    "TRL": Past(0, (2005, 12)),
    "VEB": Past(2, (2008, 6)),
    "VEF": Past(2, (2018, 8)),
    "YUM": Past(2, (2003, 7)),
    "ZMK": Past(2, (2013, 1)),
    "ZWD": Past(2, (2008, 8)),
    "ZWL": Past(2, (2024, 9)),
    "ZWN": Past(2, (2006, 9)),
    "ZWR": Past(2, (2009, 6)),
}
