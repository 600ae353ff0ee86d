"""The vendored cryptography: what was recorded of it is true."""

import hashlib
import json
import re

from tests.stations import ROOT

VENDOR = ROOT / "static" / "vendor"
FILE = (VENDOR / "noble.js").read_bytes()
RECORD = json.loads((VENDOR / "noble.json").read_text())
MAKING = ROOT / "scripts" / "vendor"
WANTED = json.loads((MAKING / "package.json").read_text())["devDependencies"]


def test_the_file_is_the_one_that_was_made():
    assert hashlib.sha256(FILE).hexdigest() == RECORD["sha256"]
    assert len(FILE) == RECORD["bytes"]


def test_it_was_made_of_the_pinned_versions():
    made_by = dict([RECORD["made_by"].split(" ")])
    assert RECORD["packages"] | made_by == WANTED
    head = FILE.decode().partition("\n")[0]
    assert head == "/*! " + ", ".join(
        f"{name} {RECORD['packages'][name]}" for name in sorted(RECORD["packages"])
    )


def test_it_carries_its_licence():
    licence = (VENDOR / "README.md").read_text().partition("    The MIT License")[2]
    words = re.split(r"\s+", licence.strip())
    assert " ".join(words) in " ".join(re.split(r"\s+", FILE.decode()))
    assert "Permission is hereby granted" in licence


def test_every_package_is_pinned_by_hash_and_names_no_registry():
    lock = json.loads((MAKING / "package-lock.json").read_text())["packages"]
    packages = {path: entry for path, entry in lock.items() if path}
    assert {f"node_modules/{name}" for name in WANTED} <= set(packages)
    for entry in packages.values():
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry


def test_it_exports_what_the_wire_needs_and_no_more():
    exported = re.search(rb"export\{([^}]*)\};?\s*$", FILE)
    assert exported is not None
    names = {part.rpartition(b" as ")[2].decode() for part in exported[1].split(b",")}
    assert names == {"chacha20poly1305", "ed25519", "hkdf", "hmac", "sha256", "x25519"}
