"""What an export is to have: which days, and in which form."""

from datetime import date, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations import clocks, numbering, transcript
from conversations.models import Conversation
from conversations.transcript import Span

_DAY: Final = timedelta(days=1)
_NAMES: Final = {"since": "from", "until": "to", "form": "as"}
_DATE: Final = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class ExportForm(forms.Form):
    """``from`` and ``to`` in an address are days, both included; ``as`` is the form."""

    since = forms.DateField(
        label=_("First day"), required=False, input_formats=["%Y-%m-%d"], widget=_DATE
    )
    until = forms.DateField(
        label=_("Last day"), required=False, input_formats=["%Y-%m-%d"], widget=_DATE
    )
    form = forms.ChoiceField(
        choices=[
            ("html", _("Pages for any browser, with their media (HTML)")),
            ("jsonl", _("Data with its media (JSON Lines)")),
            ("lines", _("Data without media (JSON Lines)")),
        ],
        widget=forms.RadioSelect,
        initial="html",
    )

    def add_prefix(self, field_name: str) -> str:
        """What the field is called in an address."""
        return _NAMES.get(field_name, field_name)

    def clean(self) -> dict[str, Any]:
        """Refuse days the wrong way round."""
        said = self.cleaned_data
        since, until = said.get("since"), said.get("until")
        if since and until and since > until:
            raise ValidationError(_("The first day is after the last one."), code="reversed")
        return said

    def span(self, conversation: Conversation) -> Span:
        """The chosen days by the conversation's clock."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        first = _first_id(conversation, since) if since else None
        after = _first_id(conversation, until + _DAY) if until and until < date.max else None
        last = None if after is None else after - 1
        return transcript.span_of(conversation, first, last)


def _first_id(conversation: Conversation, day: date) -> int:
    begins = clocks.day_begins(day, conversation.clock, timezone.get_current_timezone())
    return numbering.first_id(max(-numbering.TIME_MAX, min(numbering.TIME_MAX, begins)))
