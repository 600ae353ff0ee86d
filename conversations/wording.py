"""What kinds of messages are called where there is no text to show."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.events import Kind

KINDS: Final[dict[str, Promise]] = {
    Kind.TEXT: _("Message without text"),
    Kind.MEDIA: _("Attachment"),
    Kind.CALL: _("Call"),
    Kind.LOCATION: _("Location"),
    Kind.CONTACT: _("Contact"),
    Kind.POLL: _("Poll"),
    Kind.SYSTEM: _("Message of the app"),
    Kind.DELETED: _("Deleted message"),
    Kind.UNREADABLE: _("A message that cannot be read"),
}
