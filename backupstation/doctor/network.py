"""Addresses, networks and VPNs of this computer."""

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext_lazy as _

from backupstation.addresses import Candidate, Kind, Own
from backupstation.doctor.findings import Finding, State

_TITLE: Final = _("Addresses")
_LAN: Final = (Kind.LAN, Kind.LAN_IPV6)


def check(own: Sequence[Own], named: Sequence[Candidate], route_source: str) -> list[Finding]:
    """What the addresses tell.

    ``own`` are all of them, ``named`` those of which a code may name one, the one that it does
    name first; ``route_source`` is the address from which this computer would speak to the world.
    """
    return [_addresses(named), *_networks(own, named), _vpn(own, route_source)]


def _addresses(named: Sequence[Candidate]) -> Finding:
    kinds = {one.kind for one in named}
    if not kinds & {*_LAN, Kind.LINK_LOCAL, Kind.VIRTUAL}:
        return Finding(
            State.BROKEN,
            "addresses",
            _TITLE,
            _("The station can be reached at no address of a local network."),
            _("Connect this computer to your Wi-Fi or router."),
        )
    shown = named[0]
    values = {"address": shown.address, "interface": shown.interface, "all": _listed(named)}
    match shown.kind:
        case Kind.LOOPBACK:
            said = _("The code names %(address)s, which this computer alone can reach.")
            advice = _("Choose another address above the code.")
            return Finding(State.BROKEN, "addresses", _TITLE, said, advice, values)
        case Kind.VIRTUAL:
            said = _(
                "The code names %(address)s of %(interface)s: there are virtual machines,"
                " containers or a VPN, and hardly a phone."
            )
            advice = _("Choose another address above the code; the computer has %(all)s.")
            return Finding(State.LOOK, "addresses", _TITLE, said, advice, values)
        case Kind.LINK_LOCAL:
            said = _("The code names %(address)s: a computer takes it when no router gives one.")
            advice = _("Check the cable or the Wi-Fi, and start the router again.")
            return Finding(State.BROKEN, "addresses", _TITLE, said, advice, values)
    said = _("The code names %(address)s of %(interface)s.")
    return Finding(State.FINE, "addresses", _TITLE, said, values=values)


def _networks(own: Sequence[Own], named: Sequence[Candidate]) -> list[Finding]:
    """Nothing while there is one network only."""
    lan = [one for one in named if one.kind is Kind.LAN]
    network_of = {one.address: one.network for one in own}
    if len({network_of.get(one.address) for one in lan}) < 2:
        return []
    return [
        Finding(
            State.LOOK,
            "networks",
            _("Several networks"),
            _("This computer is in several networks: %(all)s. The code names %(address)s."),
            _("The phone must be in the same one; else choose the other address above the code."),
            {"all": _listed(lan), "address": named[0].address},
        )
    ]


def _vpn(own: Sequence[Own], route_source: str) -> Finding:
    """VPNs by the names of their interfaces; one that takes all traffic often takes ours too."""
    tunnels = [one for one in own if one.is_tunnel and not one.address.is_link_local]
    values = {"all": ", ".join(sorted({one.interface for one in tunnels}))}
    if any(str(one.address) == route_source for one in tunnels):
        return Finding(
            State.LOOK,
            "vpn",
            _("VPN"),
            _("All traffic of this computer goes through a VPN (%(all)s)."),
            _("Switch it off, or let it leave the local network alone (“allow LAN access”)."),
            values,
        )
    if tunnels:
        said = _(
            "A VPN is on (%(all)s), but not in the way. Whether the phone uses one cannot be seen"
            " from here."
        )
    else:
        said = _("None on this computer. Whether the phone uses one cannot be seen from here.")
    return Finding(State.FINE, "vpn", _("VPN"), said, values=values)


def _listed(candidates: Sequence[Candidate]) -> str:
    usable = [one for one in candidates if one.kind is not Kind.LOOPBACK]
    return ", ".join(f"{one.address} ({one.interface})" for one in usable)
