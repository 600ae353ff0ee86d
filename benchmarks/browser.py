"""The phone page in Chromium against a real station: ``python -m benchmarks.browser``.

Prints how long the page takes from loading to its form, its size gzipped, the speed of an upload
and of a restore, the speed of hashing, cutting and encryption by themselves, and how the browser's
memory grows with the file. Exit code 1 when a target is missed.
"""

import argparse
import gzip
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM, LAN_NAME, Watched, chromium
from tests.phone_page import PhonePage, at_lan_name
from tests.stations import Station, running

MEGABYTE: Final = 1_000_000
_ROUNDS: Final = 5
_WATCH_SECONDS: Final = 0.2
_LATER_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 300
_TARGET_LOAD_SECONDS: Final = 1.0
_TARGET_PAGE_BYTES: Final = 120_000
_TARGET_UPLOAD_MB: Final = 25.0
_GROWTH_MB_MAX: Final = 100.0
# In a Worker each, as in the phone's engine and reader, with nothing else under way.
_PARTS: Final = """
async ([origin]) => {
  const at = (path) => import(`${origin}/static/${path}`);
  const { sha256 } = await at("vendor/noble.js");
  const { Channel } = await at("phone/wire/channel.js");
  const { CipherState } = await at("phone/wire/cipher.js");
  const { cutter } = await at("phone/cutting.js");
  const block = new Uint8Array(983040).map((_, at) => (at * 7 + (at >> 5)) & 255);
  const state = () => new CipherState(new Uint8Array(32));
  const channel = new Channel(state(), state(), new Uint8Array(32));
  const cut = cutter("chat.txt", 1e8);
  const speed = (work) => {
    for (let round = 0; round < 10; round += 1) work();
    const began = performance.now();
    for (let round = 0; round < 60; round += 1) work();
    return (60 * block.length) / 1000 / (performance.now() - began);
  };
  return {
    "SHA-256": speed(() => sha256(block)),
    "content-defined cutting": speed(() => cut(block, false)),
    "ChaCha20-Poly1305 in the channel": speed(() => channel.seal(block)),
  };
}
"""


_PRESS_LATER: Final = """
([button, later]) => setTimeout(() => document.querySelector(button).click(), later)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browser", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=400)
    size = parser.parse_args(arguments).megabytes * MEGABYTE
    met = []
    with tempfile.TemporaryDirectory(prefix="backupstation-bench-") as name:
        folder = Path(name)
        with running(folder / "station", STATION_ALLOWED_HOSTS=LAN_NAME) as station:
            with chromium() as browser:
                met.append(_load(browser, station))
                _parts(browser, station)
            growths = []
            for share in (4, 1):
                film = _film(folder, size // share)
                uploaded, peak = _transfer(station, film, folder)
                growths.append(peak)
                film.unlink()
        met.append(_judge(uploaded >= _TARGET_UPLOAD_MB, "upload", f"{uploaded:.1f} MB/s", "25"))
        growth = growths[1] - growths[0]
        told = f"{growths[0]:.0f} MB, and {growths[1]:.0f} MB at four times the data"
        met.append(_judge(growth <= _GROWTH_MB_MAX, "peak memory of an upload", told, "flat"))
    return 0 if all(met) else 1


def _judge(met: bool, what: str, seen: str, target: str) -> bool:
    print(f"{'met   ' if met else 'MISSED'}  {what}: {seen} (target {target})", flush=True)
    return met


def _load(browser: Browser, station: Station) -> bool:
    """From opening the link to the form, and what all of it weighs."""
    watched = Watched(browser)
    took = []
    urls: set[str] = set()
    for _ in range(_ROUNDS):
        phone = PhonePage(watched, station)
        phone.page.on("request", lambda request: urls.add(request.url))
        link = at_lan_name(station.link())
        began = time.monotonic()
        phone.page.goto(link)
        phone.sees("enrol")
        took.append(time.monotonic() - began)
    watched.close()
    seconds = statistics.median(took)
    weight = page_bytes(urls)
    return all(
        [
            _judge(seconds <= _TARGET_LOAD_SECONDS, "load to form", f"{seconds:.2f} s", "1 s"),
            _judge(weight <= _TARGET_PAGE_BYTES, "page", f"{weight / 1000:.0f} KB gzipped", "120"),
        ]
    )


def page_bytes(urls: set[str]) -> int:
    """What these pages and files of the station weigh together, each gzipped by itself."""
    total = 0
    for url in {url.partition("#")[0] for url in urls}:
        if url.startswith("http"):
            with urlopen(url.replace(LAN_NAME, "127.0.0.1")) as answer:
                total += len(gzip.compress(answer.read(), mtime=0))
    return total


def _parts(browser: Browser, station: Station) -> None:
    watched = Watched(browser)
    page = watched.open()
    origin = at_lan_name(station.origin)
    page.goto(origin + "/sign-in/")
    for what, speed in page.evaluate(_PARTS, [origin]).items():
        print(f"        {what} alone: {speed:.0f} MB/s", flush=True)
    watched.close()


def _film(folder: Path, size: int) -> Path:
    path = folder / f"{size}.mp4"
    noise = random.Random(size)
    with path.open("wb") as file:
        for _ in range(0, size, MEGABYTE):
            file.write(noise.randbytes(MEGABYTE))
    return path


def _transfer(station: Station, film: Path, folder: Path) -> tuple[float, float]:
    """Upload and restore the film: MB/s of the upload, and the renderer's peak in it in MB."""
    megabytes = film.stat().st_size / MEGABYTE
    with _unattended(folder) as chromium_alone:
        begun = chromium_alone.prepare(station, film)
        before = _stored(station)
        uploaded, up_peak = _pace(begun, lambda: _stored(station) > before, chromium_alone.pid)
        print(f"        {megabytes:.0f} MB uploaded at {megabytes / uploaded:.1f} MB/s", flush=True)
        begun = chromium_alone.prepare(station, None)
        restored, down_peak = _pace(
            begun, lambda: "restored" in station.trail(), chromium_alone.pid
        )
        told = f"{megabytes / restored:.1f} MB/s, peak {down_peak:.0f} MB"
        print(f"        {megabytes:.0f} MB restored at {told}", flush=True)
    return megabytes / uploaded, up_peak


