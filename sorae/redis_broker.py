"""The Redis broker: kombu's transport, where messages do not pile up, and one that cannot be read ends no worker."""

import json
import logging
from typing import Any

from django.utils import timezone
from kombu.transport import redis
from kombu.utils.json import dumps
from redis import RedisError

from sorae import messages

WAITING = "waiting"  # a hash: the last message of each name, as it stands in its queue if nobody has taken it
CHUNK = 1000  # messages that one script looks through: Redis does nothing else meanwhile, some ten milliseconds

# Redis runs a script as a whole: https://redis.io/docs/latest/develop/programmability/eval-intro/
# The queue itself says whether a message still waits, so a queue that was flushed or a worker that died leaves no mark.
PUT_ONCE = """
local queue, waiting, name, message = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local before = redis.call('HGET', waiting, name)
local place = before and redis.call('LPOS', queue, before)
if place then
    redis.call('LSET', queue, place, message)
else
    redis.call('LPUSH', queue, message)
end
redis.call('HSET', waiting, name, message)
"""
# Looks at the oldest, drops what `messages.is_stale` would, and puts the others behind all; once around is all of them.
DROP_STALE = """
local queue, chunk, now = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local found = redis.call('LRANGE', queue, -chunk, -1)
redis.call('LTRIM', queue, 0, -chunk - 1)
local dropped = 0
for at = #found, 1, -1 do
    local is_read, message = pcall(cjson.decode, found[at])
    local headers = is_read and type(message) == 'table' and message.headers
    local task = type(headers) == 'table' and type(headers.task) == 'string' and headers.task or ''
    local is_stale = false
    for ours = 3, #ARGV do
        if string.sub(task, 1, #ARGV[ours]) == ARGV[ours] then
            local expires = headers.expires
            is_stale = expires == nil or expires == cjson.null or (type(expires) == 'string'
                and string.sub(expires, -6) == '+00:00' and expires < now)
        end
    end
    if is_stale then
        dropped = dropped + 1
    else
        redis.call('LPUSH', queue, found[at])
    end
end
return dropped
"""

logger = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Messages that are not JSON are dropped (kombu 5.7 would end the worker): they only wake workers up."""

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        """Of messages that wait once, a new one takes the place of the one that waits."""
        if name := messages.once(message):
            line = self._q_for_pri(  # type: ignore[attr-defined]
                queue, self._get_message_priority(message, reverse=False)
            )
            with self.conn_or_acquire() as client:
                client.eval(PUT_ONCE, 2, self._key(line), self._key(WAITING), f"{line} {name}", dumps(message))
        else:
            super()._put(queue, message, **options)

    def basic_consume(self, queue: str, *args: Any, **options: Any) -> Any:
        """Whoever begins to take messages throws away what is of no use any more."""
        try:
            self._drop_stale(queue)
        except RedisError as error:
            logger.warning("Redis did not let old messages be thrown away (%s).", type(error).__name__)
        return super().basic_consume(queue, *args, **options)

    def _drop_stale(self, queue: str) -> None:
        now, dropped = timezone.now().isoformat(), 0
        with self.conn_or_acquire() as client:
            for _ in range(0, client.llen(queue), CHUNK):
                dropped += client.eval(DROP_STALE, 1, self._key(queue), CHUNK, now, *messages.OURS)
        if dropped:
            logger.warning("%s old messages in the queue %s were thrown away.", dropped, queue)

    def _key(self, name: str) -> str:
        """kombu 5.7 puts its prefix before the keys of some commands, and EVAL is none of them."""
        return f"{self.global_keyprefix}{name}"

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            return _dropped()


class Transport(redis.Transport):
    """Drops also what is JSON, but no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            is_readable = _is_readable(self.Channel.Message(message, channel=self.channels[0]))  # type: ignore[index]
        except Exception:  # whatever a decoder raises
            is_readable = False
        if is_readable:
            super()._deliver(message, queue)
        else:
            _dropped()


def _is_readable(message: Any) -> bool:
    """A task's message as Celery writes it, or one of those by which workers talk to each other."""
    headers, body = message.headers or {}, message.decode()
    if "task" not in headers:
        return isinstance(body, dict)
    match body:
        case [list(), dict(), dict()]:
            return all(isinstance(headers.get(name), str) for name in ("task", "id"))
        case _:
            return False


def _dropped() -> bool:
    logger.error("A message in Redis could not be read, and was dropped. Does another program write to this Redis?")
    return True
