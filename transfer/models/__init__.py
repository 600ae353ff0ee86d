"""What the station remembers in its main database.

Everything here can be rebuilt from objects and the 24 words, but the trail, invitations, and what
owners say about their phones.
Binary ids are kept in text (hex, or the base32 that people see) wherever the admin shows them.
"""

from transfer.models.invited import (
    Approval,
    ApprovalKind,
    ApprovalQuerySet,
    ApprovalState,
    Invitation,
    InvitationPurpose,
    InvitationQuerySet,
    InvitationState,
    Step,
    TrailEntry,
)
from transfer.models.issuers import INSIDE, Issuer, IssuerQuerySet
from transfer.models.objects import (
    Chunk,
    Pack,
    Snapshot,
    SnapshotPack,
    SnapshotQuerySet,
    SnapshotState,
    Vault,
)
from transfer.models.phones import Reminder, VaultPhone
from transfer.models.uploads import Lease, Upload, UploadState

__all__ = [
    "INSIDE",
    "Approval",
    "ApprovalKind",
    "ApprovalQuerySet",
    "ApprovalState",
    "Chunk",
    "Invitation",
    "InvitationPurpose",
    "InvitationQuerySet",
    "InvitationState",
    "Issuer",
    "IssuerQuerySet",
    "Lease",
    "Pack",
    "Reminder",
    "Snapshot",
    "SnapshotPack",
    "SnapshotQuerySet",
    "SnapshotState",
    "Step",
    "TrailEntry",
    "Upload",
    "UploadState",
    "Vault",
    "VaultPhone",
]
