"""`manage.py imserver`: its own folder, its socket, and what it tells its operator."""

import json
import socket
import ssl
import urllib.request

import pytest

from tests.accounts_cast import imserver, running_imserver


def test_codes_can_be_printed_before_the_first_run(tmp_path):
    folder = tmp_path / "new"
    assert imserver(folder, "account", "Alice")[0] == 0
    status, text, _error = imserver(folder, "code", "Alice")
    code, validity = text.splitlines()
    assert status == 0
    assert [len(group) for group in code.split("-")] == [5, 5, 5, 5]
    assert validity.startswith("valid until ")
    assert {file.name.split(".sqlite3")[0] for file in folder.iterdir()} == {
        "imserver",
        "issuer.json",
        "secret_key",
    }


def test_says_where_it_listens_and_serves_https_with_a_certificate(tmp_path, certificate):
    pem, key = map(str, certificate)
    options = ["--certificate", pem, "--private-key", key, "--host", "127.0.0.1"]
    with running_imserver(tmp_path / "im", *options) as server:
        assert server.origin.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=pem)
        with urllib.request.urlopen(server.origin + "/im/v1/keys", context=context) as response:
            assert len(json.load(response)["keys"]) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--host", "0.0.0.0"], "https only"),
        (["--host", "im.example.org"], "IP address"),
        (["--certificate", "im.pem"], "go together"),
        (["--private-key", "im.key"], "go together"),
        (["--certificate", "no.pem", "--private-key", "no.key"], "no.pem"),
        (["--certificate", "manage.py", "--private-key", "manage.py"], "are no certificate"),
    ],
)
def test_refuses_to_listen_where_phones_would_not_come(tmp_path, options, reason):
    status, _text, error = imserver(tmp_path, "run", "--port", "0", *options)
    assert status == 2
    assert reason in error


def test_a_port_in_use_is_an_error_with_a_reason(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _text, error = imserver(tmp_path, "run", "--port", str(taken.getsockname()[1]))
    assert status == 2
    assert "in use" in error


def test_names_that_are_not_single_are_refused(tmp_path):
    assert imserver(tmp_path, "account", "Alice")[0] == 0
    for arguments in (
        ["account", "Alice"],
        ["code", "Bob"],
        ["revoke-phone", "x"],
        ["revoke-phone", ""],
        ["revoke-station", ""],
    ):
        status, _text, error = imserver(tmp_path, *arguments)
        assert (status, error.startswith("CommandError: ")) == (1, True)


def test_a_leaked_key_is_replaced_at_once(tmp_path):
    first = json.loads(imserver(tmp_path, "rotate", "--json")[1])["keys"]
    after = json.loads(imserver(tmp_path, "rotate", "--leaked", "--json")[1])["keys"]
    assert len(first) == 2
    assert len(after) == 1
    assert after[0] not in first


def test_a_second_rotation_says_when_the_first_takes_effect(tmp_path):
    assert imserver(tmp_path, "rotate")[0] == 0
    status, _text, error = imserver(tmp_path, "rotate")
    assert status == 1
    assert "signs from 20" in error
