"""What may stand for a link: the text, or a picture of the QR code."""

import os
import sys
from ipaddress import ip_address

import pytest
import qrcode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from phone.errors import NotALink
from phone.link import read_link
from wire.invitation import Invitation, Scope


@pytest.fixture
def link() -> str:
    invitation = Invitation.create(
        station_key=Ed25519PrivateKey.generate(),
        scope=Scope.BACKUP,
        expires=1_900_000_000,
        session_id=os.urandom(16),
        invitation_key=os.urandom(32),
        port=8765,
        addresses=[ip_address("192.168.1.20"), ip_address("fe80::1")],
        im_origin="https://im.example",
        secret=os.urandom(16),
    )
    return invitation.link("http://192.168.1.20:8765")


def test_a_link_names_its_im_server(link):
    found = read_link(f"  {link}\n")
    assert found.origin == "http://192.168.1.20:8765"
    assert found.im_origin == "https://im.example"
    assert found.embedded_iss.startswith("station:")


def test_a_screenshot_of_the_qr_code_is_as_good(tmp_path, link):
    code = qrcode.QRCode(box_size=6)
    code.add_data(link)
    picture = Image.new("RGB", (1600, 1200), "white")
    picture.paste(code.make_image().convert("RGB"), (300, 200))
    picture.save(tmp_path / "screenshot.png")
    assert read_link(str(tmp_path / "screenshot.png")) == read_link(link)


def test_pictures_of_something_else_are_named(tmp_path):
    Image.new("RGB", (200, 200), "white").save(tmp_path / "empty.png")
    with pytest.raises(NotALink, match="no QR code"):
        read_link(str(tmp_path / "empty.png"))
    other = qrcode.make("https://example.com/")
    other.save(tmp_path / "other.png")
    with pytest.raises(NotALink, match="no QR code"):
        read_link(str(tmp_path / "other.png"))
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(NotALink, match="not a picture"):
        read_link(str(tmp_path / "text.png"))


def test_without_the_decoder_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "shot.png").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    with pytest.raises(NotALink, match="pip install zxing-cpp"):
        read_link(str(tmp_path / "shot.png"))


@pytest.mark.parametrize(
    "text", ["", "hello", "https://example.com/phone/#AAAA", "no/such/file.png", "x" * 10_000]
)
def test_anything_else_is_refused(text):
    with pytest.raises(NotALink):
        read_link(text)
