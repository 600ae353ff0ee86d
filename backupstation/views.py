"""The pages of the station."""

import dataclasses
import tempfile
import time
from typing import Final, cast

from csp.constants import SELF
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required, user_passes_test
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backupstation import live, owner, phone_words, phones, qr, relinking, showing
from backupstation.bound import bound
from backupstation.doctor import examining, knocking
from backupstation.forms import OwnerForm, PasswordForm, SignInForm
from backupstation.page import Page
from backupstation.showing import Choice
from conversations import unreadable
from transfer import station as this_station
from transfer.models import Snapshot, Vault
from wire import limits
from wire.errors import WireError

_SHEET_SECONDS: Final = 10 * 60
_SHEET_UNTIL: Final = "recovery_sheet_until"


@require_safe
@never_cache
def station(request: HttpRequest) -> HttpResponse:
    """Show the station page: the live code, the trail, and what is kept."""
    if not request.user.is_authenticated:
        return redirect("first-run" if owner.is_missing() else settings.LOGIN_URL)
    request.session.pop(_SHEET_UNTIL, None)
    return _live_page(request, "station.html", _choice(request))


@require_safe
@login_required
@never_cache
@unreadable.told
def restore(request: HttpRequest, snapshot_id: str) -> HttpResponse:
    """Show a code that gives back this snapshot alone, or one conversation of it."""
    user, slug = cast(AbstractBaseUser, request.user), request.GET.get("conversation", "")
    try:
        given_back = bound(user, snapshot_id, slug)
    except Snapshot.DoesNotExist:
        raise Http404 from None
    choice = dataclasses.replace(_choice(request), snapshot=snapshot_id, conversation=slug)
    return _live_page(request, "restore.html", choice, bound=given_back)


def _choice(request: HttpRequest) -> Choice:
    """What the address of a page with a code says that it is to be for."""
    address = request.GET.get("address", "") or showing.default_address(request.get_host())
    return Choice(
        address,
        request.GET.get("scope", "both"),
        request.GET.get("im_origin"),
        request.GET.get("scheme", "http"),
    )


def _live_page(request: HttpRequest, template: str, choice: Choice, **more: object) -> HttpResponse:
    """Render a page that its live socket keeps up to date."""
    page = Page(cast(AbstractBaseUser, request.user), choice)
    context = {
        "station_name": settings.STATION_NAME,
        "parts": page.look(timezone.now()),
        "shown": page.shown,
        "candidates": showing.candidates(),
        "issuers": showing.issuers(),
        "is_https_on": showing.is_https_on(),
        "rotation": limits.INVITATION_ROTATION_SECONDS,
    }
    response = render(request, template, context | more)
    connect_to(response, request)
    return response


def connect_to(response: HttpResponse, request: HttpRequest, *origins: str) -> None:
    """Let the page's scripts reach this host and the WebSockets on it, and these origins.

    Not every browser takes 'self' to include the WebSocket of the same host and port.
    """
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response._csp_update = {"connect-src": [SELF, socket, *origins]}  # type: ignore[attr-defined]


@require_POST
@login_required
def approve(request: HttpRequest) -> HttpResponse:
    """Take the owner's Allow or Deny from a page without JavaScript."""
    for answer in ("allow", "deny"):
        if answer in request.POST:
            user = cast(AbstractBaseUser, request.user)
            digits = request.POST[answer]
            replaces = request.POST.get(f"replaces-{digits}", "") if answer == "allow" else ""
            live.decide(user, digits, allow=answer == "allow", replaces=replaces)
    return redirect("station")


@require_POST
@login_required
def keep_phone(request: HttpRequest) -> HttpResponse:
    """Keep the owner's name and reminder for the phone whose button was pressed."""
    thumbprint = request.POST.get("save", "")
    fields = {"name": f"name-{thumbprint}", "remind_days": f"remind-{thumbprint}"}
    said = {key: request.POST[field] for key, field in fields.items() if field in request.POST}
    try:
        phones.keep(cast(AbstractBaseUser, request.user), thumbprint, **said)
    except Vault.DoesNotExist:
        raise Http404 from None
    except phones.NameRefused as refused:
        return render(request, "400.html", {"why": str(refused)}, status=400)
    except ValueError:
        raise BadRequest from None
    return redirect("station")


