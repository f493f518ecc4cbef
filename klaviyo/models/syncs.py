"""Syncs: what they read and where it goes, the rows they have told of, and their runs with the work of each.

What is staged, and what differs, is there as long as its run needs it. `SyncRow` is what stays: by its key, what
Klaviyo was told of a row, and what became of it.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models import Connection, Job


class SyncUpload(models.Model):
    """A file that somebody has uploaded, in pieces that every worker can read; `ended_at` when it was all there."""

    name = models.CharField(max_length=255)
    size = models.BigIntegerField(default=0, help_text="Bytes of the file itself.")
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["began_at"], name="uploads_by_time")]

    def __str__(self) -> str:
        return self.name


class SyncUploadPiece(models.Model):
    """A megabyte of an upload, compressed (zlib)."""

    upload = models.ForeignKey(SyncUpload, models.CASCADE, related_name="pieces", db_index=False)
    number = models.PositiveIntegerField(help_text="From 0.")
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="one_piece_of_each_number")]

    def __str__(self) -> str:
        return f"{self.upload_id}, piece {self.number}"


class SyncSource(models.Model):
    """A table to read: a ready one, a query over a named database, or a file by its path or an upload."""

    class Kind(models.TextChoices):
        READY = "ready", "Sorae's own data"
        SQL = "sql", "SQL query"
        FILE = "file", "File"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    ready = models.CharField(max_length=32, blank=True, help_text="Which of Sorae's own tables.")
    database = models.CharField(max_length=64, blank=True, help_text="The name of a SYNC_DATABASE_URL.")
    query = models.TextField(blank=True)
    path = models.CharField(max_length=1000, blank=True)
    upload = models.ForeignKey(SyncUpload, models.SET_NULL, null=True, blank=True, related_name="sources")
    key_columns = models.JSONField(default=list)
    columns = models.JSONField(default=list, blank=True, help_text="As they were last seen.")
    reading = models.JSONField(default=dict, blank=True, help_text="How a file is read: encoding, delimiter, header.")
    zone = models.CharField(max_length=64, default="UTC", help_text="Of times that say none.")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class Sync(models.Model):
    """Rows of a source, kept in step with what an account holds; the same in a file of YAML."""

    class Destination(models.TextChoices):
        PROFILES = "profiles", "Profiles"
        EVENTS = "events", "Events"
        LIST = "list", "List"
        SUBSCRIPTIONS = "subscriptions", "Subscriptions"

    class Mode(models.TextChoices):
        UPSERT = "upsert", "Create or update"
        UPDATE = "update", "Update existing only"
        SEND = "send", "Send"
        MIRROR = "mirror", "Mirror"
        ADD = "add", "Add only"
        REMOVE = "remove", "Remove"
        SUBSCRIBE = "subscribe", "Subscribe"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribe"

    MODES = {
        Destination.PROFILES: (Mode.UPSERT, Mode.UPDATE),
        Destination.EVENTS: (Mode.SEND, Mode.UPDATE),
        Destination.LIST: (Mode.MIRROR, Mode.ADD, Mode.REMOVE),
        Destination.SUBSCRIPTIONS: (Mode.SUBSCRIBE, Mode.UNSUBSCRIBE),
    }

    OPTIONS = {
        "list_id": "The list's id at Klaviyo.",
        "list_name": "Its name; that of a list to be made, where none is given the source's.",
        "make_list": "Whether the sync makes the list itself, at its first run.",
        "backfill": "Events: whether they are of the past, which start no flow; without a word those of the first run.",
        "historical": "Subscriptions: consent of the past, with its time in each row.",
        "asked_days": "Subscriptions: these people have asked for it within so many days.",
        "removed_unsubscribe": "Subscriptions: whether whoever leaves the source is unsubscribed.",
        "at_once": "How many rows a request is about, at most; without a word as many as Klaviyo takes.",
        "after_import": "Whether it runs when a new file of its source is there.",
    }

    slug = models.SlugField(max_length=64, unique=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100)
    source = models.ForeignKey(SyncSource, models.PROTECT, related_name="syncs")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="syncs")
    destination = models.CharField(max_length=13, choices=Destination)
    mode = models.CharField(max_length=11, choices=Mode)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict, blank=True, help_text="Of the destination; see OPTIONS.")
    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64, default="UTC", help_text="Of its schedule and of times that say none.")
    next_run_at = models.DateTimeField(null=True, blank=True)
    removal_share = models.PositiveSmallIntegerField(default=20, help_text="Per cent that may leave without a person.")
    removal_floor = models.PositiveIntegerField(default=50, help_text="And so many always may.")
    rejected_share = models.PositiveSmallIntegerField(default=10, help_text="Per cent that may be rejected.")
    alerts = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="How often what it says has been changed.")
    is_on = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        permissions = [
            ("run_sync", "Can run, stop and confirm a sync"),
            ("see_synced_people", "Can see the people in a sync"),
        ]
        indexes = [
            models.Index(fields=["next_run_at"], name="due_syncs", condition=models.Q(is_on=True)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def may_name_somebody_twice(self) -> bool:
        """Whether two rows of one person are normal: two events, or two reasons to be on a list."""
        return self.destination in (self.Destination.EVENTS, self.Destination.LIST)

    @property
    def removes(self) -> bool:
        """Whether whoever leaves the source leaves something at Klaviyo, too."""
        is_unsubscribing = self.destination == self.Destination.SUBSCRIPTIONS and self.mode == self.Mode.SUBSCRIBE
        return self.mode == self.Mode.MIRROR or (is_unsubscribing and bool(self.options.get("removed_unsubscribe")))


class SyncRow(models.Model):
    """One row of a source: what was told of it, where anything was (`digest`), and what became of it last.

    A rejected row keeps what Klaviyo knows of it.
    """

    class State(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        CONFIRMED = "confirmed", "Confirmed"
        PENDING = "pending", "Waits for their confirmation"
        NOT_SENT = "not_sent", "Not sent"
        UNKNOWN = "unknown", "Unknown to Klaviyo"
        REJECTED = "rejected", "Rejected by Sorae"
        REFUSED = "refused", "Rejected by Klaviyo"
        REMOVED_THERE = "removed_there", "Removed there"

    pk = models.CompositePrimaryKey("sync_id", "key")
    sync = models.ForeignKey(Sync, models.CASCADE, related_name="rows", db_index=False)
    key = models.TextField()
    number = models.PositiveBigIntegerField(default=0, help_text="Where it last stood in the source.")
    digest = models.BinaryField(null=True, help_text="Of what Klaviyo was told; none where it was told nothing.")
    identity = models.TextField(blank=True)
    email = models.TextField(blank=True, help_text="The person's, where the identity is something else.")
    profile_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=13, choices=State)
    run = models.BigIntegerField(default=0, help_text="The run in which it came to that.")
    field = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    since = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["sync", "identity"], name="synced_people"),
            models.Index(fields=["email"], name="addresses_in_syncs", condition=~models.Q(email="")),
            models.Index(
                fields=["sync", "state"],
                name="rows_with_a_problem",
                condition=~models.Q(state__in=["accepted", "confirmed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.number} of {self.sync_id}"


class SyncRun(models.Model):
    """One run of a sync, from reading to its end; `attempt` is how often it was read, and who reads has the lease.

    Two sums hold at any time: what was read, and what is told now.
    """

    class State(models.TextChoices):
        READING = "reading", "Reading"
        HELD = "held", "Held"
        SENDING = "sending", "Sending"
        REMOVING = "removing", "Removing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    OPEN = (State.READING, State.HELD, State.SENDING, State.REMOVING)

    sync = models.ForeignKey(Sync, models.CASCADE, related_name="runs")
    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.READING)
    stopped_in = models.CharField(max_length=8, blank=True, help_text="The state in which it was stopped.")
    is_full = models.BooleanField(default=False, help_text="Everything is sent, also what has not changed.")
    is_dry = models.BooleanField(default=False, help_text="Nothing is sent or kept.")
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    worked_at = models.DateTimeField(null=True, blank=True)
    wait_until = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="What it waits for, why it is held, or why it has failed.")
    code = models.CharField(max_length=64, blank=True)
    began_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    rows_read = models.PositiveBigIntegerField(default=0)
    added = models.PositiveBigIntegerField(default=0, help_text="New to this sync.")
    changed = models.PositiveBigIntegerField(default=0)
    unchanged = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    not_sent = models.PositiveBigIntegerField(default=0)
    unknown = models.PositiveBigIntegerField(default=0, help_text="Unknown to Klaviyo.")
    removed = models.PositiveBigIntegerField(default=0)
    told_before = models.PositiveBigIntegerField(default=0)
    told_now = models.PositiveBigIntegerField(default=0)
    erased = models.PositiveBigIntegerField(default=0, help_text="Whose rows an erasure took away meanwhile.")
    to_send = models.PositiveBigIntegerField(default=0)
    sent = models.PositiveBigIntegerField(default=0)
    to_remove = models.PositiveBigIntegerField(default=0)
    warned = models.PositiveBigIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0, help_text="Requests that were.")
    samples = models.JSONField(default=list, blank=True, help_text="Requests of a dry run.")
    notes = models.JSONField(default=dict, blank=True, help_text="Why rows were not sent, by code; and the like.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sync"],
                condition=models.Q(state__in=["reading", "held", "sending", "removing"]),
                name="one_open_run_per_sync",
            ),
        ]
        indexes = [
            models.Index(fields=["sync", "-began_at"], name="runs_of_a_sync"),
            models.Index(
                fields=["worked_at"],
                name="open_runs",
                condition=models.Q(state__in=["reading", "sending", "removing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class SyncUnread(models.Model):
    """A row of a source that has no key: what could not be read, or is empty where the key stands."""

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="unread")
    number = models.PositiveBigIntegerField()
    reason = models.TextField()

    def __str__(self) -> str:
        return f"row {self.number} in {self.run_id}"


class SyncStaged(models.Model):
    """A row as it was read, until it is compared. On PostgreSQL a crash of the server empties the table."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "n")
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    attempt = models.PositiveIntegerField()
    n = models.BigIntegerField()
    number = models.PositiveBigIntegerField()
    key = models.TextField(null=True)  # noqa: DJ001  (a row without a key is no row whose key is "")
    digest = models.BinaryField(null=True)
    identity = models.TextField(blank=True)
    email = models.TextField(blank=True)
    payload = models.TextField(blank=True)
    field = models.TextField(blank=True)
    reason = models.TextField(blank=True, help_text="Why it is rejected.")

    def __str__(self) -> str:
        return f"row {self.number} in {self.run_id}"


