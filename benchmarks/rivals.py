"""rsync over ssh, and restic through a REST server, both over loopback with temporary keys."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.contenders import run
from benchmarks.results import RESTIC, RSYNC

_START_SECONDS: Final = 15


def missing() -> list[str]:
    """The Debian packages that are not installed."""
    packages = {"rsync": "rsync", "sshd": "openssh-server", "restic": "restic", "rclone": "rclone"}
    return [package for program, package in packages.items() if not _program(program)]


class _Server:
    """A server process of this benchmark: started, awaited by its port, ended by its id."""

    def __init__(self, log: Path, *command: str) -> None:
        self._log, self._program = log, command[0]
        with log.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def await_port(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.end()
        raise RuntimeError(f"{self._program} did not start:\n{self._log.read_text()}")

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rsync:
    """Encrypted on the way, kept as plain files; no history, no deduplication."""

    name = RSYNC
    _server: _Server | None = None

    def open(self, folder: Path) -> None:
        port = _free_port()
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
        shutil.copy(folder / "user.pub", folder / "authorized")
        host_key = (folder / "host.pub").read_text()
        (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as Debian's service does
        command = (_program("sshd"), "-D", "-e", "-f", str(folder / "sshd_config"))
        self._server = _Server(folder / "sshd.log", *command)
        self._server.await_port(port)
        self._shell = (
            f"ssh -p {port} -i {folder}/user -o IdentitiesOnly=yes -F none"
            f" -o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=yes"
        )
        self._remote = f"{getpass.getuser()}@127.0.0.1:{folder}/kept/"

    def prepare(self) -> None:
        pass

    def first(self, source: Path) -> None:
        run("rsync", "-a", "-e", self._shell, f"{source}/", self._remote)

    unchanged = first

    def restore(self, source: Path, target: Path) -> Path:  # noqa: ARG002 - as every contender
        run("rsync", "-a", "-e", self._shell, self._remote, f"{target}/")
        return target

    def server_pids(self) -> list[int]:
        return [self._server.process.pid] if self._server else []

    def close(self) -> None:
        if self._server:
            self._server.end()


class Restic:
    """Encrypted by the client, deduplicated snapshots; ``rclone serve restic`` keeps them."""

    name = RESTIC
    _server: _Server | None = None

    def open(self, folder: Path) -> None:
        port = _free_port()
        address = f"127.0.0.1:{port}"
        command = ("rclone", "serve", "restic", "--addr", address, str(folder / "repository"))
        self._server = _Server(folder / "rclone.log", *command)
        self._server.await_port(port)
        self._environment = {
            "RESTIC_REPOSITORY": f"rest:http://{address}/",
            "RESTIC_PASSWORD": "a benchmark has no secrets",
            "RESTIC_CACHE_DIR": str(folder / "cache"),
        }
        run("restic", "init", "--quiet", environment=self._environment)

    def prepare(self) -> None:
        pass

    def first(self, source: Path) -> None:
        run("restic", "backup", "--quiet", str(source), environment=self._environment)

    unchanged = first

    def restore(self, source: Path, target: Path) -> Path:
        command = ("restic", "restore", "--quiet", "latest", "--target", str(target))
        run(*command, environment=self._environment)
        return target / source.relative_to("/")

    def server_pids(self) -> list[int]:
        return [self._server.process.pid] if self._server else []

    def close(self) -> None:
        if self._server:
            self._server.end()


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
