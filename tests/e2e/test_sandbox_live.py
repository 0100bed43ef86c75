# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox: the calls of a broadcast, lists and small services (gst/kaltura/API.md "Calls")."""

import json

import pytest

from kaltura_api import CURRENT, DATA, ENTRY, HOST, OLD, TOKEN, base_data, live_params, make_ks, source
from kaltura_api import both, sandbox, start    # fixtures
from klive import wait_for


# --- authenticate ---

@pytest.mark.parametrize("stored, given, fits", [
    ("12ab34cd", "12ab34cd", True), ("12ab34cd", "12AB34CD", False), ("12ab34cd", "", False),
    ("12ab34cd", "12ab34cd ", False),
    ("0e123456", "0e999999", True), ("12345678", "12345678.0", True), ("12345678", " 12345678", True),
    ("00000012", "12", True), ("1e2", "100", True), ("abc", "0", False), ("0x10", "16", False),
])
def test_token_is_compared_as_php_does(both, stored, given, fits):
    both.control("data", {"entries": [{"id": ENTRY, "streamPassword": stored}]})
    try:
        reply = both.authenticate(token=given)
        assert (reply.get("id") == ENTRY) == fits, reply
    finally:
        both.control("data", {"entries": [{"id": ENTRY, "streamPassword": TOKEN}]})


def test_authenticate_errors(both):
    reply = both.authenticate("0_nosuch00")
    assert (reply["code"], reply["message"]) == ("ENTRY_ID_NOT_FOUND", 'Entry id "0_nosuch00" not found')
    reply = both.authenticate(token="bad")
    assert (reply["code"], reply["args"]) == ("LIVE_STREAM_INVALID_TOKEN", {"ENTRY_ID": ENTRY})
    reply = both.authenticate("<b>0_nosuch</b>")
    assert reply["args"] == {"ENTRY_ID": "0_nosuch"}, "arguments pass through strip_tags"


@CURRENT
def test_authenticate_writes_the_node(both):
    assert both.authenticate(hostname="nowhere", mediaServerIndex=0)["code"] == "MEDIA_SERVER_NOT_FOUND"
    assert both.authenticate(hostname="resting.example.com", mediaServerIndex=0)["code"] == "MEDIA_SERVER_NOT_FOUND"
    assert both.authenticate(hostname=HOST)["id"] == ENTRY
    assert both.state()["entries"][ENTRY]["nodes"] == {}, "without index nothing is written"
    assert both.authenticate(hostname=HOST, mediaServerIndex=1, applicationName="kLive")["id"] == ENTRY
    state = both.state()["entries"][ENTRY]
    assert state["nodes"]["1"]["status"] == 3 and state["nodes"]["1"]["applicationName"] == "kLive"
    assert state["registered"] == {"0": None, "1": None} and not both.is_live()
    both.register()
    assert both.authenticate(hostname=HOST, mediaServerIndex=0)["liveStatus"] == 3
    assert not both.is_live(), "a new publisher is not playable before it registers"


def limit_data(**limits):
    data = base_data()
    data["partners"][2].update(limits)
    data["conversionProfiles"].append({"id": 556, "liveParams": [{"assetParamsId": 32, "origin": 1}]})
    data["entries"] += [{"id": f"0_limit00{n}", "partnerId": 102, "conversionProfileId": profile, "adminTags": tag}
                        for n, profile, tag in ((0, 556, ""), (1, 556, ""), (2, 555, ""), (3, 555, ""),
                                                (4, 556, "x, sport"),
                                                (5, 555, "sport"), (6, 555, "other"))]
    return data


def test_limits_of_2014(start):
    sandbox = start(limit_data(maxLiveStreamInputs=1, maxLiveStreamOutputs=1), "2014")
    assert sandbox.authenticate("0_limit000")["id"]
    sandbox.register("0_limit000")
    assert sandbox.authenticate("0_limit000")["id"], "the entry itself does not count twice"
    assert sandbox.authenticate("0_limit001")["id"], "an unused output serves as input"
    assert sandbox.authenticate("0_limit002")["id"]
    sandbox.register("0_limit002")
    assert sandbox.authenticate("0_limit001")["code"] == "LIVE_STREAM_EXCEEDED_MAX_PASSTHRU"
    sandbox.unregister("0_limit000")
    assert sandbox.authenticate("0_limit003")["code"] == "LIVE_STREAM_EXCEEDED_MAX_TRANSCODED"