@require_safe
@login_required
@never_cache
def doctor(request: HttpRequest) -> HttpResponse:
    """Look for what keeps phones away; ``part`` is asked for by the station page's script."""
    user = cast(AbstractBaseUser, request.user)
    report = examining.desk.examine(user, request.GET.get("address", ""))
    template = "parts/doctor.html" if "part" in request.GET else "doctor.html"
    return render(request, template, {"report": report})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def first_run(request: HttpRequest) -> HttpResponse:
    """Make the owner, given the one-time code that the terminal shows."""
    if request.user.is_authenticated:
        return redirect("station")
    if not owner.is_missing():
        return render(request, "first_run_over.html", status=410)
    code = request.POST.get("code", request.GET.get("code", "")).strip()
    if not owner.is_code_good(code):
        status = 403 if code else 200
        return render(request, "first_run_code.html", {"was_wrong": bool(code)}, status=status)
    posted = request.POST if "username" in request.POST else None
    form = OwnerForm(posted, found=relinking.found(), initial={"code": code})
    if not form.is_valid():
        return render(request, "first_run.html", {"form": form})
    chosen = form.cleaned_data
    try:
        user = owner.create(code, chosen["username"], chosen["password"], chosen.get("vault", ""))
    except owner.CodeRefusedError:
        return render(request, "first_run_code.html", {"was_wrong": True}, status=403)
    login(request, user)
    request.session[_SHEET_UNTIL] = time.time() + _SHEET_SECONDS
    return redirect("recovery")


@require_http_methods(["GET", "HEAD", "POST"])
@user_passes_test(lambda user: user.is_active and getattr(user, "is_superuser", False))
@never_cache
def recovery(request: HttpRequest) -> HttpResponse:
    """Show the owner the 24 words: in the first run, later only after the password once more."""
    if request.session.get(_SHEET_UNTIL, 0) < time.time():
        user = cast(AbstractBaseUser, request.user)
        address = request.META.get("REMOTE_ADDR", "")
        form = PasswordForm(request.POST or None, user=user, address=address)
        if not form.is_valid():
            return render(request, "recovery_password.html", {"form": form})
    identity = this_station.identity()
    words = identity.root.words()
    return render(
        request,
        "recovery.html",
        {
            "words": words.split(),
            "drawing": qr.draw(words),
            "station_name": settings.STATION_NAME,
            "station_id": identity.station_id_text,
            "today": timezone.localdate(),
            "is_first_run": _SHEET_UNTIL in request.session,
        },
    )


class SignIn(LoginView):
    """Sign in; before there is an owner, begin the first run."""

    template_name = "sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Send the first visitor to the owner form."""
        if owner.is_missing():
            return redirect("first-run")
        return super().dispatch(request, *args, **kwargs)


@require_safe
@never_cache
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Admin's own form would not be throttled: everyone signs in at one place."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    """What a camera app opens. The fragment of the link stays in the browser."""
    context = {"words": phone_words.words(), "is_https_on": showing.is_https_on()}
    return render(request, "phone.html", context)


@require_safe
@never_cache
def phone_engine(request: HttpRequest) -> HttpResponse:
    """Start the phone page's engine.

    A Worker lives by the policy of its own script, and the engine is what connects: to this host,
    and to the IM servers that may confirm a code.
    """
    script = f'import "{static("phone/engine.js")}";\n'
    response = HttpResponse(script, content_type="text/javascript")
    connect_to(response, request, *(origin for origin in showing.issuers() if origin))
    return response


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the process answers; given a challenge, prove which station's it is."""
    challenge = request.GET.get("challenge", "")
    if not 0 < len(challenge) <= knocking.CHALLENGE_CHARS_MAX:
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "ok", "proof": knocking.proof(challenge)})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Say whether the station can work: 503 when database or storage cannot be written to."""
    checks = {"database": _is_database_up(), "storage": _is_storage_writable()}
    ready = all(checks.values())
    state = {name: "ok" if works else "failed" for name, works in checks.items()}
    return JsonResponse(
        {"status": "ok" if ready else "failed", **state}, status=200 if ready else 503
    )


def _is_database_up() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _is_storage_writable() -> bool:
    identity = this_station.identity()
    try:
        identity.require_store()
        with tempfile.TemporaryFile(dir=identity.backend.spool()) as probe:
            probe.write(b"ok")
    except (OSError, WireError):
        return False
    return True
