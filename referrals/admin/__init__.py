"""The pages of stores, programs and people; facts are for reading, as only `lifecycle` makes them."""

from referrals.admin import consent, facts, programs

__all__ = ["consent", "facts", "programs"]
