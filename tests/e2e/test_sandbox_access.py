# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox: session strings and permissions (gst/kaltura/API.md "Who may call")."""

import json
import time

import pytest

from kaltura_api import DATA, ENTRY, SECRET, TOKEN, base_data, make_ks
from kaltura_api import both, sandbox, start    # fixtures


# --- sessions ---

def test_ks_vectors(start):
    data = base_data()
    sandboxes = {}
    for vector in json.loads((DATA / "ks-vectors.json").read_text()):
        secret = vector["secret"]
        if secret not in sandboxes:
            for partner in data["partners"]:
                partner["adminSecret"] = secret
            sandboxes[secret] = start(data)
        reply = sandboxes[secret].call("livestream", "get", {"entryId": ENTRY}, ks=vector["ks"], partner=102)
        assert reply.get("id") == ENTRY, (vector["name"], reply)


# Made at run time: a session string holds the time, so it cannot name a test.
INVALID = {
    "no-base64": (lambda: "rubbish!", "-1", "INVALID_STR"),
    "no-fields": (lambda: "bm9uc2Vuc2U=", "-1", "INVALID_STR"),
    "wrong-secret": (lambda: make_ks(secret="wrong"), "-1", "INVALID_STR"),
    "cut": (lambda: make_ks(-5)[:-6], "-1", "INVALID_STR"),
    "unknown-partner": (lambda: make_ks(999), "-2", "INVALID_PARTNER"),
    "expired": (lambda: make_ks(expiry=int(time.time()) - 1), "-5", "EXPIRED"),
    "other-address": (lambda: make_ks(privileges="iprestrict:192.0.2.1"), "-9", "EXCEEDED_RESTRICTED_IP"),
    "other-path": (lambda: make_ks(privileges="urirestrict:/elsewhere/*"), "-11", "EXCEEDED_RESTRICTED_URI"),
    "used-up": (lambda: make_ks(privileges="actionslimit:0"), "-8", "EXCEEDED_ACTIONS_LIMIT"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_ks(both, name):
    make, number, text = INVALID[name]
    ks = make()
    reply = both.call("livestream", "get", {"entryId": ENTRY}, ks=ks)
    assert reply["code"] == "INVALID_KS"
    assert reply["args"] == {"KSID": ks, "ERR_CODE": number, "ERR_DESC": text}


def test_ks_privileges_that_fit(both):
    for privileges in ("iprestrict:127.0.0.1/192.0.2.1", "urirestrict:/api_v3/*", "*", "sessionkey:x"):
        assert both.code("livestream", "get", {"entryId": ENTRY}, ks=make_ks(privileges=privileges)) is None
    ks = make_ks(privileges="actionslimit:2", user=str(time.time()))
    assert [both.code("livestream", "get", {"entryId": ENTRY}, ks=ks) for _ in range(3)] == [None, None, "INVALID_KS"]


def test_ks_expires_by_the_sandbox_clock(start):
    sandbox = start()
    sandbox.ks = make_ks(expiry=int(time.time()) + 1000)
    assert sandbox.code("livestream", "get", {"entryId": ENTRY}) is None
    sandbox.advance(1001)
    assert sandbox.call("livestream", "get", {"entryId": ENTRY})["args"]["ERR_DESC"] == "EXPIRED"


def test_list_of_secrets_in_the_current_api_only(start):
    data = base_data()
    data["partners"][0]["adminSecret"] = f"other, {SECRET}"
    assert start(data).code("livestream", "get", {"entryId": ENTRY}) is None
    assert start(data, "2014").code("livestream", "get", {"entryId": ENTRY}) == "INVALID_KS"


def test_session_start(both):
    def begin(**more):
        return both.call("session", "start", {"secret": SECRET, "userId": "u", "type": 2, "partnerId": -5, **more},
                         ks="even a bad one is ignored")
    ks = begin(privileges="disableentitlement")
    assert ks.startswith("djJ8LTV8")
    assert both.code("livestream", "get", {"entryId": ENTRY}, ks=ks) is None
    assert both.code("livestream", "get", {"entryId": ENTRY}, ks=begin(expiry=0)) == "INVALID_KS"
    user = begin(partnerId=102, secret="usersecret", type=0)
    assert both.call("livestream", "get", {"entryId": ENTRY}, ks=user)["id"] == ENTRY
    for wrong in ({"secret": "x"}, {"partnerId": 999}, {"partnerId": 102, "secret": "usersecret"}, {"partnerId": 104}):
        assert begin(**wrong)["code"] == "START_SESSION_ERROR", wrong
    assert begin(type=1)["code"] == "INVALID_ENUM_VALUE"


def test_session_start_version_and_longest_lifetime(start):
    data = base_data()
    data["partners"][2].update(ksVersion=1, maxSessionExpiry=100)
    sandbox = start(data)
    ks = sandbox.call("session", "start", {"secret": SECRET, "type": 2, "partnerId": 102, "expiry": 5000}, ks=False)
    assert not ks.startswith("djJ8")
    sandbox.advance(99)
    assert sandbox.code("livestream", "get", {"entryId": ENTRY}, ks=ks) is None
    sandbox.advance(2)
    assert sandbox.code("livestream", "get", {"entryId": ENTRY}, ks=ks) == "INVALID_KS"


# --- permissions (parts c and g) ---

KEYS = {"none": None, "server": make_ks(-5), "batch": make_ks(-1), "user": make_ks(102, kind=0),
        "admin": make_ks(102), "ecdn": make_ks(103), "ecdn user": make_ks(103, kind=0)}
# action: (who may in 2014, who may in the current API)
ALLOWED = {
    ("livestream", "get"): ({"server", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("livestream", "authenticate"): ({"server", "ecdn"},) * 2,
    ("livestream", "registerMediaServer"): ({"server", "ecdn"},) * 2,
    ("livestream", "unregisterMediaServer"): ({"server", "ecdn"},) * 2,
    ("livestream", "appendRecording"): ({"server", "ecdn"},) * 2,
    ("livestream", "setRecordedContent"): (None, {"server", "ecdn"}),
    ("livestream", "createRecordedEntry"): (None, {"server", "ecdn"}),
    ("livestream", "isLive"): (set(KEYS),) * 2,
    ("livestream", "validateRegisteredMediaServers"): ({"batch"},) * 2,
    ("livestream", "addLiveStreamPushPublishConfiguration"): (set(), {"server"}),
    ("livestream", "removeLiveStreamPushPublishConfiguration"): (set(), {"server"}),
    ("mediaserver", "reportStatus"): ({"server"}, None),
    ("servernode", "reportStatus"): (None, {"server"}),
    ("wowza_liveconversionprofile", "serve"): ({"server", "ecdn"},) * 2,
    ("conversionprofileassetparams", "list"): ({"server", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("flavorasset", "list"): ({"server", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("flavorparams", "list"): ({"server", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("flavorparams", "get"): ({"server", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("flavorparams", "getByConversionProfileId"): ({"admin", "ecdn"},) * 2,
    ("cuepoint_cuepoint", "add"): ({"batch", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("cuepoint_cuepoint", "list"): ({"server", "batch", "user", "admin", "ecdn", "ecdn user"},) * 2,
    ("beacon_beacon", "add"): (None, {"server", "user", "admin", "ecdn", "ecdn user"}),
    ("permission", "get"): ({"admin", "ecdn"}, {"server", "admin", "ecdn"}),
    ("session", "start"): (set(KEYS),) * 2,
}
PARAMETERS = {"entryId": ENTRY, "id": "33", "protocol": "hls", "token": "wrong", "hostname": "nowhere",
              "hostName": "nowhere",
              "mediaServerIndex": "0", "assetId": "none", "duration": "1", "liveEntryStatus": "0", "streamName": "none",
              "resource:objectType": "KalturaServerFileResource", "conversionProfileId": "1", "url": "rtmp://x",
              "mediaServerStatus:objectType": "KalturaMediaServerStatus", "cuePoint:objectType": "KalturaAdCuePoint",
              "beacon:objectType": "KalturaBeacon", "permissionName": "none", "secret": "none"}


@pytest.mark.parametrize("service, action", ALLOWED)
def test_who_may_call(both, service, action):
    allowed = ALLOWED[service, action][both.api == "current"]
    for who, ks in KEYS.items():
        reply = both.post(service, action, PARAMETERS, ks=ks or False)
        found = reply.headers.get("X-Kaltura-App", "") + reply.text
        if allowed is None:
            assert "DOES_NOT_EXISTS" in found, who
        elif who in allowed:
            assert "SERVICE_FORBIDDEN" not in found and "MISSING_KS" not in found, (who, found)
        else:
            assert ("SERVICE_FORBIDDEN" if ks else "MISSING_KS") in found, (who, found)


def test_push_publish_and_server_node_permissions(start):
    data = base_data()
    data["partners"][2]["permissions"] += ["FEATURE_PUSH_PUBLISH", "SERVER_NODE_BASE"]
    for api in ("2014", "current"):
        sandbox = start(data, api)
        ks = make_ks(102)
        push = {"entryId": ENTRY, "protocol": "rtmp", "url": "rtmp://a/b"}
        assert len(sandbox.call("livestream", "addLiveStreamPushPublishConfiguration", push, ks=ks)
                   ["liveStreamConfigurations"]) == 1
        assert len(sandbox.call("livestream", "addLiveStreamPushPublishConfiguration", push, ks=ks)
                   ["liveStreamConfigurations"]) == 2, "duplicates are not checked"
        gone = sandbox.call("livestream", "removeLiveStreamPushPublishConfiguration", push, ks=ks)
        assert gone["liveStreamConfigurations"] == []
        wrong = sandbox.call("livestream", "removeLiveStreamPushPublishConfiguration",
                             {**push, "entryId": "0_none0000"}, ks=ks)
        assert (wrong["code"], wrong["message"]) == ("INVALID_ENTRY_ID", 'Invalid entry id ["N/A"]')
    both_given = {**push, "liveStreamConfiguration:objectType": "KalturaLiveStreamConfiguration",
                  "liveStreamConfiguration:url": "rtmp://c/d"}
    assert sandbox.code("livestream", "addLiveStreamPushPublishConfiguration", both_given, ks=ks) == "SERVICE_FORBIDDEN"
    assert sandbox.call("servernode", "reportStatus", {"hostName": "own", "serverNode:objectType":
                                                       "KalturaWowzaMediaServerNode"}, ks=ks)["partnerId"] == 102


def test_impersonation(both):
    """-5 may act as any partner and reads any entry; p wins over partnerId; others are themselves."""
    assert both.authenticate(partner=None)["id"] == ENTRY
    assert both.authenticate(partner=103)["id"] == ENTRY, "group * adds no condition on the partner"
    assert both.authenticate("0_ecdnlive", partner=103)["id"] == "0_ecdnlive"
    assert both.authenticate(p=104, partner=102)["code"] == "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
    assert both.authenticate(p=102, partner=104)["id"] == ENTRY
    assert both.authenticate(partner=999)["code"] == "MISSING_KS"
    ecdn = {"ks": make_ks(103)}
    assert both.authenticate("0_ecdnlive", **ecdn, partner=103)["id"] == "0_ecdnlive"
    assert both.authenticate("0_ecdnlive", **ecdn, partner=None)["id"] == "0_ecdnlive"
    assert both.authenticate("0_ecdnlive", **ecdn, partner=102)["code"] == "SERVICE_FORBIDDEN"
    assert both.authenticate(**ecdn, partner=103)["code"] == "ENTRY_ID_NOT_FOUND", "another partner's entry"


def test_partner_without_live_feature(both):
    assert both.authenticate("0_noliveft", partner=105)["code"] == "SERVICE_FORBIDDEN"
    assert both.authenticate("0_noliveft", partner=None)["id"] == "0_noliveft", "-5 itself needs no feature"


def test_blocked_partner(both):
    assert both.authenticate("0_blocked1", partner=104)["code"] == "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
    assert both.authenticate("0_blocked1", partner=102)["code"] == "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
    assert both.register("0_blocked1", partner=104)["code"] == "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
    for status, code in (("fullyBlocked", "SERVICE_FORBIDDEN_FULLY_BLOCKED"),
                         ("deleted", "SERVICE_FORBIDDEN_PARTNER_DELETED"),
                         ("blocked", "SERVICE_FORBIDDEN_CONTENT_BLOCKED")):
        both.control("data", {"partners": [{"id": 104, "status": status}]})
        assert both.register("0_blocked1", partner=104)["code"] == code


def test_user_session_does_not_see_the_token(both):
    seen = both.call("livestream", "get", {"entryId": ENTRY}, ks=KEYS["user"])
    assert seen.get("streamPassword") is None and seen.get("primaryBroadcastingUrl") is None
    for who in ("server", "admin"):
        assert both.call("livestream", "get", {"entryId": ENTRY}, ks=KEYS[who])["streamPassword"] == TOKEN


def test_broadcast_urls(both):
    entry = both.call("livestream", "get", {"entryId": ENTRY})
    ecdn = both.call("livestream", "get", {"entryId": "0_ecdnlive"})["secondaryBroadcastingUrl"]
    if both.api == "2014":
        assert entry["primaryBroadcastingUrl"] == f"rtmp://localhost/kLive/?p=102&e={ENTRY}&i=0&t={TOKEN}"
    else:
        assert entry["primaryBroadcastingUrl"] == f"rtmp://localhost:1935/kLive?p=102&e={ENTRY}&i=0&t={TOKEN}"
        assert ecdn == f"rtmp://localhost:1935/kLive/?p=103&e=0_ecdnlive&i=1&t={TOKEN}"
