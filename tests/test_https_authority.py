"""The station's own authority: what a TLS client that trusts it accepts, and what it refuses."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from backupstation.https.authority import Authority, is_permitted_name

NOW = datetime.now(UTC)
AT_HOME = [
    "localhost", "pc.local", "nas.lan", "pc.home", "a.b.internal", "pc.home.arpa", "10.1.2.3",
    "172.31.255.255", "192.168.1.20", "169.254.7.7", "127.0.0.1", "::1", "fd00::5", "fe80::1",
]  # fmt: skip
ELSEWHERE = [
    "example.org", "local.example.org", "notlocal", "evil-lan", "internal.com", "8.8.8.8",
    "172.32.0.1", "192.169.0.1", "100.64.0.1", "2001:db8::1", "::2",
]  # fmt: skip


@pytest.fixture(scope="module")
def authority():
    return Authority.create("Backup Station", NOW)


def refusal(folder, authority, leaf, host):
    """Why a client that trusts the root refuses this certificate for ``host``; empty: it does not.

    Client and server are OpenSSL's, and speak through memory.
    """
    (folder / "leaf.pem").write_bytes(leaf)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "leaf.pem")
    trusting = ssl.create_default_context(cadata=authority.root_pem.decode())
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there, server_hostname=host)
    server = serving.wrap_bio(there, back, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
    return ""


@pytest.mark.parametrize("host", AT_HOME)
def test_a_host_of_a_local_network_is_accepted(tmp_path, authority, host):
    assert refusal(tmp_path, authority, authority.issue(AT_HOME, NOW), host) == ""


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_host_elsewhere_is_refused_though_the_authority_signed_it(tmp_path, authority, host):
    stolen = authority.issue([host], NOW)
    assert refusal(tmp_path, authority, stolen, host) == "permitted subtree violation"


def test_one_host_elsewhere_makes_the_whole_certificate_worthless(tmp_path, authority):
    leaf = authority.issue(["192.168.1.20", "example.org"], NOW)
    assert refusal(tmp_path, authority, leaf, "192.168.1.20") == "permitted subtree violation"


def test_a_host_that_is_not_named_is_refused(tmp_path, authority):
    leaf = authority.issue(["192.168.1.20"], NOW)
    assert "IP address mismatch" in refusal(tmp_path, authority, leaf, "192.168.1.21")


def test_another_authority_of_the_same_name_is_not_trusted(tmp_path, authority):
    other = Authority.create("Backup Station", NOW)
    assert other.root.subject != authority.root.subject
    leaf = other.issue(["localhost"], NOW)
    assert "unable to get local issuer" in refusal(tmp_path, authority, leaf, "localhost")


def test_an_old_certificate_is_refused(tmp_path, authority):
    leaf = authority.issue(["localhost"], NOW - timedelta(days=400))
    assert refusal(tmp_path, authority, leaf, "localhost") == "certificate has expired"


def test_a_certificate_of_the_station_signs_no_other(tmp_path, authority):
    pem = authority.issue(["localhost"], NOW)
    leaf, _issuing = x509.load_pem_x509_certificates(pem)
    key = serialization.load_pem_private_key(pem, password=None)
    forged = replace(authority, issuing=leaf, key=key).issue(["localhost"], NOW) + pem
    assert refusal(tmp_path, authority, forged, "localhost") == "invalid CA certificate"


def test_both_certificates_of_the_authority_are_constrained_and_say_so_critically(authority):
    for certificate, path_length in ((authority.root, 1), (authority.issuing, 0)):
        extensions = {one.oid: one for one in certificate.extensions}
        constraints = extensions[x509.NameConstraints.oid]
        basic = extensions[x509.BasicConstraints.oid]
        usage = extensions[x509.KeyUsage.oid]
        assert constraints.critical
        assert len(constraints.value.permitted_subtrees) == 14
        assert basic.critical
        assert (basic.value.ca, basic.value.path_length) == (True, path_length)
        assert usage.critical
        assert usage.value.key_cert_sign
        assert not usage.value.digital_signature


def test_nothing_that_is_kept_could_sign_as_the_root(authority):
    assert authority.key.public_key() != authority.root.public_key()
    assert authority.to_pem().count(b"PRIVATE KEY") == 2  # one key's begin and end


def test_it_is_the_same_when_it_is_read_again(authority):
    again = Authority.from_pem(authority.to_pem())
    assert again.root == authority.root
    assert again.fingerprint == authority.fingerprint
    assert len(authority.fingerprint.split()) == 32


@pytest.mark.parametrize("damage", ["empty", "swapped", "other key"])
def test_a_damaged_file_is_refused(authority, damage):
    other = Authority.create("Backup Station", NOW)
    pem = {
        "empty": b"",
        "swapped": authority.to_pem().replace(authority.root_pem, other.root_pem),
        "other key": replace(authority, key=other.key).to_pem(),
    }[damage]
    with pytest.raises((ValueError, InvalidSignature)):
        Authority.from_pem(pem)


def test_no_certificate_outlives_the_authority_or_what_browsers_allow(authority):
    late = authority.issuing.not_valid_after_utc - timedelta(days=40)
    leaf = x509.load_pem_x509_certificates(authority.issue(["localhost"], late))[0]
    assert leaf.not_valid_after_utc == authority.issuing.not_valid_after_utc
    leaf = x509.load_pem_x509_certificates(authority.issue(["localhost"], NOW))[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)


@pytest.mark.parametrize(
    "name", ["", ".local", "*.local", "a b.local", "é.local", "pc", "PC.LOCAL"]
)
def test_a_name_that_no_host_can_have_is_not_permitted(name):
    assert not is_permitted_name(name)


@pytest.mark.parametrize("name", ["", "x" * 300, "备份站 " * 30])
def test_any_name_of_a_station_makes_an_authority(tmp_path, name):
    authority = Authority.create(name, NOW)
    assert refusal(tmp_path, authority, authority.issue(["localhost"], NOW), "localhost") == ""
