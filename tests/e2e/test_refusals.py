# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishers that must not come in: bad parameters, what the API refuses, and an API that fails."""

import time

import pytest

import klive
from klive import ENTRY, PARTNER, TOKEN

GOOD = f"p={PARTNER}&e={ENTRY}&i=0&t={TOKEN}"
LONG = "x" * 300


def refused(launcher, folder, card, query, name, key_form=False, limit=12):
    """Publishes, expects the encoder to be thrown out before the deadline; returns the log lines that it caused."""
    before = len(launcher.events("publish-refused"))
    url = f"rtmp://127.0.0.1:{launcher.rtmp}/kLive/{name}?{query}" if key_form else None
    output = [] if key_form else ["-rtmp_app", f"kLive/?{query}", "-rtmp_playpath", name,
                                  "-rtmp_tcurl", f"rtmp://127.0.0.1:{launcher.rtmp}/kLive/?{query}"]
    encoder = klive.Encoder(folder, url or f"rtmp://127.0.0.1:{launcher.rtmp}/kLive", card, output=output)
    try:
        assert encoder.wait(limit) != 0, encoder.tail()
    finally:
        encoder.kill()
    klive.wait_for(lambda: f"a publish-refused line\n{launcher.tail()}",
                   lambda: len(launcher.events("publish-refused")) > before, 5)
    return launcher.events("publish-refused")[before:]


BAD_INPUT = {
    "no-p": (f"e={ENTRY}&i=0&t={TOKEN}", f"{ENTRY}_1"),
    "no-e": (f"p={PARTNER}&i=0&t={TOKEN}", f"{ENTRY}_1"),
    "no-i": (f"p={PARTNER}&e={ENTRY}&t={TOKEN}", f"{ENTRY}_1"),
    "no-t": (f"p={PARTNER}&e={ENTRY}&i=0", f"{ENTRY}_1"),
    "empty-t": (f"p={PARTNER}&e={ENTRY}&i=0&t=", f"{ENTRY}_1"),
    "index-2": (f"p={PARTNER}&e={ENTRY}&i=2&t={TOKEN}", f"{ENTRY}_1"),
    "partner-word": (f"p=abc&e={ENTRY}&i=0&t={TOKEN}", f"{ENTRY}_1"),
    "cluster-prefix": (f"p={PARTNER}&e=eu-{ENTRY}&i=0&t={TOKEN}", f"{ENTRY}_1"),
    "no-suffix": (GOOD, ENTRY),
    "suffix-0": (GOOD, f"{ENTRY}_0"),
    "suffix-long": (GOOD, f"{ENTRY}_10000"),
    "slash": (GOOD, f"{ENTRY}_1/x"),
    "dots": (GOOD, "../../etc/passwd"),
    "ampersand": (GOOD, f"{ENTRY}_1%26name=b"),
    "blank": (GOOD, f"{ENTRY}_1 x"),
    "long": (GOOD, f"{ENTRY}_{LONG}"),
    "other-entry": (GOOD, "0_otherone_1"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(shared_server, card, folder, case):
    launcher = shared_server.launcher
    query, name = BAD_INPUT[case]
    calls = len(shared_server.sandbox.calls("authenticate"))
    line, *_ = refused(launcher, folder, card, query, name)
    assert line["level"] in ("warning", "notice", "error") and line["message"]
    assert TOKEN not in launcher.text()
    assert len(shared_server.sandbox.calls("authenticate")) == calls, "nobody asks the API about a malformed publish"
    assert not launcher.workers()


@pytest.mark.parametrize("fields", ["name=good&call=publish_done&clientid=1", "app=other&call=connect",
                                    "addr=127.0.0.1&clientid=0&name=..%2Fx"])
def test_query_that_mimics_nginx_fields(shared_server, card, folder, fields):
    """Arguments on the key come after nginx's own fields in the hook: the first occurrence wins."""
    line, *_ = refused(shared_server.launcher, folder, card, f"{fields}&p={PARTNER}&e={ENTRY}&i=0&t=wrong",
                       f"{ENTRY}_1", key_form=True)
    assert line.get("code") == "LIVE_STREAM_INVALID_TOKEN"
    assert line.get("stream") == f"{ENTRY}_1"


API_REFUSALS = {
    "wrong-token": ("0_livedemo", "wrong", PARTNER, "LIVE_STREAM_INVALID_TOKEN"),
    "unknown-entry": ("0_unknown0", TOKEN, PARTNER, "ENTRY_ID_NOT_FOUND"),
    "entry-of-another-partner": ("0_livedemo", TOKEN, 103, "WRONG_PARTNER"),     # seen by klive itself
    "blocked-partner": ("0_blocked0", TOKEN, 104, "SERVICE_FORBIDDEN_CONTENT_BLOCKED"),
    "too-many-streams": ("0_limited0", TOKEN, 105, "LIVE_STREAM_EXCEEDED_MAX_PASSTHRU"),
}


@pytest.mark.parametrize("case", API_REFUSALS)
def test_refused_by_the_api(shared_server, card, folder, case):
    entry, token, partner, code = API_REFUSALS[case]
    launcher = shared_server.launcher
    query = f"p={partner}&e={entry}&i=0&t={token}"
    line, *_ = refused(launcher, folder, card, query, f"{entry}_1")
    assert line["entry"] == entry and line["code"] == code, line
    # The same question is answered from the negative cache; another one is not.
    calls = len(shared_server.sandbox.calls("authenticate"))
    line, *_ = refused(launcher, folder, card, query, f"{entry}_1")
    assert line["code"] == code
    assert len(shared_server.sandbox.calls("authenticate")) == calls
    assert not launcher.workers()


FAULTS = {
    "slow": {"kind": "delay", "seconds": 10},
    "status-500": {"kind": "status", "status": 500},
    "html": {"kind": "html"},
    "garbage": {"kind": "garbage"},
    "empty": {"kind": "empty"},
    "cut": {"kind": "cut"},
}


@pytest.mark.parametrize("case", FAULTS)
def test_api_that_fails(shared_server, card, folder, case):
    """Refused within nginx's own deadline, not remembered: the next try asks again."""
    launcher, sandbox = shared_server.launcher, shared_server.sandbox
    sandbox.fault("authenticate", **FAULTS[case])
    try:
        begin = time.monotonic()
        line, *_ = refused(launcher, folder, card, GOOD, f"{ENTRY}_1")
        assert time.monotonic() - begin < 9.5 * klive.SLOW
        assert line["entry"] == ENTRY and line["message"]
    finally:
        sandbox.no_faults()
    encoder = klive.Encoder(folder, launcher.rtmp_url(), card, name="good")
    try:
        launcher.wait_master()
    finally:
        encoder.stop()
        klive.wait_for("the end", lambda: not launcher.workers(), 15)


def test_api_down(server, card, folder):
    server.start()
    server.sandbox.kill()
    begin = time.monotonic()
    line, *_ = refused(server.launcher, folder, card, GOOD, f"{ENTRY}_1")
    assert time.monotonic() - begin < 9
    assert line["entry"] == ENTRY
