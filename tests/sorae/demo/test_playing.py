"""Lines of the script go through `lifecycle`; what it refuses is counted with its sentence."""

from typing import Any

from django.utils import timezone

from referrals.models import Advocate, Conversion, Program, Reward
from sorae.demo import playing
from sorae.demo.playing import Played, Stage

ANN = {"do": "join", "id": "ann", "days_ago": 9.5, "program": "spring", "email": "ann@letters.test"}
ORDER = {
    "do": "convert",
    "id": "order",
    "days_ago": 3,
    "advocate": "ann",
    "order_id": "1",
    "friend_email": "ben@letters.test",
    "total": "20.00",
    "currency": "EUR",
}


def played(program: Program, *lines: dict[str, Any]) -> Played:
    """All lines, told."""
    stage = Stage({program.slug: program}, timezone.now())
    return list(playing.play(list(lines), stage, Played()))[-1]


def test_a_season_is_stored_as_it_was_told(spring: Program) -> None:
    reward = {
        "do": "reward",
        "id": "reward",
        "days_ago": 2,
        "advocate": "ann",
        "order": "order",
        "kind": "credit",
        "amount": "5.00",
        "currency": "EUR",
        "expires_in_days": 30,
    }
    refund = {"do": "refund", "id": "refund", "days_ago": 1, "order": "order"}
    reverse = {"do": "reverse", "id": "reverse", "days_ago": 1, "reward": "reward", "reason": "refund"}
    assert not played(spring, ANN, ORDER, reward, refund, reverse).refused
    stored = Reward.objects.get()
    assert stored.reversal_reason == "refund"
    assert stored.expires_at is not None
    assert (stored.expires_at - stored.occurred_at).days == 30
    assert Conversion.objects.filter(kind="refund").count() == 1


def test_a_line_told_again_makes_no_second_fact(spring: Program) -> None:
    played(spring, ANN, ANN | {"email": "Ann@letters.test"}, ORDER, ORDER)
    assert (Advocate.objects.count(), Conversion.objects.count()) == (1, 1)


def test_what_lifecycle_refuses_is_counted_with_its_sentence_and_stops_nothing(spring: Program) -> None:
    result = played(spring, ANN, ORDER | {"total": "-1"}, ANN | {"id": "bad", "email": "nobody"}, ORDER)
    assert result.told == {"join": 1, "convert": 1}
    assert sum(result.refused.values()) == 2
    assert any("negative" in sentence for sentence in result.refused)


def test_a_line_about_somebody_who_was_refused_is_refused_too(spring: Program) -> None:
    result = played(spring, ANN | {"email": "nobody"}, ORDER)
    assert sum(result.refused.values()) == 2
    assert not Conversion.objects.exists()


def test_unknown_verbs_and_fields_are_refused(spring: Program) -> None:
    result = played(spring, ANN, {"do": "teleport", "id": "x", "days_ago": 1}, ORDER | {"colour": "green"})
    assert sum(result.refused.values()) == 2
