"""Mallory: a phone driven by hand, message by message, against a real station.

She has what the test gives her (a QR code, an account of her own, a stolen ticket) and speaks the
protocol by ``wire``, but nothing makes her keep to it.
"""

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from phone import im
from tests.stations import ROOT, _environment
from wire import limits, manifest, messages, proofs, tokens
from wire.channel import FrameType, control_frame, data_frame_header, frames, split_data
from wire.handshake import PhoneHandshake, public_bytes
from wire.im import ConnectRequest, connect_proof_text
from wire.invitation import Invitation, Scope
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

PATIENCE_SECONDS = 8
_addresses = count(1)


def fresh_address():
    """An address of this machine that has not failed yet (all of 127.0.0.0/8 is)."""
    number = next(_addresses)
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Desk:
    """The owner at the station: invitations, Allow, and what the database says."""

    def __init__(self, station):
        self.station = station
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.apps.desk"],
            cwd=ROOT,
            env=_environment(station.folder, **station.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def __getattr__(self, do):
        """Any function of tests/apps/desk.py."""

        def ask(*arguments, **named):
            assert not arguments, "arguments are named"
            self.process.stdin.write(json.dumps({"do": do, **named}) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
            assert "failure" not in answer, answer["failure"]
            return answer["answer"]

        return ask

    def invitation(self, account="alice", **options):
        return Invitation.decode(tokens.unb64u(self.invite(account=account, **options)))

    def state(self, invitation):
        """State, claim and trail of an invitation, once its connection has been cleared away."""
        return SimpleNamespace(**self.look(session=invitation.session_id.hex()))

    def failures(self, invitation):
        """(code, reason) of what the trail says went wrong."""
        trail = self.state(invitation).trail
        return [(step["code"], step["reason"]) for step in trail if step["step"] == "failed"]

    def wait_for(self, invitation, state):
        """Wait until the invitation is in this state (the station tidies up after closing)."""
        return eventually(lambda: self.state(invitation).state == state)

    def spooled(self):
        """Files in the store's spool that are no object yet."""
        spool = self.station.folder / "store" / "spool"
        return [path for path in spool.glob("*/*") if path.is_file()]

    def digits(self):
        """The six digits of the one question that waits."""
        rows = eventually(self.waiting)
        assert len(rows) == 1
        return rows[0]["digits"]


def eventually(question, seconds=PATIENCE_SECONDS):
    """The first true answer; the last one when time is up."""
    until = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < until:
        time.sleep(0.05)
    return answer


class Closed(Exception):
    """The station closed; ``code`` and ``reason`` are those of the close frame."""

    def __init__(self, code, reason):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


class Wire:
    """One WebSocket to a listening port, and the handshake of a phone on top, if wanted."""

    def __init__(self, invitation, key=None, *, port=None, address=None, session=None, **options):
        self.invitation = invitation
        self.key = key or Ed25519PrivateKey.generate()
        session = invitation.session_id.hex() if session is None else session
        raw = socket.socket()
        if "receive_buffer" in options:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.pop("receive_buffer"))
        raw.bind((address or fresh_address(), 0))
        raw.settimeout(PATIENCE_SECONDS)
        raw.connect(("127.0.0.1", port or invitation.port))
        options = {"subprotocols": [limits.SUBPROTOCOL], "max_size": limits.MIB} | options
        self.websocket = connect(
            f"ws://127.0.0.1:{port or invitation.port}{limits.LISTEN_PATH}{session}",
            sock=raw,
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            legacy=True,
            **options,
        )
        self.told = []
        self.shaking = PhoneHandshake(invitation, self.key, X25519PrivateKey.generate())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.websocket.close()

    # Bytes

    def send(self, message):
        """Send; that the station has closed shows when receiving."""
        with suppress(ConnectionClosed):
            self.websocket.send(message)

    def receive(self, seconds=PATIENCE_SECONDS):
        try:
            return self.websocket.recv(seconds)
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise Closed(0, "") from None
            raise Closed(closed.rcvd.code, closed.rcvd.reason) from None

    def closing(self, seconds=PATIENCE_SECONDS):
        """The code with which the station closes; what it said before is in ``told``."""
        until = time.monotonic() + seconds
        try:
            while True:
                self._note(self.receive(max(0.01, until - time.monotonic())))
        except Closed as closed:
            return closed.code if not closed.reason else f"{closed.code} {closed.reason}"

    def _note(self, message):
        try:
            for frame in frames(self.channel.open(message)):
                if frame.type is FrameType.CONTROL:
                    self.told.append(messages.decode_from_station(bytes(frame.payload)))
        except Exception as error:
            self.told.append(error)

    def cut(self):
        """Go without a word."""
        with suppress(OSError):
            self.websocket.socket.shutdown(socket.SHUT_RDWR)
        self.websocket.close()

    # The way to OPEN

    @property
    def channel(self):
        return self.shaking.channel

    def hello(self):
        """Have the channel."""
        self.shaking.hello()
        self.flush()
        self.shaking.receive(self.receive())
        return self

    def flush(self):
        for message in self.shaking.data_to_send():
            self.send(message)

    def first(self, ticket, *, key=None, proof=None):
        """Send the first verification information; any part may be somebody else's."""
        key = key or self.key
        text = proofs.first_text(self.channel.handshake_hash, ticket)
        proof = proofs.prove(key, text) if proof is None else proof
        self.say(messages.First(ticket, public_bytes(key), proof))

    def verify(self, phone, scope="backup", ticket=None):
        """The whole way as an honest phone goes it; the terms of the open connection."""
        reply = phone.ask(self.invitation, scope) if ticket is None else ticket
        indication = tokens.verify(reply.indication, tokens.Indication, phone.issuer_keys)
        self.hello()
        self.shaking.present(reply.ticket, indication, phone.sub)
        self.flush()
        while self.shaking.state.name != "OPEN":
            self.shaking.receive(self.receive())
            self.flush()
        return self

    # Messages

    def say(self, *told):
        """Send control messages, all in one WebSocket message."""
        self.say_frames(*(control_frame(messages.encode(one)) for one in told))

    def say_json(self, text):
        self.say_frames(control_frame(text))

    def say_frames(self, *plain):
        self.send(self.channel.seal(b"".join(plain)))

    def give(self, *chunks):
        """Send chunks as (reference, bytes) in one WebSocket message."""
        self.say_frames(*(data_frame_header(ref, len(data)) + data for ref, data in chunks))

    def hear(self, kind=messages.Message, seconds=PATIENCE_SECONDS):
        """The next control message of this kind; others but errors are passed over."""
        while True:
            for frame in frames(self.channel.open(self.receive(seconds))):
                if frame.type is FrameType.DATA:
                    self.told.append(split_data(frame.payload))
                    continue
                message = messages.decode_from_station(bytes(frame.payload))
                self.told.append(message)
                if isinstance(message, kind) and not isinstance(message, messages.Ping):
                    return message
                assert not isinstance(message, messages.Failure), message

    def refusal(self):
        """The error that the station tells, without closing."""
        return self.hear(messages.Failure).code

    # A backup by hand

    def begin(self, snapshot_id=None):
        self.snapshot_id = snapshot_id or manifest.snapshot_id_text(os.urandom(16))
        self.say(messages.BackupBegin(self.snapshot_id, "mallory", "", 1, 1))
        return self.hear(messages.BackupReady)

    def lacks(self, *chunks, start=0):
        """Announce chunks; the references of those that must be sent."""
        digests = b"".join(hashlib.sha256(chunk).digest() for chunk in chunks)
        self.say(messages.ChunksHave(start, digests))
        return self.hear(messages.ChunksLack).refs

    def upload(self, *chunks, start=0):
        """Announce chunks and send what is lacking."""
        for ref in self.lacks(*chunks, start=start):
            self.give((ref, chunks[ref - start]))
            self.hear(messages.Ack)

    def commit(self, header, key=None, signature=None):
        if signature is None:
            signature = manifest.sign_header(key or self.key, header)
        self.say(messages.BackupCommit(header, signature))


class AccountPhone:
    """An enrolled phone: its key and what it knows of its account."""

    def __init__(self, desk, account="alice", name="phone"):
        self.desk = desk
        self.key = Ed25519PrivateKey.generate()
        public = base64.b64encode(public_bytes(self.key)).decode()
        grant = desk.enrol(account=account, key=public, name=name)
        self.iss, self.sub = grant["iss"], grant["sub"]
        self.issuer_keys = [base64.b64decode(key) for key in grant["keys"]]

    @property
    def thumbprint(self):
        return tokens.thumbprint(public_bytes(self.key))

    def ask(self, invitation, scope="backup"):
        """Have the IM server authenticate an invitation: indication and ticket."""
        part = invitation.public_part()
        proof = proofs.prove(self.key, connect_proof_text(self.iss, part, scope))
        request = ConnectRequest(part, public_bytes(self.key), scope, proof)
        return im.connect(self.desk.station.origin, request)

    def claims(self, invitation, scope="backup", **changes):
        """The claims of a right ticket, with changes."""
        now = int(time.time())
        public = invitation.public()
        right = {
            "iss": self.iss,
            "sub": self.sub,
            "aud": self.iss.removeprefix("station:"),
            "sid": tokens.b64u(invitation.session_id),
            "jti": tokens.b64u(os.urandom(16)),
            "iat": now,
            "exp": now + limits.TICKET_SECONDS,
            "cnf": self.thumbprint,
            "spk": tokens.b64u(hashlib.sha256(public.invitation_key).digest()),
            "inv": tokens.b64u(hashlib.sha256(invitation.public_part()).digest()),
            "scope": scope,
        }
        return right | changes

    def connected(self, invitation=None, **options):
        """A connection in the channel, before verification."""
        invitation = invitation or self.desk.invitation()
        return Wire(invitation, self.key, **options).hello()

    def opened(self, scope="backup", invitation=None, **options):
        """A verified connection."""
        invitation = invitation or self.desk.invitation()
        return Wire(invitation, self.key, **options).verify(self, scope)

    # Manifests

    def item(self, name="a.txt", pieces=(b"hello",), /, **changes):
        right = {
            "name": name,
            "size": sum(map(len, pieces)),
            "mtime_ns": 0,
            "media_type": "text/plain",
            "sha256": hashlib.sha256(b"".join(pieces)).digest(),
            "chunks": manifest.pack_refs(
                ChunkRef(hashlib.sha256(piece).digest(), len(piece)) for piece in pieces
            ),
        }
        return Item(**(right | changes))

    def header(self, snapshot_id, items, pages, /, **changes):
        """The header over encoded ``pages``, of which each lists so many items: (bytes, count)."""
        right = {
            "format": manifest.HEADER_FORMAT,
            "iss": self.iss,
            "sub": self.sub,
            "snapshot_id": snapshot_id,
            "source": "mallory",
            "label": "",
            "created": int(time.time()),
            "items": len(items),
            "bytes": sum(item.size for item in items),
            "chunks": sum(item.chunk_count for item in items),
            "pages": [
                PageRef(hashlib.sha256(page).digest(), len(page), listed) for page, listed in pages
            ],
            "phone_key": public_bytes(self.key),
        }
        return manifest.encode_header(ManifestHeader(**(right | changes)))

    def stored(self, *contents, invitation=None):
        """Back up items with these contents, honestly; the snapshot's id and receipt."""
        with self.opened(invitation=invitation) as wire:
            wire.begin()
            items = [self.item(f"{at:04}.bin", (content,)) for at, content in enumerate(contents)]
            page = manifest.encode_page(items)
            wire.upload(*contents, page)
            wire.commit(self.header(wire.snapshot_id, items, [(page, len(items))]))
            receipt = wire.hear(messages.BackupStored).receipt
            wire.say(messages.Bye())
            assert wire.closing() == 1000
        return wire.snapshot_id, receipt


def refused_upgrade(invitation, **options):
    """The HTTP status with which a WebSocket is refused."""
    try:
        Wire(invitation, **options)
    except InvalidStatus as refused:
        return refused.response.status_code
    raise AssertionError("the WebSocket was accepted")


BACKUP, RESTORE, BOTH = Scope.BACKUP, Scope.RESTORE, Scope.BACKUP | Scope.RESTORE