def test_limits_of_the_current_api(start):
    sandbox = start(limit_data(maxLiveStreamInputs=1, maxLiveStreamOutputs=1))
    for entry in ("0_limit000", "0_limit002"):
        assert sandbox.authenticate(entry, hostname=HOST, mediaServerIndex=0)["id"]
    reply = sandbox.authenticate("0_limit001")
    assert (reply["code"], reply["args"]) == ("LIVE_STREAM_EXCEEDED_MAX_PASSTHRU", {"ENTRY_ID": "0_limit001"})
    assert sandbox.authenticate("0_limit003")["code"] == "LIVE_STREAM_EXCEEDED_MAX_TRANSCODED"
    sandbox.unregister("0_limit002")
    assert sandbox.authenticate("0_limit003")["id"]


@pytest.mark.parametrize("api", ["2014", "current"])
def test_transcoding_needs_its_feature(start, api):
    sandbox = start(limit_data(permissions=["FEATURE_LIVE_STREAM"]), api)
    assert sandbox.authenticate("0_limit002")["code"] == "LIVE_STREAM_EXCEEDED_MAX_TRANSCODED"
    assert sandbox.authenticate("0_limit000")["id"]


def test_limit_by_admin_tag(start):
    sandbox = start(limit_data(maxConcurrentLiveByAdminTag={"sport": 1}, maxLiveStreamOutputs=1))
    sandbox.register("0_limit004")
    reply = sandbox.authenticate("0_limit005")
    assert reply["code"] == "LIVE_STREAM_EXCEEDED_MAX_CONCURRENT_BY_ADMIN_TAG"
    assert reply["args"] == {"ENTRY_ID": "0_limit005", "ADMIN_TAG": "sport", "ALLOWED": "1"}
    assert sandbox.authenticate("0_limit006")["id"], "entries with a limited tag do not count elsewhere"


def test_already_broadcasting_in_another_environment(start):
    data = base_data()
    data["serverNodes"].append({"hostName": "beta.example.com", "environment": "beta"})
    sandbox = start(data)
    sandbox.register(host="beta.example.com")
    reply = sandbox.authenticate(hostname=HOST, mediaServerIndex=0)
    assert (reply["code"], reply["args"]["MEDIA_SERVER"]) == ("LIVE_STREAM_ALREADY_BROADCASTING", "beta.example.com")
    assert sandbox.authenticate(hostname=HOST, mediaServerIndex=1)["id"]
    assert sandbox.authenticate(hostname="beta.example.com", mediaServerIndex=0)["id"]


# --- registration ---

def test_register_and_unregister(both):
    assert not both.is_live()
    assert both.register()["id"] == ENTRY and both.is_live()
    assert both.state()["entries"][ENTRY]["registered"] == {"0": HOST, "1": None}
    assert both.register(index=1)["id"] == ENTRY
    assert both.unregister()["id"] == ENTRY and both.is_live(), "the backup is still there"
    assert both.state()["entries"][ENTRY]["registered"] == {"0": None, "1": HOST}
    assert both.unregister(index=1)["id"] == ENTRY and not both.is_live()
    assert both.register("0_nosuch00")["code"] == "ENTRY_ID_NOT_FOUND"
    assert both.unregister("0_nosuch00")["code"] == "ENTRY_ID_NOT_FOUND"