class _Unattended:
    """A Chromium to which nobody is attached while it works.

    A debugger hears of every WebSocket frame, in base64, and that takes a fifth of two cores.
    """

    def __init__(self, pid: int, address: str) -> None:
        self.pid = pid
        self._address = address

    def prepare(self, station: Station, film: Path | None) -> float:
        """Bring the page to where one press sends the film, or restores it; press; when."""
        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(self._address)
            phone = PhonePage.in_page(browser.contexts[0].pages[0], station)
            if film is None:
                phone.scan()
                phone.sees("start")
                phone.press("[data-open=restore]")
                phone.page.click("[data-snapshots] button")
                phone.sees("contents")
                button = "[data-restore-button]"
            else:
                phone.enrol()
                phone.press("[data-open=backup]")
                phone.sees("choose")
                _choose(phone.page, film)
                button = "[data-send-button]"
            phone.page.evaluate(_PRESS_LATER, [button, _LATER_SECONDS * 1000])
            return time.monotonic() + _LATER_SECONDS


def _choose(page: Page, film: Path) -> None:
    """By its path: Playwright would carry the bytes into a browser that it has not started."""
    session = page.context.new_cdp_session(page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    picker = {"nodeId": root, "selector": "[data-pick]"}
    node = session.send("DOM.querySelector", picker)["nodeId"]
    session.send("DOM.setFileInputFiles", {"files": [str(film)], "nodeId": node})
    page.wait_for_selector("[data-send-button]:visible")


@contextmanager
def _unattended(folder: Path) -> Iterator[_Unattended]:
    profile = folder / f"profile-{time.monotonic_ns()}"
    command = [str(CHROMIUM), *ARGUMENTS, "--headless", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        address = next(line.split()[-1] for line in lines if line.startswith("DevTools listening"))
        yield _Unattended(process.pid, address)
    finally:
        process.terminate()
        process.wait()


def _stored(station: Station) -> int:
    """How many snapshots are receipted."""
    with closing(sqlite3.connect(f"file:{station.database}?mode=ro", uri=True)) as database:
        (count,) = database.execute(
            "SELECT count(*) FROM transfer_snapshot WHERE receipt != ''"
        ).fetchone()
        return int(count)


def _pace(begun: float, is_done: Callable[[], bool], pid: int) -> tuple[float, float]:
    """Seconds until the station says so, and the most that a renderer held meanwhile."""
    peak = 0.0
    while not is_done():
        assert time.monotonic() - begun < _PATIENCE_SECONDS, "the page does not come to an end"
        peak = max([peak, *(_resident(one) for one in _renderers(pid))])
        time.sleep(_WATCH_SECONDS)
    return time.monotonic() - begun, peak


def _renderers(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children(recursive=True)
    return [one for one in children if "--type=renderer" in " ".join(_command(one))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / MEGABYTE
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
