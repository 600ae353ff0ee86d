"""The owner's side of a station, as a process that stays: one JSON question a line, one answer.

Management commands do the same, but each takes a second to start; an attack needs dozens.
"""

import base64
import json
import sys
import traceback
from datetime import timedelta
from ipaddress import ip_address

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Phone  # noqa: E402
from backupstation import listening, roles  # noqa: E402
from transfer import approvals, enrolment, invitations, models, station, trail, vaults  # noqa: E402
from wire import tokens  # noqa: E402
from wire.invitation import Scope  # noqa: E402
from wire.messages import Binding, Selection  # noqa: E402


def owner(name):
    return get_user_model().objects.get(username=name)


def add_owner(name):
    get_user_model().objects.create_user(name, password=None)


def invite(account, scope=3, seconds=120, snapshot="", items=None):
    """The QR code's payload, base64url."""
    binding = None
    if snapshot:
        binding = Binding(snapshot, Selection(items=items) if items else None)
    made = invitations.issue(
        owner(account),
        scope=Scope(scope),
        addresses=[listening_address()],
        port=listening.current().port,
        binding=binding,
        seconds=seconds,
    )
    return tokens.b64u(made.encode())


def listening_address():
    return ip_address(listening.current().host)


def expire(session, seconds):
    """As if this invitation had expired so many seconds ago."""
    then = timezone.now() - timedelta(seconds=seconds)
    models.Invitation.objects.filter(pk=session).update(expires_at=then)


def enrol(account, key, name):
    """Make the key a phone of the account, as Allow does."""
    grant = enrolment.enrol(owner(account), base64.b64decode(key), name)
    vaults.link(owner(account), grant.iss, grant.sub)
    return {
        "iss": grant.iss,
        "sub": grant.sub,
        "keys": [base64.b64encode(one).decode() for one in grant.keys],
    }


def unlink(account):
    """As if the owner had not accepted this account yet; nothing may be kept for it."""
    models.Vault.objects.filter(owner=owner(account)).delete()


def revoke(thumbprint):
    return Phone.objects.filter(thumbprint=thumbprint).revoke(timezone.now())


def waiting():
    rows = models.Approval.objects.waiting(timezone.now())
    return [{"digits": row.digits, "name": row.name, "kind": row.kind} for row in rows]


def approvals_of(session):
    return models.Approval.objects.filter(invitation_id=session).count()


def decide(account, digits, allow, replaces=""):
    approvals.decide(owner(account), digits, allow=allow, replaces=replaces)


def look(session):
    """What became of an invitation."""
    row = models.Invitation.objects.get(pk=session)
    return {
        "state": row.state,
        "claimed_by": row.claimed_by,
        "has_secrets": bool(row.wrapped_secrets),
        "trail": trail.entries(session),
    }


def kept():
    """How many rows there are of everything that an attack must not leave behind."""
    return {
        "snapshots": models.Snapshot.objects.count(),
        "intruders": Phone.objects.filter(name="Mallory").count(),
        "unfinished": models.Upload.objects.filter(state="receiving").count(),
    }


def snapshots():
    return list(models.Snapshot.objects.order_by("pk").values_list("snapshot_id", flat=True))


def told_of(snapshot):
    """What its phone said of an upload."""
    row = models.Upload.objects.get(snapshot_id=snapshot)
    return [row.source, row.label, row.items, row.total_bytes]


def vaults_of(account):
    return models.Vault.objects.filter(owner=owner(account)).count()


def sign(claims):
    """A ticket with these claims, signed by the station's own issuer."""
    ticket = tokens.Ticket(**claims)
    return tokens.sign(ticket, station.identity().root.issuer_key())


def main():
    roles.tie()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": globals()[question.pop("do")](**question)}
        except Exception:
            answer = {"failure": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