def test_unknown_host(both):
    if both.api == "2014":      # an "external media server"
        assert both.register(host="unknown.example.com")["id"] == ENTRY
        assert both.unregister()["id"] == ENTRY and both.is_live(), "another host's unregister changes nothing"
        assert both.unregister(host="unknown.example.com")["id"] == ENTRY and not both.is_live()
        assert both.unregister(host="unknown.example.com")["id"] == ENTRY, "silent"
        return
    reply = both.register(host="unknown.example.com")
    assert (reply["code"], reply["args"]) == ("MEDIA_SERVER_NOT_FOUND", {"MEDIA_SERVER_ID": "unknown.example.com"})
    assert both.unregister(host="unknown.example.com")["code"] == "SERVER_NODE_NOT_FOUND"
    reply = both.unregister()
    assert (reply["code"], reply["args"]) == ("ENTRY_SERVER_NODE_NOT_FOUND", {"ENTRY_ID": ENTRY, "SERVER_TYPE": "0"})


def test_ecdn_uses_its_own_nodes(both):
    ecdn = {"ks": make_ks(103), "partner": 103}
    if both.api == "current":
        assert both.register("0_ecdnlive", HOST, **ecdn)["code"] == "MEDIA_SERVER_NOT_FOUND", "a node of -5"
        assert both.register("0_ecdnlive", "edge.customer.example")["code"] == "MEDIA_SERVER_NOT_FOUND", "of 103"
    assert both.register("0_ecdnlive", "edge.customer.example", **ecdn)["id"] == "0_ecdnlive"
    assert both.is_live("0_ecdnlive")


@CURRENT
def test_register_with_other_status(both):
    both.register(liveEntryStatus=2)
    assert not both.is_live(), "BROADCASTING is not yet playable"
    assert both.state()["entries"][ENTRY]["registered"]["0"] == HOST
    both.register(liveEntryStatus=1)
    assert both.is_live()


def test_explicit_live(start):
    data = base_data()
    data["entries"][0].update(explicitLive=1, viewMode=0)
    sandbox = start(data)
    sandbox.register()
    assert not sandbox.is_live()
    sandbox.call("livestream", "update", {"entryId": ENTRY, "liveStreamEntry:viewMode": 1}, partner=102)
    assert sandbox.is_live()
    sandbox.unregister()
    assert sandbox.call("livestream", "get", {"entryId": ENTRY})["viewMode"] == 0, "back to PREVIEW"


def test_key_lives_70_seconds_in_2014(start):
    sandbox = start(api="2014")
    sandbox.register()
    sandbox.advance(60)
    assert sandbox.is_live()
    sandbox.register()
    sandbox.advance(69)
    assert sandbox.is_live(), "renewed"
    sandbox.advance(2, batch=False)
    assert sandbox.is_live(), "until somebody looks"
    assert sandbox.call("livestream", "validateRegisteredMediaServers", {"entryId": ENTRY}, ks=make_ks(-1)) is None
    assert not sandbox.is_live()
    sandbox.register()
    sandbox.advance(71)
    assert not sandbox.is_live(), "the batch job looks by itself"


def test_key_and_age_in_the_current_api(start):
    sandbox = start()
    sandbox.register()
    sandbox.advance(71)
    assert sandbox.is_live(), "younger than 120 s: the batch job leaves it alone"
    sandbox.advance(50)
    assert not sandbox.is_live()
    sandbox.register()
    for _ in range(4):
        sandbox.advance(60)
        sandbox.register()
    assert sandbox.is_live()
    sandbox.advance(71)
    assert not sandbox.is_live(), "older than 120 s now"
    sandbox.authenticate(hostname=HOST, mediaServerIndex=1)
    sandbox.advance(110)
    assert sandbox.state()["entries"][ENTRY]["nodes"]["1"]["status"] == 3
    sandbox.advance(11)
    assert sandbox.state()["entries"][ENTRY]["nodes"] == {}, "authenticated and never registered"
    sandbox.register()
    sandbox.advance(200, batch=False)
    sandbox.authenticate(hostname=HOST, mediaServerIndex=0)
    sandbox.advance(60)
    assert sandbox.state()["entries"][ENTRY]["nodes"]["0"]["status"] == 3, "changed less than 70 s ago"
    sandbox.advance(11)
    assert sandbox.state()["entries"][ENTRY]["nodes"] == {}


