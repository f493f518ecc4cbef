"""What the activity says of one connection: what was done to it, its deliveries, and its provider's own things."""

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from integrations import providers
from integrations.models import Connection, Delivery

LOOKED_AT = 10_000  # of the latest entries about such things


def connection(connection_id: int) -> Q:
    """The entries about a connection, for a query of entries."""
    kinds = ContentType.objects.get_for_models(Connection, Delivery, *_models(connection_id))
    mine = Q(content_type=kinds[Connection], object_id=str(connection_id))
    of_kind = {kind.pk: model for model, kind in kinds.items() if model is not Connection}
    ids: dict[int, set[int]] = defaultdict(set)
    latest = LogEntry.objects.filter(content_type__in=of_kind).order_by("-pk")
    for kind_id, object_id in latest.values_list("content_type", "object_id")[:LOOKED_AT]:
        if object_id and object_id.isdecimal():
            ids[kind_id].add(int(object_id))
    for kind_id, those in ids.items():
        model = of_kind[kind_id]
        way = "connection" if model is Delivery else _models(connection_id)[model]
        found = model._default_manager.filter(pk__in=those, **{way: connection_id}).values_list("pk", flat=True)
        mine |= Q(content_type=kind_id, object_id__in=[str(pk) for pk in found])
    return mine


def _models(connection_id: int) -> dict[Any, str]:
    """The provider's models, each with the way from it to its connection."""
    slug = Connection.objects.filter(pk=connection_id).values_list("provider", flat=True).first()
    known = providers.get(slug).about if slug in providers.slugs() else {}
    return {apps.get_model(label): way for label, way in known.items()}
