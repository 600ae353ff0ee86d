"""How a device comes to trust this station: the certificate, and what to do with it there."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from backupstation import hosts, listening
from backupstation.https import chosen

# What a browser says of the system it runs on; an iPad says that it is a Mac.
_SYSTEMS: Final = {
    "Android": "android",
    "iPhone": "apple",
    "iPad": "apple",
    "Windows": "windows",
    "Macintosh": "mac",
    "Linux": "linux",
}


@require_safe
@never_cache
def install(request: HttpRequest) -> HttpResponse:
    """Explain it, for the system of whoever asks first; 404 when https is off."""
    here = listening.current()
    if not here.https_port:
        return render(request, "https_off.html", status=404)
    named = hosts.split_host(request.get_host())
    context = {
        "authority": chosen.authority(),
        "origin": here.secure_origin(named[0] if named else ""),
        "system": _system(request.headers.get("User-Agent", "")),
    }
    return render(request, "https.html", context)


@require_safe
@never_cache
def certificate(_request: HttpRequest) -> HttpResponse:
    """The authority's root as a file (PEM), in the media type that devices offer to install."""
    authority = chosen.authority()
    if authority is None:
        raise Http404
    return HttpResponse(authority.root_pem, content_type="application/x-x509-ca-cert")


def _system(agent: str) -> str:
    return next((system for mark, system in _SYSTEMS.items() if mark in agent), "")
