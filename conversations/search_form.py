"""What the search page takes from its address."""

from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from conversations.models import Conversation
from conversations.search.query import QUERY_CHARS_MAX
from conversations.searching import Filters, Order
from conversations.typed import text_of

CONVERSATIONS_OFFERED: Final = 300


class SearchForm(forms.Form):
    """The query and its filters; everything may be left out."""

    q = forms.CharField(label=_("Search for"), max_length=QUERY_CHARS_MAX, required=False)
    chat = forms.ChoiceField(label=_("Conversation"), required=False)
    sender = forms.CharField(label=_("Sender"), max_length=200, required=False)
    since = forms.DateField(label=_("From"), required=False)
    until = forms.DateField(label=_("To"), required=False)
    attached = forms.BooleanField(label=_("With photos, videos or files"), required=False)
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[(Order.NEWEST, _("Newest first")), (Order.BEST, _("Best match first"))],
    )

    def __init__(self, vault: str, data: QueryDict) -> None:
        super().__init__(data)
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
        self.fields["q"].widget = forms.TextInput(
            {"type": "search", "maxlength": QUERY_CHARS_MAX, "autocomplete": "off"}
        )
        self.fields["sender"].widget.attrs["list"] = "senders"
        self._offer(vault, text_of(data, "chat"))

    def _offer(self, vault: str, chosen: str) -> None:
        """The vault's latest conversations, and the chosen one."""
        of_vault = Conversation.objects.filter(vault=vault)
        latest = of_vault.order_by("-last").values_list("slug", "title")[:CONVERSATIONS_OFFERED]
        offered = dict(latest)
        if chosen and chosen not in offered:
            offered |= of_vault.filter(slug=chosen).values_list("slug", "title")
        field = self.fields["chat"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("All conversations")), *offered.items()]

    def clean(self) -> dict[str, Any]:
        """The days are in their order."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day is before the first one."))
        return cleaned

    @property
    def filters_given(self) -> int:
        """How many filters were given, be they right or wrong."""
        return sum(bool(self.data.get(name)) for name in self.fields if name not in ("q", "order"))

    @property
    def is_filter_wrong(self) -> bool:
        """Whether something below "Filters" has to be looked at."""
        return bool(set(self.errors) - {"q"})

    @property
    def filters(self) -> Filters:
        """What was chosen, once the form is valid."""
        chosen = self.cleaned_data
        return Filters(
            conversation=chosen["chat"],
            sender=chosen["sender"],
            since=chosen["since"],
            until=chosen["until"],
            has_media=chosen["attached"],
        )

    @property
    def chosen_order(self) -> Order:
        """The newest first, unless the other was chosen."""
        return Order(self.cleaned_data["order"] or Order.NEWEST)
