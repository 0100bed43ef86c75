# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole broadcast, from admission to the recordings, with both APIs, as the media servers' partner and as an eCDN
server of its own partner, while the sandbox enforces who may do what."""

import pytest

import klive
import recordings
from klive import ENTRY, PARTNER, wait_for

HOST = {"saas": "live1.example.com", "ecdn": "edge.customer.example"}


@pytest.fixture(scope="module")
def short(media):
    return media("short", seconds=5)


def make_data(mode):
    data = recordings.recorded(klive.small_ladder_data())
    data["serverNodes"] = [{"hostName": HOST[mode], "partnerId": PARTNER if mode == "ecdn" else -5}]
    partner = next(p for p in data["partners"] if p["id"] == PARTNER)
    if mode == "ecdn":
        partner["permissions"] = [*partner["permissions"], "FEATURE_HYBRID_ECDN"]
        data["partners"] = [p for p in data["partners"] if p["id"] != -5] + [{"id": -5, "adminSecret": "f" * 32}]
    return data, partner["adminSecret"]


@pytest.mark.parametrize("mode", ["saas", "ecdn"])
@pytest.mark.parametrize("api", ["2014", "current"])
def test_broadcast(server, short, api, mode):
    data, secret = make_data(mode)
    settings = {"hostname": HOST[mode], "work-mode": "kaltura"}
    if mode == "ecdn":
        settings |= {"partner-id": PARTNER, "admin-secret": secret, "admin-secret-file": None, "work-mode": "remote"}
    server.start({"kaltura": settings}, data=data, api=api)
    launcher, sandbox = server.launcher, server.sandbox
    encoder = server.publish(short, loop=False)
    variants = klive.parse_master(launcher.wait_master())
    assert len(variants) == 2
    wait_for("registered", lambda: sandbox.registered() == HOST[mode])
    assert encoder.wait(20) == 0
    recordings.wait_handed_over(launcher)
    for url in klive.variant_urls(launcher.master_url()):
        wait_for("the end of the list", lambda: klive.playlist(url)["ended"])
    wait_for("unregistered", lambda: sandbox.registered() is None)
    for rendition in (32, 33):
        got = recordings.of_rendition(server, rendition)
        assert sum(r["duration"] for r in got) == pytest.approx(5, abs=0.2), got
        uploaded = [str(server.folder / "sandbox-state") in r["path"] for r in got]
        assert all(uploaded) if mode == "ecdn" else not any(uploaded), got

    calls = sandbox.calls()
    reports = {c["result"] for c in calls if c["action"] == "reportStatus"}
    assert reports == ({"OK"} if mode == "saas" else {"SERVICE_FORBIDDEN"})
    assert {c["result"] for c in calls if c["action"] != "reportStatus"} == {"OK"}, calls
    assert {c["partnerId"] for c in calls if c.get("entryId") == ENTRY} == {PARTNER}
    assert len(launcher.events("status-report-failed")) == (mode == "ecdn")
