"""What the owner is asked, with who asks in words."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from django.utils.translation import gettext

from backupstation import phones, replacing
from backupstation.phones import PhoneBackup
from transfer.models import Approval, ApprovalKind

_ID_CHARS: Final = 8


class Question(NamedTuple):
    """A waiting approval; ``asker`` is the phone's name, or which account it is."""

    approval: Approval
    asker: str
    is_alone: bool = True
    """Whether no other phone that waits shows these digits."""
    replaceable: tuple[PhoneBackup, ...] = ()
    """The owner's phones that it may take the place of."""

    @classmethod
    def all_of(cls, waiting: Iterable[Approval]) -> list[Self]:
        """Each of them, beside the others; two queries for each owner that is asked."""
        asked = list(waiting)
        alike = Counter(approval.digits for approval in asked)
        owners = {one.invitation.owner_id: one.invitation.owner for one in asked}
        listed = {key: phones.of_owner(owner) for key, owner in owners.items()}
        return [
            cls.of(one)._replace(
                is_alone=alike[one.digits] == 1,
                replaceable=replacing.choices_for(one, listed[one.invitation.owner_id]),
            )
            for one in asked
        ]

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """No ticket tells an account's name: it is said where it is and how its id begins."""
        if approval.kind == ApprovalKind.ENROL:
            return cls(approval, approval.name)
        place = approval.invitation.issuer.origin or gettext("the IM server inside this station")
        words = {"place": place, "short": approval.name[:_ID_CHARS]}
        return cls(approval, gettext("an account of %(place)s (%(short)s)") % words)
