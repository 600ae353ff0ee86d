"""Conversations, their people, messages and attachments."""

from django.db import models

from conversations.models.sources import SourceRow


class Conversation(models.Model):
    """One conversation of a vault, merged over every export of it.

    ``slug`` names it in addresses and is the same after every reindexing. ``first`` and ``last``
    are message ids.
    """

    vault = models.CharField(max_length=32)
    slug = models.CharField(max_length=16, unique=True)
    app = models.CharField(max_length=20)
    key = models.TextField()
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=8)
    clock = models.CharField(max_length=4)
    date_order = models.CharField(max_length=3, blank=True)
    is_date_order_sure = models.BooleanField(default=True)
    messages = models.PositiveBigIntegerField(default=0)
    media = models.PositiveBigIntegerField(default=0)
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["vault", "-last"], name="conversations_by_last")]

    def __str__(self) -> str:
        return self.title


class Participant(models.Model):
    """Who takes part, by the key that the source has. ``number`` chooses the colour."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="people")
    key = models.TextField()
    name = models.CharField(max_length=200)
    is_self = models.BooleanField(default=False)
    number = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "key"], name="one_person_per_key")
        ]

    def __str__(self) -> str:
        return self.name


class ConversationSource(models.Model):
    """What one source says of one conversation; counts as in the source.

    ``chosen_order`` is the date order that its owner had chosen when it was read, or empty.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="source_links")
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="conversation_links")
    messages = models.PositiveBigIntegerField(default=0)
    system = models.PositiveBigIntegerField(default=0)
    continuations = models.PositiveBigIntegerField(default=0)
    warned = models.PositiveBigIntegerField(default=0)
    media = models.PositiveBigIntegerField(default=0)
    media_missing = models.PositiveBigIntegerField(default=0)
    chosen_order = models.CharField(max_length=3, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "source"], name="one_count_per_conversation_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} in {self.source_id}"


class Message(models.Model):
    """One message. ``id`` orders by time: milliseconds since 1970 times 2**20, plus a number.

    So the newest first, in one conversation or in a search over all, is the order of the primary
    key, and a date is a range of it. ``digest`` with ``nth`` names it for good: that of the app's
    own id, or of time, sender and content, where ``nth`` counts equal ones. ``source`` is the
    one that was read first, ``last_source`` the youngest that tells it; ``file`` and ``line`` are
    its place in ``source``.
    ``more`` is JSON: reactions, edits, what was there before, or empty.
    """

    id = models.BigIntegerField(primary_key=True)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="said", db_index=False
    )
    sender = models.ForeignKey(
        Participant, models.CASCADE, null=True, related_name="said", db_index=False
    )
    kind = models.CharField(max_length=10)
    text = models.TextField()
    has_media = models.BooleanField(default=False)
    is_timed = models.BooleanField(default=True)
    digest = models.BinaryField(max_length=16)
    nth = models.PositiveIntegerField(default=0)
    native_id = models.TextField(blank=True)
    reply_to = models.TextField(blank=True)
    more = models.TextField(blank=True)
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    last_source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    file = models.PositiveIntegerField()
    line = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "digest", "nth"], name="one_message_per_digest"
            )
        ]
        indexes = [
            models.Index(fields=["conversation", "id"], name="messages_in_order"),
            models.Index(
                fields=["conversation", "id"],
                name="messages_with_media",
                condition=models.Q(has_media=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}: {self.id}"


class Told(models.Model):
    """A source that is being read has told this message, which another one told first.

    So that equal messages are each told once, wherever reading stops and goes on. Plain numbers:
    these rows go when the source is read to its end.
    """

    pk = models.CompositePrimaryKey("source", "message")
    source = models.BigIntegerField()
    message = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.message} told by {self.source}"


class Attachment(models.Model):
    """A file of a message. ``file`` is "" when the export left it out.

    ``source`` is the one whose snapshots hold the bytes; ``file``, ``start``, ``length`` and
    ``encoding`` are a :class:`conversations.events.Place`.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=8)
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100, blank=True)
    size = models.BigIntegerField(null=True)
    file = models.TextField(blank=True)
    start = models.BigIntegerField(default=0)
    length = models.BigIntegerField(null=True)
    encoding = models.CharField(max_length=6, blank=True)

    def __str__(self) -> str:
        return self.name
