"""Admin pages of stores, programs and people; facts are read-only, as only `lifecycle` makes them."""

from referrals.admin import consent, facts, programs

__all__ = ["consent", "facts", "programs"]