class SyncChange(models.Model):
    """A row that differs from what was told: to be sent, or to be taken off."""

    class Op(models.TextChoices):
        ADDED = "+", "Added"
        CHANGED = "~", "Changed"
        REMOVED = "-", "Removed"
        MOVED = "m", "Has another identity"  # the old one leaves

    pk = models.CompositePrimaryKey("run_id", "n")
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="changes", db_index=False)
    n = models.BigIntegerField()
    op = models.CharField(max_length=1, choices=Op)
    key = models.TextField()
    number = models.PositiveBigIntegerField(default=0)
    digest = models.BinaryField(null=True)
    identity = models.TextField(blank=True)
    email = models.TextField(blank=True)
    payload = models.TextField(blank=True)
    is_done = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["run", "key"], name="changes_by_key")]

    def __str__(self) -> str:
        return f"{self.op} {self.n} of {self.run_id}"


class SyncChunk(models.Model):
    """Some changes in a row, that go together in one request: what workers claim.

    `token` is of the try: it stands with the request that was made, and is gone when another worker has taken over.
    """

    class Kind(models.TextChoices):
        SEND = "send", "Send"
        REMOVE = "remove", "Remove"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        IMPORTING = "importing", "With Klaviyo"
        DONE = "done", "Done"

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=6, choices=Kind)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    is_unsure = models.BooleanField(default=False, help_text="Whether a request may have left of which nobody heard.")
    unsure_until = models.DateTimeField(null=True, blank=True, help_text="When what may have left is over.")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_chunk_of_each_number")]
        indexes = [
            models.Index(fields=["run", "number"], name="open_chunks", condition=~models.Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of {self.run_id}"
