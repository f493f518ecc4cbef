"""Idempotency keys: one key, one effect. A call is stored before its work begins, and a repeated one gets its answer.

The same key with the same call gets what was answered, for a day; with another call it is refused. Nothing runs twice:
where a process has died over a call, nobody can know how far it came, and that is what a repeated one is told.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.api.answers import Answer
from integrations.api.outcome import ERROR, Outcome, Problem
from integrations.api.refusals import Refused, refused
from integrations.encryption import Undecryptable
from integrations.models import ApiToken, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
ENDS_WITHIN = timedelta(minutes=2)  # what takes longer is a run on record, and is answered before
AGAIN_AFTER = 5  # seconds

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
State = KeptAnswer.State


@dataclass(frozen=True)
class Kept:
    """A call that has begun. Whoever begins a run for it says so before the run's first request."""

    record: KeptAnswer

    def is_run(self, run: object) -> None:
        """From now on, a repeated call is answered with this run."""
        KeptAnswer.objects.filter(pk=self.record.pk).update(run=str(run))


Work = Callable[[Kept | None], Answer]
OfRun = Callable[[str], Answer | None]


def key_of(value: str | None) -> str:
    """The key of a header, empty without one; `Refused` (400) for one that is none."""
    if value is None:
        return ""
    if not _VISIBLE.fullmatch(value):
        raise refused(400, "invalid_idempotency_key", f"{HEADER} takes 1 to 255 visible ASCII characters.")
    return value


def digest(method: str, path: str, body: bytes) -> str:
    """Two calls are the same when these are."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


def once(asker: ApiToken | User, key: str, digest: str, work: Work, *, of_run: OfRun = lambda _: None) -> Answer:
    """Do the work, or answer as it was answered. Without a key it is done each time.

    `of_run` gives the answer of a run that the work has named: None while it is under way. The work's own answer is
    kept when it was begun (a 2xx, or a fault of ours); when it was refused before, the key is free again.
    """
    if not key:
        return work(None)
    record = _begin(asker, key, digest)
    if record is None:
        return _again(asker, key, digest, of_run)
    try:
        answer = work(Kept(record))
    except Refused:
        record.delete()
        raise
    except Exception:
        _keep(record, Answer(_unknown(record), 409))
        raise
    if answer.status < 300 or answer.status >= 500:
        _keep(record, answer)
    else:
        record.delete()
    return answer


def is_first(asker: ApiToken | User, key: str) -> bool:
    """Whether a key comes for the first time, for what is done once and has no answer that could be kept."""
    return _begin(asker, key, "") is not None


def _begin(asker: ApiToken | User, key: str, digest: str) -> KeptAnswer | None:
    """A record, committed before the work begins; None where there is one."""
    now = timezone.now()
    whose = _of(asker)
    KeptAnswer.objects.filter(**whose, key=key, expires_at__lte=now).delete()
    try:
        with transaction.atomic():  # of two at once, the second waits here for the first's commit
            return KeptAnswer.objects.create(**whose, key=key, digest=digest, began_at=now, expires_at=now + KEPT_FOR)
    except IntegrityError:
        return None


def _again(asker: ApiToken | User, key: str, digest: str, of_run: OfRun) -> Answer:
    record = KeptAnswer.objects.filter(**_of(asker), key=key).first()
    if record is None:  # refused or expired between two looks
        raise _under_way("")
    if record.digest != digest:
        raise refused(409, "key_used", "This idempotency key was used for another call. Take a new one for this call.")
    if record.run and (answer := of_run(record.run)):
        return _replayed(answer)
    if record.state == State.DONE:
        return _replayed(_kept(record))
    if not record.run and record.began_at + ENDS_WITHIN < timezone.now():
        raise Refused(409, _unknown(record))
    raise _under_way(record.run)


def _under_way(run: str) -> Refused:
    sentence = "A call with this idempotency key is under way. Ask again in a few seconds."
    problem = Problem("under_way", sentence)
    outcome = Outcome(ERROR, sentence, {"run": run} if run else None, (problem,), is_known=False)
    return Refused(409, outcome, {"Retry-After": str(AGAIN_AFTER)})


def _unknown(record: KeptAnswer) -> Outcome:
    sentence = (
        "The call with this idempotency key broke off, and it is not known what was done. It is not done again: look "
        "at what is there, then take a new key."
    )
    run = KeptAnswer.objects.filter(pk=record.pk).values_list("run", flat=True).first()
    return Outcome(
        ERROR, sentence, {"run": run} if run else None, (Problem("unknown_outcome", sentence),), is_known=False
    )


def _keep(record: KeptAnswer, answer: Answer) -> None:
    run = KeptAnswer.objects.filter(pk=record.pk).values_list("run", flat=True).first()
    if run and answer.status != 202:  # the run has it, until it must be forgotten
        KeptAnswer.objects.filter(pk=record.pk).update(state=State.DONE, status=answer.status)
        return
    kept = json.dumps({"body": answer.body, "headers": dict(answer.headers)})
    sealed: Any = KeptAnswer._meta.get_field("answer")
    KeptAnswer.objects.filter(pk=record.pk).update(
        state=State.DONE, status=answer.status, answer=sealed.seal(kept, record.pk)
    )


def _kept(record: KeptAnswer) -> Answer:
    try:
        kept = json.loads(record.answer)
    except (Undecryptable, json.JSONDecodeError):  # without the key to it, or forgotten
        raise Refused(409, _unknown(record)) from None
    return Answer(status=record.status, headers=kept["headers"], document=kept["body"])


def _replayed(answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, REPLAYED: "true"})


def _of(asker: ApiToken | User) -> dict[str, Any]:
    return {"token": asker} if isinstance(asker, ApiToken) else {"user": asker}
