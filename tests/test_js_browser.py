"""The phone's JavaScript in a real Chromium, from a station's plain http origin in the network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests import node
from tests.browser import Watched, chromium
from tests.stations import ROOT, running

pytestmark = pytest.mark.browser
# A name of the local network: unlike 127.0.0.1 and localhost it makes no secure context.
HOST = "station.lan"
VECTORS = {
    path.stem: json.loads(path.read_text()) for path in (ROOT / "tests" / "vectors").glob("*.json")
}
FOLDER = "/tests-js/"
RUN = """async ([folder, vectors]) => {
  const { loadWire } = await import(`${folder}wire.mjs`);
  const { checks } = await import(`${folder}vectors.mjs`);
  const wire = await loadWire(new URL("/static/phone/wire/", location.href));
  const failed = [];
  const all = checks(wire, vectors);
  for (const [name, check] of all) {
    try {
      check();
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
  }
  return { passed: all.length - failed.length, failed };
}"""


def give_test_file(route: Route) -> None:
    """What the station does not serve: the checks themselves."""
    path = node.FOLDER / route.request.url.rpartition("/")[2]
    route.fulfill(body=path.read_text(), content_type="text/javascript; charset=utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp("js") / "station"
    rule = f"--host-resolver-rules=MAP {HOST} 127.0.0.1"
    with running(folder, STATION_ALLOWED_HOSTS=HOST) as station, chromium(rule) as browser:
        watched = Watched(browser)
        page = watched.open()
        page.route(f"**{FOLDER}*", give_test_file)
        page.goto(f"http://{HOST}:{station.port}/phone/")
        yield page
        watched.close()


def test_there_is_no_cryptography_of_the_browser(page: Page) -> None:
    assert page.evaluate("window.isSecureContext") is False
    assert page.evaluate("typeof crypto.subtle") == "undefined"


def test_every_vector_passes(page: Page) -> None:
    found: Any = page.evaluate(RUN, [FOLDER, VECTORS])
    assert found["failed"] == []
    assert found["passed"] > 100
