"""The phone's JavaScript: its own tests in node, and what it must have in common with wire/."""

import re

import pytest

from tests import node
from wire import errors, im, limits


@pytest.fixture(scope="module")
def peer():
    with node.peer() as running:
        yield running


def test_every_javascript_test_passes_in_node():
    done = node.run_tests()
    report = done.stdout + done.stderr
    counts = {
        name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", report, re.MULTILINE)
    }
    assert done.returncode == 0, report
    assert counts["pass"] > 100, report
    assert not any(counts[name] for name in ("fail", "cancelled", "skipped", "todo")), report


def test_every_limit_is_the_same(peer):
    found, _ = peer.ask("limits")
    wanted = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert found == wanted


def test_every_error_is_the_same(peer):
    found, _ = peer.ask("errors")
    kinds = [errors.WireError, *errors.WireError.__subclasses__(), errors.TokenRefused]
    wanted = {
        kind.__name__: (
            kind.code,
            kind.fatal,
            kind.__base__.__name__.replace("Exception", "Error"),
        )
        for kind in kinds
        if kind.__module__ == errors.__name__
    }
    assert {one["name"]: (one["code"], one["fatal"], one["parent"]) for one in found} == wanted


def test_every_refusal_of_the_im_server_is_known(peer):
    found, _ = peer.ask("refusals")
    assert found == [refusal.value for refusal in im.Refusal]
