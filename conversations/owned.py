"""What the signed-in person has: everything else is not there, whoever else may have it."""

from typing import cast

from django.contrib.auth.models import AbstractBaseUser
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from conversations.models import Conversation
from transfer.models import Snapshot, Vault


def vault(request: HttpRequest) -> Vault:
    """The vault of the person who asks; Http404 while nothing is kept for this person."""
    found = vault_or_none(request)
    if found is None:
        raise Http404
    return found


def vault_or_none(request: HttpRequest) -> Vault | None:
    """The vault of the person who asks, for pages that say so when nothing is kept yet."""
    owner = cast(AbstractBaseUser, request.user)
    return Vault.objects.filter(owner_id=owner.pk).first()


def conversation(request: HttpRequest, slug: str) -> Conversation:
    """This person's conversation; Http404."""
    return get_object_or_404(Conversation, vault=vault(request).pk, slug=slug)


def snapshot(request: HttpRequest, snapshot_id: str) -> Snapshot:
    """This person's receipted snapshot; Http404."""
    mine = Snapshot.objects.receipted().select_related("vault").filter(vault=vault(request))
    found = mine.filter(snapshot_id=snapshot_id).first()
    if found is None:
        raise Http404
    return found
