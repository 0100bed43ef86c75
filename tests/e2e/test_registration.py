# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Kaltura is told, and what its answers do: keep-alive calls that fail, status reports, unknown servers."""


import pytest

import klive
from klive import ENTRY, TOKEN, wait_for

ONE, OTHER = "0_prof0001", "0_prof0002"
QUICK = {"kaltura": {"keep-alive-interval": 1, "registration-delay": 0, "status-interval": 1}}


def oks(server, action, entry=None):
    return len([c for c in server.sandbox.calls(action, entry) if c["result"] == "OK"])


@pytest.fixture(scope="module")
def two():
    """Two entries on air on one server, both registered."""
    import conftest
    with conftest.server_in_short_path() as server:
        server.start(QUICK, data=klive.many_entries())
        yield server


@pytest.fixture
def on_air(two, card):
    for entry in (ONE, OTHER):
        if not any(e.running() and entry in " ".join(e.argv) for e in two.encoders):
            two.publish(card, two.launcher.rtmp_url(entry))
    for entry in (ONE, OTHER):
        wait_for(f"{entry} registered", lambda: two.sandbox.registered(entry), 20)
    yield two
    two.sandbox.no_faults()


def test_unknown_server_is_reported_and_tried_again(on_air):
    calls = len(on_air.sandbox.calls())
    on_air.sandbox.fault("registerMediaServer", "error", code="MEDIA_SERVER_NOT_FOUND", entryId=ONE, times=1)

    def since():
        seen = [(c["action"], c["result"]) for c in on_air.sandbox.calls()[calls:]
                if c["action"] == "reportStatus" or c["entryId"] == ONE]
        failed = [i for i, c in enumerate(seen) if c[1] == "MEDIA_SERVER_NOT_FOUND"]
        return seen[failed[0] + 1:] if failed else []
    wait_for(lambda: since(), lambda: ("registerMediaServer", "OK") in since())
    assert since()[0] == ("reportStatus", "OK"), since()
    assert on_air.launcher.status() and all(e.running() for e in on_air.encoders)


def test_other_errors_are_tried_again_and_said_once(on_air):
    before = len(on_air.launcher.events("register-failed", entry=ONE))
    good = oks(on_air, "registerMediaServer", ONE)
    on_air.sandbox.fault("registerMediaServer", "error", code="INTERNAL_SERVERL_ERROR", entryId=ONE, times=3)
    wait_for("registered again", lambda: oks(on_air, "registerMediaServer", ONE) > good + 1, 30)
    assert len([c for c in on_air.sandbox.calls("registerMediaServer", ONE) if c["result"] != "OK"]) >= 3
    assert len(on_air.launcher.events("register-failed", entry=ONE)) == before + 1
    assert on_air.sandbox.registered(ONE) and all(e.running() for e in on_air.encoders)


def test_one_slow_call_delays_no_other(on_air):
    on_air.sandbox.fault("registerMediaServer", "delay", seconds=1.5, entryId=ONE)
    good = oks(on_air, "registerMediaServer", OTHER)
    wait_for("calls of the other go on", lambda: oks(on_air, "registerMediaServer", OTHER) > good + 3, 15)
    assert on_air.sandbox.registered(ONE) and on_air.sandbox.registered(OTHER)


def test_blocked_content_goes_off_air_and_stays_away(on_air, card):
    """The last test of these two entries."""
    on_air.sandbox.fault("registerMediaServer", "error", code="SERVICE_FORBIDDEN_CONTENT_BLOCKED", entryId=ONE)
    encoder = next(e for e in on_air.encoders if e.running() and ONE in " ".join(e.argv))
    launcher = on_air.launcher
    launcher.wait_event("publish-kicked", entry=ONE, code="SERVICE_FORBIDDEN_CONTENT_BLOCKED")
    assert encoder.wait(10) != 0
    master = launcher.master_url(ONE)
    wait_for("the end of its playlist", lambda: klive.playlist(klive.variant_urls(master)[0])["ended"], 15)
    wait_for("only the other is left", lambda: [e["entry"] for e in launcher.status()["entries"]] == [OTHER], 10)
    again = on_air.publish(card, launcher.rtmp_url(ONE))
    assert again.wait(15) != 0
    launcher.wait_event("publish-refused", entry=ONE, code="SERVICE_FORBIDDEN_CONTENT_BLOCKED")
    good = oks(on_air, "registerMediaServer", OTHER)
    wait_for("the other is kept alive", lambda: oks(on_air, "registerMediaServer", OTHER) > good)
    assert on_air.sandbox.registered(OTHER)


# --- status reports ---

def reports(server):
    return server.sandbox.calls("reportStatus")


def hostless(data, partner=None):
    """data without a server node; with the partner as an eCDN of its own entry."""
    data["serverNodes"] = []
    if partner:
        item = next(p for p in data["partners"] if p["id"] == partner)
        item["permissions"] = [*item["permissions"], "FEATURE_HYBRID_ECDN"]
    return data


def own_partner(data, partner):
    """Settings of a server that works for one partner."""
    item = next(p for p in data["partners"] if p["id"] == partner)
    return {"partner-id": partner, "admin-secret-file": None, "admin-secret": item["adminSecret"]}


@pytest.mark.parametrize("api", ["2014", "current"])
def test_unknown_host_is_made_known(server, card, api):
    """The first report comes at once, with the node object, and then again and again."""
    settings = {"kaltura": {**QUICK["kaltura"], "hostname": "new.example.com"}}
    server.start(settings, data=hostless(klive.passthrough_data()), api=api)
    wait_for("three reports", lambda: len(reports(server)) >= 3)
    times = [c["time"] for c in reports(server)]
    assert all(0.5 < b - a < 3 * klive.SLOW for a, b in zip(times, times[1:])), times
    assert server.sandbox.calls()[0]["action"] == "reportStatus"
    assert {c["result"] for c in reports(server)} == {"OK"}
    assert len(server.launcher.events("status-reported", hostname="new.example.com")) == 1
    server.publish(card)
    wait_for("registered", lambda: server.sandbox.registered() == "new.example.com", 15)


def test_who_may_not_report_says_it_once(server, card):
    """An eCDN server whose host Kaltura does not know, and that may not make it known: said once; publishers are
    refused with the API's code. Once Kaltura knows the host, everything works; the reports are still refused."""
    data = hostless(klive.passthrough_data(), klive.PARTNER)
    settings = {"kaltura": {**QUICK["kaltura"], **own_partner(data, klive.PARTNER), "hostname": "new.example.com"}}
    launcher = server.start(settings, data=data).launcher
    wait_for("three reports", lambda: len(reports(server)) >= 3)
    failed = launcher.events("status-report-failed")
    assert len(failed) == 1 and "SERVICE_FORBIDDEN" in failed[0]["message"] and "server node" in failed[0]["hint"]
    assert failed[0]["hostname"] == "new.example.com"
    refused = server.publish(card)
    assert refused.wait(15) != 0
    launcher.wait_event("publish-refused", entry=ENTRY, code="MEDIA_SERVER_NOT_FOUND")
    server.sandbox.post("/sandbox/data", {"serverNodes": [{"hostName": "new.example.com",
                                                           "partnerId": klive.PARTNER}]})
    server.publish(card, launcher.rtmp_url(query=f"p={klive.PARTNER}&e={ENTRY}&i=0&t={TOKEN}&again=1"))
    wait_for("registered", lambda: server.sandbox.registered() == "new.example.com", 15)
    assert len(launcher.events("status-report-failed")) == 1
