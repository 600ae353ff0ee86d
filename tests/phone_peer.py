"""A station and its IM server in one small object, to be told to misbehave.

It speaks the protocol over real sockets, keeps everything in memory, and trusts nobody less than
the phone must: tests override one method to lie in one place. The real station has its own tests.
"""

import hashlib
import http.server
import socket
import threading
import time
from collections import deque
from ipaddress import ip_address

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from wire import im, limits, manifest, messages, tokens
from wire.channel import FrameType, control_frame, data_frame_header, frames, split_data
from wire.errors import VerificationFailed, WireError
from wire.handshake import (
    Connected,
    EnrolRequested,
    FirstAccepted,
    PhoneVerified,
    StationHandshake,
    StationTerms,
)
from wire.invitation import Invitation, PublicPart, Scope, station_id_text

BOTH = Scope.BACKUP | Scope.RESTORE


class Cut(Exception):
    """The peer cuts the connection without a word."""


class Peer:
    """One station, one account, any number of phones. Use as a context manager."""

    sub = "account-1"
    hold_acknowledgements = 0

    def __init__(self):
        self.station_key = Ed25519PrivateKey.generate()
        self.issuer_key = Ed25519PrivateKey.generate()
        self.invitations: dict[bytes, tuple[Invitation, X25519PrivateKey]] = {}
        self.chunks: dict[bytes, bytes] = {}
        self.snapshots: dict[str, messages.SnapshotManifest] = {}
        self.refusals: list[Exception] = []
        self.received = 0
        self.acknowledged = 0
        self.respects_credit = True
        self.asked = 0
        self.connections = 0
        self.claimed: set[bytes] = set()
        self.names: list[str] = []
        self.sources: list[str] = []
        self.done: messages.RestoreDone | None = None
        self.binding = None

    @property
    def station_public(self) -> bytes:
        return self.station_key.public_key().public_bytes_raw()

    @property
    def station_id(self) -> str:
        return station_id_text(Invitation.decode(self.invite()).station_id)

    @property
    def iss(self) -> str:
        return f"station:{self.station_id}"

    def __enter__(self):
        self.server = serve(
            self._serve,
            "127.0.0.1",
            0,
            compression=None,
            subprotocols=[limits.SUBPROTOCOL],
            max_size=limits.MIB,
        )
        self.port = self.server.socket.getsockname()[1]
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = peer.answer_http(self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.http.server_address[1]}"
        self._threads = [
            threading.Thread(target=self.server.serve_forever, daemon=True),
            threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.http.shutdown()
        self.http.server_close()
        for thread in self._threads:
            thread.join()

    # Invitations and the IM server

    def invite(self, scope: Scope = BOTH) -> bytes:
        key = X25519PrivateKey.generate()
        number = len(self.invitations)
        invitation = Invitation.create(
            station_key=self.station_key,
            scope=scope,
            expires=int(time.time()) + 120,
            session_id=number.to_bytes(16),
            invitation_key=key.public_key().public_bytes_raw(),
            port=getattr(self, "port", 1),
            addresses=(ip_address("127.0.0.1"),),
            im_origin="",
            secret=number.to_bytes(16),
        )
        self.invitations[invitation.session_id] = (invitation, key)
        return invitation.encode()

    def link(self, scope: Scope = BOTH) -> str:
        return Invitation.decode(self.invite(scope)).link(self.origin)

    def answer_http(self, path: str, body: bytes) -> tuple[int, bytes]:
        request = im.decode(im.ConnectRequest, body)
        part = PublicPart.decode(request.public_part)
        reply = im.ConnectReply(
            tokens.sign(self.indication(part), self.issuer_key),
            tokens.sign(self.ticket(part, request), self.issuer_key),
        )
        return 200, im.encode(reply)

    def indication(self, part: PublicPart) -> tokens.Indication:
        return tokens.Indication(
            iss=self.iss,
            station_id=self.station_id,
            station_name="Peer",
            station_key=tokens.b64u(self.station_public),
            sid=tokens.b64u(part.session_id),
            addresses=[str(address) for address in part.addresses],
            port=part.port,
            exp=int(time.time()) + 120,
        )

    def ticket(self, part: PublicPart, request: im.ConnectRequest) -> tokens.Ticket:
        now = int(time.time())
        return tokens.Ticket(
            iss=self.iss,
            sub=self.sub,
            aud=self.station_id,
            sid=tokens.b64u(part.session_id),
            jti="1",
            iat=now,
            exp=now + 120,
            cnf=tokens.thumbprint(request.phone_key),
            spk=tokens.b64u(hashlib.sha256(part.invitation_key).digest()),
            inv=tokens.b64u(hashlib.sha256(request.public_part).digest()),
            scope=request.scope,
        )

    # The listening port

    def _serve(self, websocket):
        self.connections += 1
        try:
            self._talk(websocket)
        except Cut:
            websocket.socket.shutdown(socket.SHUT_RDWR)
        except WireError as error:
            self.refusals.append(error)
            websocket.close(error.code)
        except ConnectionClosed:
            pass

    def _talk(self, websocket):
        session_id = bytes.fromhex(websocket.request.path.rsplit("/", 1)[1])
        if session_id in self.claimed:
            raise VerificationFailed("claimed before")
        invitation, key = self.invitations[session_id]
        issuer = self.issuer_key.public_key().public_bytes_raw()
        terms = StationTerms(
            public_part=invitation.public_part(),
            secret=invitation.secret,
            invitation_key=key,
            station_key=self.station_key,
            iss=self.iss,
            issuer_keys=[issuer],
            bound_phone="",
            now=lambda: int(time.time()),
        )
        shaking = StationHandshake(terms, X25519PrivateKey.generate())
        while True:
            event = shaking.receive(websocket.recv())
            for message in shaking.data_to_send():
                websocket.send(message)
            match event:
                case EnrolRequested(name=name):
                    self.names.append(name)
                    self.enrol(shaking, websocket, issuer)
                case FirstAccepted(ticket=ticket):
                    self.claimed.add(session_id)
                    self.accept(shaking, ticket)
                    scope = ticket.scope
                case PhoneVerified():
                    shaking.open(messages.Open(scope, limits.WINDOW_BYTES, 1, "Peer", self.binding))
                case Connected() | None:
                    pass
            for message in shaking.data_to_send():
                websocket.send(message)
            if isinstance(event, PhoneVerified):
                break
        Transfer(self, websocket, shaking.channel).run()

    def accept(self, shaking, ticket):
        shaking.accept()

    def enrol(self, shaking, websocket, issuer):
        shaking.pending(600)
        shaking.enrolled(messages.Enrolled(self.iss, self.sub, [issuer], "Peer", self.invite()))

    # What tests override

    def lack(self, start: int, digests: list[bytes]) -> messages.ChunksLack:
        refs = [start + at for at, digest in enumerate(digests) if digest not in self.chunks]
        return messages.ChunksLack(start, refs)

    def take(self, digest: bytes, data: bytes) -> None:
        self.chunks[digest] = data

    def receipt(self, header: bytes) -> str:
        told = manifest.decode_header(header)
        claims = tokens.Receipt(
            iss=self.station_id,
            snapshot_id=told.snapshot_id,
            manifest_hash=tokens.b64u(manifest.manifest_hash(header)),
            sequence=1,
            previous="",
            items=told.items,
            bytes=told.bytes,
            stored=1,
        )
        return tokens.sign(claims, self.station_key)

    def give(self, digest: bytes) -> bytes:
        return self.chunks[digest]

    def manifest(self, message: messages.SnapshotGet) -> messages.SnapshotManifest:
        return self.snapshots[message.snapshot_id]

    def opened(self, transfer: "Transfer") -> None:
        pass

    def follow_up(self) -> bytes:
        return self.invite()


class Transfer:
    """One open connection, served in order by one thread."""

    def __init__(self, peer: Peer, websocket, channel):
        self.peer, self.websocket, self.channel = peer, websocket, channel
        self.announced: dict[int, bytes] = {}
        self.owed = 0
        self.credit = limits.WINDOW_BYTES
        self.requests: deque[messages.PhoneMessage] = deque()

    def say(self, message: messages.Message) -> None:
        self.websocket.send(self.channel.seal(control_frame(messages.encode(message))))

    def data(self, ref: int, data: bytes) -> None:
        while self.credit < len(data) and self.peer.respects_credit:
            self.receive()
        self.credit -= len(data)
        frame = data_frame_header(ref, len(data)) + data
        self.websocket.send(self.channel.seal(frame))

    def run(self) -> None:
        self.peer.opened(self)
        while True:
            while self.requests:
                self.obey(self.requests.popleft())
            self.receive()

    def receive(self) -> None:
        for frame in frames(self.channel.open(self.websocket.recv())):
            if frame.type is FrameType.DATA:
                self.take(*split_data(frame.payload))
                continue
            message = messages.decode_from_phone(bytes(frame.payload))
            if isinstance(message, messages.Ack):
                self.credit += message.bytes
            else:
                self.requests.append(message)

    def take(self, ref: int, data: memoryview) -> None:
        self.peer.received += len(data)
        self.peer.take(self.announced.pop(ref), bytes(data))
        self.owed += len(data)
        if self.owed >= self.peer.hold_acknowledgements:
            self.peer.acknowledged += self.owed
            self.say(messages.Ack(self.owed))
            self.owed = 0

    def obey(self, message: messages.PhoneMessage) -> None:
        peer = self.peer
        match message:
            case messages.BackupBegin(snapshot_id=snapshot_id, source=source):
                peer.sources.append(source)
                self.say(messages.BackupReady(snapshot_id, peer.follow_up()))
            case messages.ChunksHave(start=start, digests=digests):
                split = messages.split_digests(digests)
                peer.asked += len(split)
                lack = peer.lack(start, split)
                self.announced |= dict(zip(range(start, start + len(split)), split, strict=True))
                self.say(lack)
            case messages.BackupCommit(header=header, signature=signature):
                receipt = peer.receipt(header)
                told = manifest.decode_header(header)
                kept = messages.SnapshotManifest(
                    header, signature, receipt, list(range(len(told.pages)))
                )
                peer.snapshots[told.snapshot_id] = kept
                self.say(messages.BackupStored(receipt, 0, 0))
            case messages.SnapshotsList():
                self.list_snapshots()
            case messages.SnapshotGet():
                answer = peer.manifest(message)
                self.say(answer)
                pages = manifest.decode_header(answer.header).pages
                for number in answer.pages:
                    self.data(number, peer.give(pages[number % len(pages)].digest))
            case messages.ChunksGet():
                self.give_chunks(message)
            case messages.RestoreDone():
                peer.done = message
            case messages.Bye():
                self.say(messages.Bye())
                self.websocket.close()

    def list_snapshots(self) -> None:
        lines = [
            messages.SnapshotSummary(name, "here", "", 1, 1, 1, 1) for name in self.peer.snapshots
        ]
        self.say(messages.SnapshotsPage(0, 1, lines))

    def give_chunks(self, message: messages.ChunksGet) -> None:
        answer = self.peer.snapshots[message.snapshot_id]
        items = [
            item
            for page in manifest.decode_header(answer.header).pages
            for item in manifest.decode_page(self.peer.chunks[page.digest])
        ]
        ref = message.start
        for want in message.wants:
            for chunk in list(items[want.item].refs())[want.first : want.first + want.count]:
                try:
                    self.data(ref, self.peer.give(chunk.digest))
                except WireError as error:
                    self.say(messages.Failure(error.code, str(error), ref))
                ref += 1