def test_batch_job_runs_by_itself(start):
    sandbox = start(None, "2014", "--batch-interval", "1")
    sandbox.register()
    sandbox.advance(71, batch=False)
    wait_for("the batch job", lambda: not sandbox.is_live(), 5)


def test_validate_is_for_the_batch_partner(both):
    assert both.code("livestream", "validateRegisteredMediaServers", {"entryId": ENTRY}) == "SERVICE_FORBIDDEN"
    assert both.code("livestream", "validateRegisteredMediaServers", {"entryId": "0_none0000"},
                     ks=make_ks(-1)) == "ENTRY_ID_NOT_FOUND"
    assert both.post("livestream", "validateRegisteredMediaServers", {"entryId": ENTRY}, ks=make_ks(-1)).text == "null"
    assert "<result></result>" in both.post("livestream", "validateRegisteredMediaServers", {"entryId": ENTRY},
                                            ks=make_ks(-1), format=2).text


def test_broadcast_times(start):
    sandbox = start()

    def entry():
        return sandbox.call("livestream", "get", {"entryId": ENTRY})
    assert "firstBroadcast" not in entry() and entry()["liveStatus"] == 0
    sandbox.register()
    first = entry()
    assert first["firstBroadcast"] == first["lastBroadcast"] and first["currentBroadcastStartTime"] > 1e9
    assert first["liveStatus"] == 1
    sandbox.advance(30)
    sandbox.register()
    assert entry()["firstBroadcast"] == first["firstBroadcast"]
    assert entry()["lastBroadcast"] >= first["lastBroadcast"] + 30
    sandbox.unregister()
    assert entry()["currentBroadcastStartTime"] == 0 and entry()["lastBroadcastEndTime"] >= first["firstBroadcast"] + 30


def test_is_live_errors(both):
    reply = both.call("livestream", "isLive", {"id": "0_nosuch00", "protocol": "hls"}, ks=False)
    assert (reply["code"], reply["args"]) == ("INVALID_ENTRY_ID", {"ID": "0_nosuch00"})
    without = both.call("livestream", "isLive", {"id": ENTRY}, ks=False)
    assert without is False if both.api == "current" else without["code"] == "MISSING_MANDATORY_PARAMETER"
    assert both.code("livestream", "isLive", {"id": ENTRY, "protocol": "carrier-pigeon"}) == "INVALID_ENUM_VALUE"
    both.control("data", {"entries": [{"id": "0_manual00", "partnerId": 102, "sourceType": "30"}]})
    assert both.code("livestream", "isLive", {"id": "0_manual00",
                                              "protocol": "hls"}) == "LIVE_STREAM_STATUS_CANNOT_BE_DETERMINED"


# --- node status ---

@OLD
def test_report_status_2014(both):
    status = {"mediaServerStatus:objectType": "KalturaMediaServerStatus"}
    new = both.call("mediaserver", "reportStatus", {"hostname": "new.example.com", **status})
    assert (new["hostname"], new["dc"]) == ("new.example.com", 0) and new["id"]
    assert both.call("mediaserver", "reportStatus", {"hostname": "new.example.com", **status})["id"] == new["id"]
    assert both.xml("mediaserver", "reportStatus",
                    {"hostname": HOST, **status}).findtext("objectType") == "KalturaMediaServer"
    assert both.code("mediaserver", "reportStatus", {"hostname": HOST, **status},
                     ks=make_ks(103)) == "SERVICE_FORBIDDEN"


