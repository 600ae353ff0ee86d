"""Filling the database from the store, told to people as it goes on."""

from backupstation.told import Told, counted
from transfer.models import Vault
from transfer.rebuilding import Rebuild


def fill(told: Told) -> Rebuild:
    """Bring back what is sound in the store; tell what is not, and how far it is."""
    rebuild = Rebuild()
    tally = rebuild.tally
    with told.progress(lambda: f"packs: {tally.packs}, snapshots: {tally.snapshots}"):
        for finding in rebuild.run():
            told.finding(finding)
    return rebuild


def summary(rebuild: Rebuild) -> list[str]:
    """What came back, in lines."""
    tally = rebuild.tally
    kept = [(tally.vaults, "vault"), (tally.packs, "pack"), (tally.snapshots, "snapshot")]
    lines = [
        f"In the store: {', '.join(counted(*each) for each in kept)}.",
        f"The database lacked {tally.added} of these.",
    ]
    if tally.unreceipted:
        lines.append(
            f"Found without a receipt: {counted(tally.unreceipted, 'more snapshot')}, in the"
            " admin and hidden from phones."
        )
    return lines


def ownerless() -> list[str]:
    """How the vaults that nobody owns are given to someone; no line when there is none."""
    number = Vault.objects.filter(owner=None).count()
    if not number:
        return []
    told = (
        f"Without an owner: {counted(number, 'vault')}. `manage.py store rebuild --owner"
        " USERNAME` gives one to a user, before phones enrol again."
    )
    return [told]
