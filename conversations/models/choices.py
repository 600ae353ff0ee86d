"""What an owner chose about reading. It is no derived thing, so it is in the main database."""

from django.db import models


class ReadingChoice(models.Model):
    """One conversation's choices: how its dates are written, and who the owner is in it.

    ``date_order`` and ``self_key`` are empty while nothing was chosen.
    """

    vault = models.CharField(max_length=32)
    slug = models.CharField(max_length=16)
    app = models.CharField(max_length=20)
    key = models.TextField()
    date_order = models.CharField(max_length=3, blank=True)
    self_key = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vault", "slug"], name="one_choice_each")]

    def __str__(self) -> str:
        return self.slug