def test_report_status_registers_an_unknown_node(start):
    sandbox = start()
    report = {"hostName": "new.example.com"}
    reply = sandbox.call("servernode", "reportStatus", report)
    assert (reply["code"], reply["args"]) == ("SERVER_NODE_NOT_FOUND", {"HOST_NAME": "new.example.com"})
    assert sandbox.register(host="new.example.com")["code"] == "MEDIA_SERVER_NOT_FOUND"
    node = sandbox.call("servernode", "reportStatus", {
        **report, "serverNode:objectType": "KalturaWowzaMediaServerNode", "serverNode:applicationName": "kLive",
        "serverNode:mediaServerPortConfig:0:objectType": "KalturaKeyValue",
        "serverNode:mediaServerPortConfig:0:key": "http",
        "serverNode:mediaServerPortConfig:0:value": "1935", "serverNode:partnerId": "102"})
    assert (node["objectType"], node["status"], node["partnerId"]) == ("KalturaWowzaMediaServerNode", 1, -5)
    assert node["mediaServerPortConfig"][0]["value"] == "1935" and node["type"] == "wowza.WOWZA_MEDIA_SERVER"
    assert sandbox.register(host="new.example.com")["id"] == ENTRY
    again = sandbox.call("servernode", "reportStatus", report)
    assert again["id"] == node["id"] and again["heartbeatTime"] >= node["heartbeatTime"]


def test_report_status_wakes_a_node(start):
    sandbox = start()
    assert sandbox.register(host="resting.example.com")["code"] == "MEDIA_SERVER_NOT_FOUND"
    report = {"hostName": "resting.example.com", "serverNodeStatus": 5}
    assert sandbox.call("servernode", "reportStatus", report)["status"] == 1
    assert sandbox.register(host="resting.example.com")["id"] == ENTRY
    assert sandbox.call("servernode", "reportStatus", {**report, "serverNodeStatus": 2})["status"] == 2
    assert sandbox.register(host="resting.example.com")["code"] == "MEDIA_SERVER_NOT_FOUND"


# --- small services ---

def test_permission_get(both):
    def get(name, ks):
        return both.call("permission", "get", {"permissionName": name}, ks=ks, partner=102)
    found = get("FEATURE_LIVE_STREAM", make_ks(102))
    assert (found["name"], found["status"], found["partnerId"]) == ("FEATURE_LIVE_STREAM", 1, 102)
    missing = get("FEATURE_LIVE_STREAM_KALTURA_RECORDING", make_ks(102))
    assert (missing["code"], missing["args"]) == ("INVALID_OBJECT_ID", {"ID": "FEATURE_LIVE_STREAM_KALTURA_RECORDING"})
    by_server = get("FEATURE_LIVE_STREAM", both.ks)
    assert by_server["name" if both.api == "current" else "code"] in ("FEATURE_LIVE_STREAM", "SERVICE_FORBIDDEN")


def test_beacon(start):
    sandbox = start()
    beacon = {"beacon:relatedObjectType": "4", "beacon:eventType": "0_healthData", "beacon:objectId": ENTRY,
              "beacon:privateData": '{"alerts":[]}', "shouldLog": "1"}
    assert sandbox.call("beacon_beacon", "add", beacon) is True
    assert sandbox.state()["beacons"][0]["privateData"] == '{"alerts":[]}'
    del beacon["beacon:objectId"]
    assert sandbox.code("beacon_beacon", "add", beacon) == "PROPERTY_VALIDATION_CANNOT_BE_NULL"


def test_cue_points(start):
    sandbox = start()
    cue = {"cuePoint:objectType": "KalturaCodeCuePoint", "cuePoint:entryId": ENTRY, "cuePoint:code": "x",
           "cuePoint:startTime": "1000", "cuePoint:systemName": "one"}
    user = make_ks(102, kind=0)
    added = sandbox.call("cuepoint_cuepoint", "add", cue, ks=user)
    example = json.loads((DATA / "examples" / "cuePoint.add.json").read_text())
    assert {k: added[k] for k in ("cuePointType", "status", "entryId", "startTime", "userId", "code",
                                  "objectType")} == \
        {k: example[k] for k in ("cuePointType", "status", "entryId", "startTime", "userId", "code", "objectType")}
    assert sandbox.code("cuepoint_cuepoint", "add", cue, ks=user) == "CUE_POINT_SYSTEM_NAME_EXISTS"
    assert sandbox.code("cuepoint_cuepoint", "add", {**cue, "cuePoint:objectType": "KalturaCuePoint"},
                        ks=user) == "OBJECT_TYPE_ABSTRACT"
    cue["cuePoint:entryId"] = "0_nosuch00"
    assert sandbox.code("cuepoint_cuepoint", "add", cue, ks=user) == "ENTRY_ID_NOT_FOUND"
    empty = json.loads((DATA / "examples" / "cuePoint.list.json").read_text())
    assert sandbox.call("cuepoint_cuepoint", "list", {"filter:entryIdEqual": ENTRY}) == empty
    sandbox.control("data", {"settings": {"listCuePoints": True}})
    assert sandbox.call("cuepoint_cuepoint", "list", {"filter:entryIdEqual": f"0_x,{ENTRY}"})["totalCount"] == 1


