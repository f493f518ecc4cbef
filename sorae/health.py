"""Health checks for load balancers and orchestrators: liveness and readiness."""

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

_is_migrated = False  # once it is, it stays so for as long as this process runs


@require_safe
@never_cache
def show(_request: HttpRequest) -> HttpResponse:
    """200 or 503, and nothing that a stranger could learn from: whether the database answers."""
    return _said() if _is_database_there() else _said("unavailable", 503)


@require_safe
@never_cache
def live(_request: HttpRequest) -> HttpResponse:
    """200 while this process answers: a restart would mend nothing that is elsewhere."""
    return _said()


@require_safe
@never_cache
def ready(_request: HttpRequest) -> HttpResponse:
    """200 when the database answers and has every migration. Redis is mentioned, and can be done without."""
    if not _is_database_there():
        return _said("unavailable: no database", 503)
    try:
        if not _has_all_migrations():
            return _said("unavailable: migrations are missing", 503)
    except Error:
        return _said("unavailable: no database", 503)
    return _said("ok" if _is_redis_there() else "ok, without Redis")


def _said(what: str = "ok", status: int = 200) -> HttpResponse:
    return HttpResponse(what, content_type="text/plain", status=status)


def _is_database_there() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def _has_all_migrations() -> bool:
    global _is_migrated
    if not _is_migrated:
        from django.db.migrations.executor import MigrationExecutor  # heavy

        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


def _is_redis_there() -> bool:
    """Where none is configured, none is missing."""
    if not settings.REDIS_URL:
        return True
    import redis  # heavy

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
