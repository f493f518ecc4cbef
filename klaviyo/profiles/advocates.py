"""Advocates as a source of profiles: the one file here that knows referrals."""

from collections.abc import Sequence

from integrations.models import Delivery
from referrals import standing
from referrals.models import Advocate
from referrals.standing import Standing


def of(deliveries: Sequence[Delivery]) -> dict[int, tuple[Advocate, Standing]]:
    ids = [delivery.options["advocate"] for delivery in deliveries if delivery.kind == "profile"]
    standings = standing.of(ids)
    advocates = Advocate.objects.filter(pk__in=ids).prefetch_related("program__store")  # which many share
    return {advocate.pk: (advocate, standings[advocate.pk]) for advocate in advocates}