# --- lists ---

def test_lists_of_a_profile(both):
    params = both.call("conversionprofileassetparams", "list", {"filter:conversionProfileIdEqual": 555})
    assert [(o["assetParamsId"], o["origin"]) for o in params["objects"]] == [(32, 1), (33, 0), (36, 1)]
    assets = both.call("flavorasset", "list", {"filter:objectType": "KalturaLiveAssetFilter",
                                               "filter:entryIdEqual": ENTRY})
    assert [o["flavorParamsId"] for o in assets["objects"]] == [32, 33, 36] and assets["totalCount"] == 3
    assert len({o["id"] for o in assets["objects"]}) == 3
    flavors = both.call("flavorparams", "getByConversionProfileId", {"conversionProfileId": 555}, ks=make_ks(102))
    assert [f["id"] for f in flavors] == [32, 33, 36] and flavors[0]["streamSuffix"] == "1"
    xml = both.xml("flavorparams", "getByConversionProfileId", {"conversionProfileId": 555}, ks=make_ks(102))
    assert [i.findtext("objectType") for i in xml] == ["KalturaLiveParams"] * 3
    assert both.call("flavorparams", "get", {"id": 33})["systemName"] == "SD_360"


def test_list_errors(both):
    assert both.call("flavorparams", "get", {"id": 99})["args"] == {"ID": "99"}
    assert both.code("flavorasset", "list") == "PROPERTY_VALIDATION_CANNOT_BE_NULL"
    assert both.code("flavorasset", "list", {"filter:entryIdEqual": "0_nosuch00"}) == "ENTRY_ID_NOT_FOUND"
    assert both.call("flavorasset", "list", {"filter:entryIdIn": f"0_nosuch00,{ENTRY}"})["totalCount"] == 3
    assert both.code("flavorparams", "getByConversionProfileId", {"conversionProfileId": 9},
                     ks=make_ks(102)) == "CONVERSION_PROFILE_ID_NOT_FOUND"
    assert both.code("flavorparams", "getByConversionProfileId", {"conversionProfileId": 555}) == "SERVICE_FORBIDDEN"


@pytest.mark.parametrize("api", ["2014", "current"])
def test_pages(start, api):
    data = base_data()
    data["liveParams"] = [source()] + [live_params(n) for n in range(33, 640)] + [live_params(700, partnerId=103)]
    data["conversionProfiles"] = [{"id": 555, "partnerId": 102, "liveParams": list(range(32, 640))}]
    sandbox = start(data, api)

    def ids(ks=None, **pager):
        reply = sandbox.call("flavorparams", "list", {f"pager:{k}": v for k, v in pager.items()}, ks=ks or True)
        return reply["totalCount"], [o["id"] for o in reply["objects"]]
    assert ids() == (609, list(range(32, 62)))
    assert ids(pageSize=500)[1] == list(range(32, 532))
    assert ids(pageSize=9999)[1] == list(range(32, 532))
    assert ids(pageSize=500, pageIndex=2)[1] == [*range(532, 640), 700]
    assert ids(pageSize=500, pageIndex=3)[1] == []
    assert ids(pageIndex=0)[1] == ids()[1]
    assert ids(make_ks(102), pageSize=500, pageIndex=2) == (608, list(range(532, 640))), "own and partner 0"
    assert len(sandbox.call("flavorasset", "list", {"filter:entryIdEqual": ENTRY})["objects"]) == 30
