"""The addresses of this machine at which a phone in the same network can reach the station."""

import socket
from collections.abc import Iterable
from enum import IntEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple

import psutil

Address = IPv4Address | IPv6Address

PRIVATE_NETWORKS: Final = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# What container engines, virtual machines and VPNs call their network interfaces.
CONTAINER_PREFIXES: Final = (
    "docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "vethernet", "lxc", "lxd", "cni",
    "flannel", "podman", "bridge",
)  # fmt: skip
TUNNEL_PREFIXES: Final = (
    "tun", "tap", "wg", "utun", "zt", "ppp", "tailscale", "nordlynx", "proton", "mullvad", "ipsec",
)  # fmt: skip
VIRTUAL_PREFIXES: Final = CONTAINER_PREFIXES + TUNNEL_PREFIXES
# RFC 6598: carriers behind their own NAT use it, and overlay networks such as Tailscale do.
SHARED_NETWORK: Final = ip_network("100.64.0.0/10")
ANY_IPV4: Final = "0.0.0.0"  # noqa: S104 - compared with, not bound to
ANY_ADDRESS: Final = ("", "::")


class Kind(IntEnum):
    """How likely a phone can reach an address; lower comes first."""

    LAN = 0
    LAN_IPV6 = 1
    LINK_LOCAL = 2
    VIRTUAL = 3
    LOOPBACK = 4


class Candidate(NamedTuple):
    """One address, the network interface that has it, and what sort it is."""

    kind: Kind
    address: Address
    interface: str


class Own(NamedTuple):
    """One address of this machine, whatever its sort, and the network that it is in."""

    interface: str
    address: Address
    network: IPv4Network | IPv6Network

    @property
    def is_tunnel(self) -> bool:
        """Whether it looks like a VPN's."""
        tunnel = self.interface.lower().startswith(TUNNEL_PREFIXES)
        return tunnel or self.address in SHARED_NETWORK


def own() -> list[Own]:
    """Every address of the interfaces that are up, as the system lists them."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    return [
        _own(name, entry.address, entry.netmask)
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family in {socket.AF_INET, socket.AF_INET6}
    ]


def inner_networks() -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of this machine's own containers and virtual machines.

    Not the one by which it reaches others, which may be bridged, and no link-local one: that is the
    same at every interface.
    """
    out = default_route_source()
    return tuple(
        one.network
        for one in own()
        if one.interface.lower().startswith(CONTAINER_PREFIXES)
        and not one.address.is_link_local
        and not (out and ip_address(out) in one.network)
    )


def _own(interface: str, text: str, netmask: str | None) -> Own:
    address = ip_address(text.partition("%")[0])
    try:
        network = ip_network(f"{address}/{_prefix_length(netmask)}", strict=False)
    except ValueError:  # a point-to-point interface has none
        network = ip_network(address)
    return Own(interface, address, network)


def _prefix_length(netmask: str | None) -> int:
    """How many bits name the network; IPv6 masks are no input that ``ipaddress`` takes."""
    return int(ip_address((netmask or "").partition("%")[0])).bit_count()


def candidates(bound_to: str = "") -> list[Candidate]:
    """Addresses a QR code may name, the likeliest first.

    ``bound_to`` is the address that the server listens on; when it is a specific one, no other
    address would answer, so it is the only candidate.
    """
    found = [(one.interface, str(one.address)) for one in own()]
    return ordered(found, preferred=default_route_source(), bound_to=bound_to)


def ordered(
    found: Iterable[tuple[str, str]], *, preferred: str = "", bound_to: str = ""
) -> list[Candidate]:
    """Sort (interface, address) pairs; ``preferred`` goes before its equals."""
    named = [candidate for name, text in found if (candidate := _candidate(name, text))]
    if bound_to == ANY_IPV4:
        named = [candidate for candidate in named if candidate.address.version == 4]
    elif bound_to not in ANY_ADDRESS:
        named = [candidate for candidate in named if str(candidate.address) == bound_to]
    return sorted(named, key=lambda one: (one.kind, str(one.address) != preferred, one.interface))


def _candidate(interface: str, text: str) -> Candidate | None:
    address = ip_address(text.partition("%")[0])
    kind = _kind(interface, address)
    return None if kind is None else Candidate(kind, address, interface)


def _kind(interface: str, address: Address) -> Kind | None:
    if address.is_loopback:
        return Kind.LOOPBACK
    if address.is_link_local:
        # An IPv6 link-local address means nothing without the phone's own zone index.
        return Kind.LINK_LOCAL if address.version == 4 else None
    if not any(address in network for network in PRIVATE_NETWORKS):
        return None
    if interface.lower().startswith(VIRTUAL_PREFIXES):
        return Kind.VIRTUAL
    return Kind.LAN if address.version == 4 else Kind.LAN_IPV6


def default_route_source() -> str:
    """Ask the system which address it would send from; a UDP connect sends nothing.

    Policy routing counts, by which VPNs take the traffic without a default route of their own.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: belongs to nobody
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def origin(host: Address | str, port: int, scheme: str = "http") -> str:
    """``http://HOST:PORT`` with brackets around IPv6."""
    named = f"[{host}]" if ":" in str(host) else str(host)
    return f"{scheme}://{named}:{port}"
