"""The cast: phones, stations and a real IM server process for the tests of accounts."""

import datetime
import http.client
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wire import im
from wire.invitation import Invitation, Scope

ROOT = Path(__file__).resolve().parent.parent
NOW = 1_800_000_000


class StationActor:
    """A station that makes invitations; each has its own session id."""

    def __init__(self, name="Alice's NAS"):
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()

    def invitation(self, now=NOW, *, scope=Scope.BACKUP, addresses=("192.168.1.20",), **changes):
        fields = {
            "expires": now + 120,
            "session_id": os.urandom(16),
            "invitation_key": os.urandom(32),
            "port": 8765,
            "im_origin": "",
            "secret": os.urandom(16),
        }
        places = [ip_address(address) for address in addresses]
        return Invitation.create(
            station_key=self.key, scope=scope, addresses=places, **(fields | changes)
        )

    def register_request(self, code):
        code = im.canonical_code(code)
        proof = self.key.sign(im.register_proof_text(code))
        return im.RegisterRequest(code, self.public, self.name, proof)


class PhoneActor:
    """A phone with its own key, which signs what it asks for."""

    def __init__(self, name="Alice's phone"):
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()

    def enrol_request(self, code):
        code = im.canonical_code(code)
        proof = self.key.sign(im.enrol_code_proof_text(code))
        return im.EnrolRequest(code, self.public, self.name, proof)

    def connect_request(self, iss, invitation, scope="backup"):
        part = invitation.public_part()
        proof = self.key.sign(im.connect_proof_text(iss, part, scope))
        return im.ConnectRequest(part, self.public, scope, proof)


class ImServerActor:
    """A running IM server and its operator's command line."""

    def __init__(self, folder, started, process):
        self.folder, self.started, self.process = folder, started, process
        self.origin, self.iss = started["origin"], started["iss"]

    def operate(self, action, *arguments):
        return json.loads(_manage(self.folder, action, "--json", *arguments))

    def send(self, method, path, body=b"", headers=None):
        """Status, headers and body of one HTTP exchange on its own connection."""
        place = urlsplit(self.origin)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        try:
            sent = {"Content-Type": "application/json"} if headers is None else headers
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def post(self, path, request):
        status, _headers, body = self.send("POST", path, im.encode(request))
        return status, body

    def refusal(self, path, request):
        """The name of the refusal; its HTTP status must be the one that belongs to it."""
        status, body = self.post(path, request)
        reply = im.decode(im.ErrorReply, body)
        assert im.Refusal(reply.code).status == status
        return reply.code


def environment(folder):
    """This process's environment without what the test settings put there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STATION_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept | {"STATION_DATA_DIR": str(folder), "STATION_LOG_LEVEL": "CRITICAL"}


def imserver(folder, *arguments, typed=""):
    """Exit code, standard output and error of one command of its operator."""
    command = [sys.executable, str(ROOT / "manage.py"), "imserver", *arguments]
    done = subprocess.run(
        command, env=environment(folder), input=typed, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def _manage(folder, *arguments):
    status, told, error = imserver(folder, *arguments)
    if status:
        raise RuntimeError(error)
    return told


@contextmanager
def running_imserver(folder, *options, **settings):
    """A real `manage.py imserver run` on a port that the system chose; ended by SIGTERM."""
    run = [sys.executable, str(ROOT / "manage.py"), "imserver", "run"]
    command = [*run, "--port", "0", "--json", *options]
    with subprocess.Popen(
        command, env=environment(folder) | settings, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield ImServerActor(folder, json.loads(process.stdout.readline()), process)
        finally:
            process.terminate()
            process.wait(timeout=20)
            process.stdout.close()


def certificate_in(folder):
    """Paths of a self-signed certificate for 127.0.0.1 and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "im.test")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "im.pem", folder / "im.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
