"""Starting and stopping the server."""

import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.apps.serving import ServerProcess, receive_all, receive_until


def test_stop_gives_open_connections_time_to_seal_their_work():
    with ServerProcess() as server:
        with connect(server.url("/listen/v1/seal")) as client:
            assert client.recv() == "hello"
            server.terminate()
            with pytest.raises(ConnectionClosed) as caught:
                client.recv(timeout=5)
            assert caught.value.rcvd.code == 1001
        assert server.event() == {"event": "sealed", "code": 1001}
        assert server.event() == {"event": "stopped"}
        assert server.process.wait(5) == 0


def test_stop_accepts_no_more_connections():
    with ServerProcess() as server, connect(server.url("/listen/v1/seal?seconds=0.8")) as client:
        assert client.recv() == "hello"
        server.terminate()
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert server.event()["event"] == "sealed"


def test_stop_does_not_wait_for_ever():
    with ServerProcess() as server, connect(server.url("/listen/v1/deaf")):
        start = time.monotonic()
        server.terminate()
        assert server.event() == {"event": "stopped"}
        assert server.process.wait(5) == 0
        assert 0.8 < time.monotonic() - start < 4


def test_second_signal_stops_at_once():
    with ServerProcess(stop_seconds=60) as server, connect(server.url("/listen/v1/deaf")):
        server.terminate()
        time.sleep(0.3)
        server.terminate()
        assert server.event() == {"event": "stopped"}
        assert server.process.wait(5) == 0


def test_stop_without_connections_is_immediate():
    with ServerProcess() as server:
        server.terminate()
        assert server.event(1) == {"event": "stopped"}
        assert server.process.wait(5) == 0


def test_answer_under_way_is_finished_before_the_stop():
    with ServerProcess() as server, server.connect() as raw:
        raw.sendall(b"GET /block?blocks=80 HTTP/1.1\r\nHost: x\r\n\r\n")
        receive_until(raw, b"\r\n\r\n")
        server.terminate()
        time.sleep(0.2)
        received = receive_all(raw)
        assert len(received) > 80 * 256 * 1024
        assert received.endswith(b"\r\n0\r\n\r\n")


def test_port_in_use_is_an_oserror_that_names_it():
    with ServerProcess() as server, ServerProcess(port=server.port) as second:
        assert second.first["event"] == "failed"
        assert str(server.port) in second.first["reason"]


def test_missing_native_masking_is_said_loudly_and_serves_all_the_same(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules['websockets.speedups'] = None"
    )
    without = {"AUTOBAHN_USE_NVX": "0", "PYTHONPATH": str(tmp_path)}
    with ServerProcess(environment=without) as server:
        assert "NVX" in server.logged()
        with connect(server.url("/listen/v1/mute")) as client:
            client.send(bytes(50_000))
            assert client.recv() == "50000"


@pytest.mark.parametrize(
    "native", [{"AUTOBAHN_USE_NVX": "0"}, {}], ids=["websockets'", "also autobahn's"]
)
def test_native_masking_is_not_warned_about(native):
    with ServerProcess(environment=native) as server:
        assert "NVX" not in server.logged()
