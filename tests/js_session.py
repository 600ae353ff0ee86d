"""One connection between the station in Python and the phone in JavaScript, all of it random."""

import hashlib
import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import node
from wire import handshake, limits, messages, tokens
from wire.channel import (
    DATA_FRAME_OVERHEAD,
    MAX_PLAINTEXT,
    control_frame,
    data_frame_header,
    frames,
)
from wire.handshake import StationHandshake, StationTerms, public_bytes
from wire.invitation import Invitation, Scope, station_id_text

NOW = 1_800_000_000


class Session:
    """One connection: everything random comes from ``rng``, so that a failure can be repeated."""

    def __init__(self, peer: node.Peer, rng: random.Random) -> None:
        self.peer, self.rng = peer, rng
        self.station_key, self.phone_key, self.issuer_key = (self.ed25519() for _ in range(3))
        invitation_key = self.x25519()
        self.scope = rng.choice(["backup", "restore"])
        self.invitation = Invitation.create(
            station_key=self.station_key,
            scope=rng.choice([Scope.BACKUP | Scope.RESTORE, handshake.SCOPES[self.scope]]),
            expires=NOW + rng.randrange(-60, 3600),
            session_id=rng.randbytes(limits.SESSION_ID_BYTES),
            invitation_key=invitation_key.public_key().public_bytes_raw(),
            port=rng.randrange(1, 2**16),
            addresses=[self.address() for _ in range(rng.randrange(1, 9))],
            im_origin=rng.choice(["", "https://im.example.org", "http://127.0.0.1:8000"]),
            secret=rng.randbytes(limits.SECRET_BYTES),
        )
        station_id = station_id_text(self.invitation.station_id)
        self.iss, self.sub = f"station:{station_id}", rng.randbytes(16).hex()
        terms = StationTerms(
            public_part=self.invitation.public_part(),
            secret=self.invitation.secret,
            invitation_key=invitation_key,
            station_key=self.station_key,
            iss=self.iss,
            issuer_keys=[public_bytes(self.issuer_key)],
            bound_phone="",
            now=lambda: NOW,
        )
        self.station = StationHandshake(terms, self.x25519())

    def ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32))

    def x25519(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.rng.randbytes(32))

    def address(self) -> IPv4Address | IPv6Address:
        if self.rng.random() < 0.5:
            return IPv4Address(bytes([10, *self.rng.randbytes(3)]))
        return IPv6Address(b"\xfd" + self.rng.randbytes(15))

    # Messages in both directions

    def say(self, operation: str, body: bytes = b"", **given):
        """Have the phone do something; its message, if any, reaches the station."""
        value, message = self.peer.ask(operation, body, **given)
        assert not isinstance(value, node.Refusal), value
        self.event = self.station.receive(message) if message else None
        return value["event"]

    def hear(self):
        """Carry the station's message to the phone; what happened there."""
        (message,) = self.station.data_to_send()
        return self.say("receive", message)

    def connect(self) -> None:
        self.say(
            "begin",
            self.invitation.encode(),
            key=self.phone_key.private_bytes_raw().hex(),
            ephemeral=self.rng.randbytes(32).hex(),
            stationKey=public_bytes(self.station_key).hex(),
        )

    def tickets(self) -> tuple[str, str]:
        """The indication and the ticket that the IM server gives out."""
        names = {"iss": self.iss, "sid": tokens.b64u(self.invitation.session_id)}
        station_id = station_id_text(self.invitation.station_id)
        ticket = tokens.Ticket(
            **names,
            sub=self.sub,
            aud=station_id,
            jti=tokens.b64u(self.rng.randbytes(16)),
            iat=NOW - 10,
            exp=NOW + 100,
            cnf=tokens.thumbprint(public_bytes(self.phone_key)),
            spk=tokens.b64u(hashlib.sha256(self.invitation.invitation_key).digest()),
            inv=tokens.b64u(hashlib.sha256(self.invitation.public_part()).digest()),
            scope=self.scope,
        )
        indication = tokens.Indication(
            **names,
            station_id=station_id,
            station_name="爱丽丝的 NAS",
            station_key=tokens.b64u(public_bytes(self.station_key)),
            addresses=[str(address) for address in self.invitation.addresses],
            port=self.invitation.port,
            exp=NOW + 100,
        )
        return tokens.sign(indication, self.issuer_key), tokens.sign(ticket, self.issuer_key)

    def present(self) -> None:
        indication, ticket = self.tickets()
        issuer = public_bytes(self.issuer_key).hex()
        self.say("present", ticket=ticket, indication=indication, issuer=issuer, sub=self.sub)
        assert isinstance(self.event, handshake.FirstAccepted)

    def maybe_wait(self, reason: str) -> None:
        """The owner may be asked, and the phone may ping meanwhile."""
        if self.rng.random() < 0.5:
            seconds = self.rng.randrange(600)
            self.station.pending(seconds)
            waiting = {"kind": "waiting", "reason": reason, "seconds": seconds}
            assert self.hear() == waiting
        if self.rng.random() < 0.2:
            self.say("ping")
            assert self.hear() is None

    # Whole ways

    def enrol(self) -> None:
        self.connect()
        assert self.hear() == {"kind": "connected", "digits": self.station.digits}
        name = self.rng.choice(["Alice's phone", "爱丽丝的手机 📱"])
        self.say("enrol", name=name)
        assert self.event == handshake.EnrolRequested(public_bytes(self.phone_key), name)
        self.maybe_wait("enrol")
        keys = [public_bytes(self.ed25519()) for _ in range(self.rng.randrange(1, 5))]
        invitation = self.rng.randbytes(200)
        self.station.enrolled(messages.Enrolled(self.iss, self.sub, keys, "NAS", invitation))
        grant = self.hear()["grant"]
        assert (grant["iss"], grant["sub"], len(grant["keys"])) == (self.iss, self.sub, len(keys))

    def open(self) -> None:
        self.connect()
        assert self.hear()["digits"] == self.station.digits
        self.present()
        self.maybe_wait("link")
        self.station.accept()
        assert self.hear() == {"kind": "secondAccepted"}
        assert isinstance(self.event, handshake.PhoneVerified)
        names = [f"chats/{number:0200}" for number in range(limits.SELECTION_NAMES_MAX)]
        binding = messages.Binding("0" * 26, messages.Selection(names)) if self.is_bound() else None
        terms = messages.Open(self.scope, limits.WINDOW_BYTES, 2**63 - 1, "NAS", binding)
        self.station.open(terms)
        opened = self.hear()
        assert opened["terms"]["free"] == 2**63 - 1
        assert (opened["terms"]["binding"] is None) == (binding is None)

    def is_bound(self) -> bool:
        return self.rng.random() < 0.3

    # What follows

    def plaintext(self) -> bytes:
        """A whole number of random frames; now and then as many as one message can carry."""
        room = MAX_PLAINTEXT if self.rng.random() < 0.05 else self.rng.choice([200, 5000, 70_000])
        made = b""
        while len(made) < room - DATA_FRAME_OVERHEAD:
            left = room - len(made) - DATA_FRAME_OVERHEAD
            size = self.rng.choice([left, self.rng.randrange(left + 1)])
            if self.rng.random() < 0.3 and size <= limits.CONTROL_BYTES_MAX:
                made += control_frame(self.rng.randbytes(size))
                continue
            size = min(size, limits.CHUNK_BYTES_MAX)
            made += data_frame_header(self.rng.randrange(2**32), size) + self.rng.randbytes(size)
        return made

    def talk(self) -> None:
        """Frames both ways, in any order."""
        for _ in range(self.rng.randrange(1, 5)):
            plaintext = self.plaintext()
            known = [[kind, len(payload)] for kind, payload in frames(plaintext)]
            if self.rng.random() < 0.5:
                found, opened = self.peer.ask("open", self.station.channel.seal(plaintext))
                assert (found, opened) == (known, plaintext)
            else:
                _, sealed = self.peer.ask("seal", plaintext)
                assert self.station.channel.open(sealed) == plaintext

    # What must be refused

    def harm(self, kind: str) -> None:
        """Do the phone harm at a random step of the way; it must notice at that step."""
        step = (
            "second" if kind in ("token", "key") else self.rng.choice(["reply", "second", "open"])
        )
        self.connect()
        if step != "reply":
            self.hear()
            self.present()
            self.prepare_second(kind)
        if step == "open":
            self.hear()
            self.station.open(messages.Open(self.scope, limits.WINDOW_BYTES, 10**12, "NAS"))
        (message,) = self.station.data_to_send()
        refusal, _ = self.peer.ask("receive", self.harmed(message, kind))
        assert isinstance(refusal, node.Refusal), (kind, step)
        assert refusal.state == "failed"
        assert refusal.refused in self.names_for(kind), (kind, step, refusal)
        again, _ = self.peer.ask("receive", message)
        assert isinstance(again, node.Refusal)
        assert "over" in again.message

    def prepare_second(self, kind: str) -> None:
        if kind == "key":
            self.station._terms = replace(self.station._terms, station_key=self.ed25519())
        if kind == "token":
            claim = self.rng.choice(["sub", "cnf", "sid"])
            change = {claim: tokens.b64u(self.rng.randbytes(16))}
            self.station._ticket = msgspec.structs.replace(self.station._ticket, **change)
        self.station.accept()

    def harmed(self, message: bytes, kind: str) -> bytes:
        if kind == "flip":
            bit = self.rng.randrange(8 * len(message))
            changed = bytearray(message)
            changed[bit // 8] ^= 1 << bit % 8
            return bytes(changed)
        if kind == "cut":
            return message[: self.rng.randrange(len(message))]
        return message + self.rng.randbytes(self.rng.randrange(1, 40)) * (kind == "lengthen")

    def names_for(self, kind: str) -> tuple[str, ...]:
        if kind in ("token", "key"):
            return ("TokenRefused",)
        return ("VerificationFailed", "MalformedMessage")
