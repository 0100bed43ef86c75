# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox: command line, data, formats, multirequest, faults (gst/kaltura/API.md "Wire format")."""

import json
import re
import subprocess
import threading
import time

import pytest
import requests

import kaltura_api
from kaltura_api import CURRENT, DATA, ENTRY, HOST, TOKEN, base_data, make_ks
from kaltura_api import both, sandbox, start    # fixtures
from klive import SANDBOX, wait_for


# --- command line and data ---

def run(*arguments):
    return subprocess.run([SANDBOX, *arguments], capture_output=True, text=True, timeout=20)


def test_help_and_version():
    assert "--listen" in run("--help").stdout
    assert re.match(r"kaltura-sandbox \d+\.\d+", run("--version").stdout)


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["--listen", "127.0.0.1:0"], ["--api", "2020", "--listen",
                                       "127.0.0.1:0", "--data", "x"], ["surplus"]])
def test_usage_errors(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr.startswith("kaltura-sandbox: ")


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:80", "localhost", "127.0.0.1:x"])
def test_listens_on_loopback_only(listen, tmp_path):
    (tmp_path / "data.json").write_text("{}")
    done = run("--listen", listen, "--data", tmp_path / "data.json")
    assert done.returncode == 1 and listen in done.stderr


def test_port_in_use(sandbox, tmp_path):
    (tmp_path / "data.json").write_text("{}")
    done = run("--listen", sandbox.url.split("//")[1], "--data", tmp_path / "data.json")
    assert done.returncode == 1 and "cannot listen" in done.stderr


@pytest.mark.parametrize("text, where", [
    ("{", "data.json:1"),
    ("[]", "$: expected an object, found an array"),
    ('{"partner": []}', "$.partner: unknown member"),
    ('{"partners": [{"id": "102", "adminSecret": "x"}]}', "$.partners[0].id: expected an integer, found a string"),
    ('{"partners": [{"id": 102}]}', '$.partners[0]: "adminSecret" is missing'),
    ('{"partners": [{"id": 1, "adminSecret": "x", "status": "asleep"}]}', "$.partners[0]: status: expected active"),
    ('{"partners": [{"id": 1, "adminSecret": "x", "permissions": [1]}]}',
     "$.partners[0].permissions[0]: expected a string"),
    ('{"entries": [{"id": "0_a"}]}', '$.entries[0]: "partnerId" is missing'),
    ('{"entries": [{"id": "0_a", "partnerId": 1, "dvrstatus": 1}]}',
     "$.entries[0].dvrstatus: KalturaLiveStreamEntry has no"),
    ('{"entries": [{"id": "0_a", "partnerId": 1, "dvrStatus": "1"}]}', "$.entries[0].dvrStatus: expected an integer"),
    ('{"entries": [{"id": "0_a", "partnerId": 1}]}', "entry 0_a: partnerId: no partner has the id 1"),
    ('{"conversionProfiles": [{"id": 5, "liveParams": [32]}]}', "conversion profile 5: liveParams: no live params"),
    ('{"conversionProfiles": [{"id": 5, "liveParams": ["32"]}]}',
     "$.conversionProfiles[0].liveParams[0]: expected an object"),
])
def test_bad_data_file(tmp_path, text, where):
    file = tmp_path / "data.json"
    file.write_text(text)
    done = run("--listen", "127.0.0.1:0", "--data", file)
    assert done.returncode == 3
    assert str(file) in done.stderr and where in done.stderr, done.stderr


def test_missing_data_file(tmp_path):
    done = run("--listen", "127.0.0.1:0", "--data", tmp_path / "none.json")
    assert done.returncode == 3 and "none.json" in done.stderr


def test_temporary_state_directory_goes_away(tmp_path):
    data = tmp_path / "data.json"
    data.write_text(json.dumps(base_data()))
    process = subprocess.Popen([SANDBOX, "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, text=True,
                               env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert process.stdout.readline().startswith("listening: ")
    assert len(list(tmp_path.iterdir())) == 2
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    assert list(tmp_path.iterdir()) == [data]


def test_demo_data(start):
    data = json.loads((kaltura_api.ROOT / "app" / "sandbox" / "demo.json").read_text())
    media = next(p for p in data["partners"] if p["id"] == -5)
    sandbox = start(data)
    sandbox.ks = make_ks(secret=media["adminSecret"])
    entry = sandbox.authenticate("0_livedemo", hostname="klive-demo", mediaServerIndex=0)
    assert (entry["id"], entry["dvrStatus"], entry["dvrWindow"], entry["recordStatus"]) == ("0_livedemo", 1, 120, 1)
    assert re.findall(r"<StreamName>0_livedemo_(\d+)", sandbox.serve("0_livedemo_1").text) == ["32", "33", "34", "35"]
    for suffix, identity in (("2", "36"), ("3", "37")):
        assert re.findall(r"<StreamName>0_livedemo_(\d+)", sandbox.serve(f"0_livedemo_{suffix}").text) == [identity]


# --- transport ---

def test_three_forms_of_the_address(both):
    want = both.call("livestream", "get", {"entryId": ENTRY})
    assert want["id"] == ENTRY
    query = {"ks": both.ks, "entryId": ENTRY, "format": 1}
    for path in ("service/livestream/action/get", "index.php/service/livestream/action/get",
                 "service/LiveStream/action/GET", f"service/livestream/action/get/entryId/{ENTRY}"):
        assert both.http.get(f"{both.url}/api_v3/{path}", params=query).json() == want, path
        assert both.http.post(f"{both.url}/api_v3/{path}", data=query).json() == want, path


def test_precedence_of_parameters(both):
    """2014: the body wins; current: the URL wins."""
    places = {"path": "0_inpath00", "query": "0_inquery0", "body": "0_inbody00"}
    url = f"{both.url}/api_v3/service/livestream/action/get/entryId/{places['path']}"

    def named(**kwargs):
        return both.http.post(url, **kwargs).json()["args"]["ENTRY_ID"]
    common = {"ks": both.ks, "format": 1}
    everywhere = named(params={"entryId": places["query"]}, data={**common, "entryId": places["body"]})
    without_body = named(params={"entryId": places["query"]}, data=common)
    if both.api == "2014":
        assert (everywhere, without_body) == (places["body"], places["query"])
    else:
        assert (everywhere, without_body) == (places["path"], places["path"])


def test_repeated_key_of_the_path(both):
    reply = both.http.get(f"{both.url}/api_v3/service/livestream/action/get/entryId/0_first000/entryId/0_second00",
                          params={"ks": both.ks, "format": 1}).json()
    assert reply["args"]["ENTRY_ID"] == ("0_first000" if both.api == "current" else "0_second00")


def json_call(sandbox, content_type="application/json", body=None, action="get"):
    body = body or json.dumps({"ks": sandbox.ks, "entryId": ENTRY, "format": 1})
    return sandbox.http.post(f"{sandbox.url}/api_v3/service/livestream/action/{action}?format=1", data=body,
                             headers={"Content-Type": content_type}).json()


def test_json_body_in_the_current_api_only(both):
    reply = json_call(both)
    if both.api == "current":
        assert reply["id"] == ENTRY
        assert json_call(both, "Application/JSON")["id"] == ENTRY
        assert json_call(both, body=f'  {{"ks": "{both.ks}", "entryId": "{ENTRY}"}}\r\n ')["id"] == ENTRY
    else:
        assert reply["code"] == "MISSING_MANDATORY_PARAMETER"


@pytest.mark.parametrize("content_type, body", [
    ("application/json;charset=utf-8", None), ("text/plain", None),
    ("application/json", '[{"entryId": "0_abcd1234"}]'), ("application/json", '{"entryId": "0_abcd1234"'),
])
def test_json_body_that_is_ignored(both, content_type, body):
    assert json_call(both, content_type, body)["args"] == {"PARAM_NAME": "entryId"}


@CURRENT
def test_json_keeps_types_and_nesting(both):
    body = {"ks": both.ks, "partnerId": "102", "entryId": ENTRY, "liveStreamEntry": {
        "objectType": "KalturaLiveStreamEntry", "name": "JSON/é", "dvrStatus": "1", "tags__null": "",
        "bitrates": [{"objectType": "KalturaLiveStreamBitrate", "bitrate": 900, "tags": "source"}]}}
    reply = json_call(both, body=json.dumps(body), action="update")
    assert (reply["name"], reply["dvrStatus"], reply["bitrates"][0]["bitrate"]) == ("JSON/é", 1, 900)
    assert "tags" not in reply


def test_form_nesting_null_and_empty_array(both):
    update = {"entryId": ENTRY, "liveStreamEntry:objectType": "KalturaLiveStreamEntry",
              "liveStreamEntry:name": "Näme & <b>", "liveStreamEntry:tags": "a,b",
              "liveStreamEntry:bitrates:1:bitrate": "600", "liveStreamEntry:bitrates:0:bitrate": "900x"}
    reply = both.call("livestream", "update", update, partner=102)
    assert (reply["name"], reply["tags"]) == ("Näme & <b>", "a,b")
    assert [b["bitrate"] for b in reply["bitrates"]] == [900, 600]
    reply = both.call("livestream", "update", {"entryId": ENTRY, "liveStreamEntry:tags__null": "",
                                               "liveStreamEntry:bitrates:-": ""}, partner=102)
    assert reply["name"] == "Näme & <b>", "what is left out stays"
    assert reply.get("tags") is None and reply["bitrates"] == []


def test_object_type_that_does_not_fit_is_ignored(both):
    reply = both.call("livestream", "update", {"entryId": ENTRY, "liveStreamEntry:objectType": "KalturaUploadToken",
                                               "liveStreamEntry:name": "kept"}, partner=102)
    assert reply["name"] == "kept"


def test_abstract_object_type(both):
    assert both.code("livestream", "appendRecording", {
        "entryId": ENTRY, "assetId": "0_as000001", "mediaServerIndex": 0, "duration": 1,
        "resource:localFilePath": "/x"}) == "OBJECT_TYPE_ABSTRACT"


def test_missing_parameter_comes_before_permission(both):
    reply = both.call("livestream", "authenticate", {"entryId": ENTRY}, ks=make_ks(102), partner=102)
    assert (reply["code"], reply["message"]) == ("MISSING_MANDATORY_PARAMETER", 'Missing parameter "token"')


@pytest.mark.parametrize("value, code", [("0", None), ("1", None), ("true", None), ("false", None),
                                         ("2", "old"), ("7", "INVALID_ENUM_VALUE"), ("x", "INVALID_ENUM_VALUE"),
                                         ("", "INVALID_ENUM_VALUE")])
def test_enum_values(both, value, code):
    """2 is LIVE_CLIPPING_TASK in the current API and nothing in 2014."""
    want = (None if both.api == "current" else "INVALID_ENUM_VALUE") if code == "old" else code
    found = both.code("livestream", "unregisterMediaServer", {"entryId": ENTRY, "hostname": HOST,
                                                              "mediaServerIndex": value}, partner=102)
    assert found in ((want, "ENTRY_SERVER_NODE_NOT_FOUND") if want is None else (want,))


def test_unknown_service_and_action(both):
    assert both.code("nonsense", "get") == "SERVICE_DOES_NOT_EXISTS"
    reply = both.call("livestream", "flyAway")
    assert reply["code"] == "ACTION_DOES_NOT_EXISTS"
    assert reply["args"] == {"ACTION_NAME": "flyaway", "SERVICE_NAME": "livestream"}
    assert both.http.get(f"{both.url}/api_v3/index.php?format=1").json()["code"] == "SERVICE_NOT_SPECIFIED"
    assert both.http.get(f"{both.url}/api_v3/?format=1&service=livestream").json()["code"] == "ACTION_NOT_SPECIFIED"


def test_services_of_one_vintage_only(both):
    gone, there = ("mediaserver", "servernode") if both.api == "current" else ("servernode", "mediaserver")
    assert both.code(gone, "reportStatus") == "SERVICE_DOES_NOT_EXISTS"
    assert both.code(there, "reportStatus") == "MISSING_MANDATORY_PARAMETER"


def test_garbage_requests_are_survived(both):
    for body, kind in ((b"\xff\xfe%%%=&&&=%zz&a:::b=1&:=2&a:-=", "application/x-www-form-urlencoded"),
                       (b"--b\r\nContent-Disposition: form-data\r\n\r\nx", "multipart/form-data; boundary=b"),
                       (b"x" * 70000, "multipart/form-data; boundary=b"), (b"abc", "multipart/form-data"),
                       (b"{" * 5000 + b"}", "application/json")):
        reply = both.http.post(f"{both.url}/api_v3/service/livestream/action/get", data=body,
                               headers={"Content-Type": kind})
        assert reply.status_code == 200 and "MISSING_MANDATORY_PARAMETER" in reply.text
    assert both.http.post(f"{both.url}/api_v3/index.php", data=b"a=" + b"x" * (17 << 20), headers={
        "Content-Type": "application/x-www-form-urlencoded"}).status_code == 413
    assert both.http.put(f"{both.url}/api_v3/index.php").status_code == 405
    assert both.http.get(f"{both.url}/elsewhere").status_code == 404


# --- formats ---

def test_xml_is_the_default(both):
    reply = both.http.post(f"{both.url}/api_v3/service/livestream/action/isLive", data={"id": ENTRY, "protocol": "hls"})
    assert reply.headers["Content-Type"] == "text/xml"
    assert re.fullmatch(r'<\?xml version="1.0" encoding="utf-8"\?><xml><result>0</result><executionTime>[0-9.e-]+'
                        r"</executionTime></xml>", reply.text)


def test_error_in_every_format(both):
    wrong = {"entryId": ENTRY, "token": "bad", "partnerId": 102}
    example = json.loads((DATA / "examples" / "liveStream.authenticate.error.json").read_text())
    reply = both.post("livestream", "authenticate", wrong)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json"
    assert reply.json() == example and list(reply.json()) == list(example)
    text = both.post("livestream", "authenticate", wrong, format=2).text
    expected = (DATA / "examples" / "liveStream.authenticate.error.xml").read_text()
    if both.api == "2014":
        expected = expected.replace("KalturaApiExceptionArg", "KalturaAPIExceptionArg")
    assert re.sub("<executionTime>.*", "", text) == re.sub("<executionTime>.*", "", expected.strip())
    assert both.post("livestream", "authenticate", wrong, format=3).text == (
        'a:4:{s:4:"code";s:25:"LIVE_STREAM_INVALID_TOKEN";s:7:"message";s:50:"Invalid token supplied for live entry '
        '[0_abcd1234]";s:10:"objectType";s:19:"KalturaAPIException";s:4:"args";a:1:'
        '{s:8:"ENTRY_ID";s:10:"0_abcd1234";}}')


def test_error_without_arguments_has_an_array(both):
    text = both.post("livestream", "get", {"entryId": ENTRY}, ks=False).text
    assert text == ('{"code":"MISSING_KS","message":"Missing KS, session not established",'
                    '"objectType":"KalturaAPIException","args":[]}')
    text = both.post("livestream", "get", {"entryId": ENTRY}, ks=False, format=3).text
    assert text.endswith('s:4:"args";a:0:{}}')


def test_null_and_object_type_by_vintage(both):
    reply = both.post("livestream", "get", {"entryId": ENTRY})
    value = reply.json()
    if both.api == "current":
        assert list(value)[-1] == "objectType" and value["objectType"] == "KalturaLiveStreamEntry"
        assert None not in value.values() and "segmentDuration" in value
    else:
        assert "objectType" not in value and value["description"] is None
        assert "segmentDuration" not in value and "liveStatus" not in value
    full = both.xml("livestream", "get", {"entryId": ENTRY})
    assert full[0].tag == "objectType" and full.find("description").text is None
    for yes in ("1", "true"):
        assert both.xml("livestream", "get", {"entryId": ENTRY}, ignoreNull=yes).find("description") is None
    for no in ("0", "", "yes"):
        assert both.xml("livestream", "get", {"entryId": ENTRY}, ignoreNull=no).find("description") is not None


def test_php_format(both):
    text = both.post("livestream", "get", {"entryId": ENTRY}, format=3).text
    assert re.match(r'O:22:"KalturaLiveStreamEntry":\d+:\{s:2:"id";s:10:"0_abcd1234";', text)
    assert 's:9:"partnerId";i:102;' in text and 's:9:"creatorId";N;' in text
    assert both.post("livestream", "isLive", {"id": ENTRY, "protocol": "hls"}, format=3).text == "b:0;"
    params = both.post("flavorparams", "get", {"id": 33}, format=3).text
    assert 's:9:"frameRate";' in params and params.startswith('O:17:"KalturaLiveParams"')


def test_php_format_counts_bytes_and_members(both):
    """Reads the reply with an independent parser of PHP's format."""
    both.call("livestream", "update", {"entryId": ENTRY, "liveStreamEntry:name": 'é"x";',
                                       "liveStreamEntry:bitrates:0:tags": "t"},
              partner=102)
    data = both.post("livestream", "get", {"entryId": ENTRY}, format=3).content

    def parse(i):
        kind = data[i:i + 1]
        if kind == b"N":
            return None, i + 2
        if kind in b"ibd":
            end = data.index(b";", i)
            return data[i + 2:end].decode(), end + 1
        colon = data.index(b":", i + 2)
        size = int(data[i + 2:colon])
        if kind == b"s":
            assert data[colon + 2 + size:colon + 4 + size] == b'";'
            return data[colon + 2:colon + 2 + size].decode(), colon + 4 + size
        if kind == b"O":
            i = colon + 2 + size + 2
            colon = data.index(b":", i)
            size = int(data[i:colon])
        found, i = {}, colon + 2
        for _ in range(size):
            key, i = parse(i)
            found[key], i = parse(i)
        assert data[i:i + 1] == b"}"
        return found, i + 1
    value, end = parse(0)
    assert end == len(data) and value["name"] == 'é"x";' and value["bitrates"]["0"]["tags"] == "t"


@pytest.mark.parametrize("number", ["4", "7", "8", "99", "json"])
def test_unknown_format(both, number):
    reply = both.post("livestream", "get", {"entryId": ENTRY}, format=number)
    assert reply.status_code == 200 and reply.content == b""
    assert reply.headers["X-Kaltura"].startswith("error-")
    assert "UNKNOWN_RESPONSE_FORMAT" in reply.headers["X-Kaltura-App"]


def test_headers_worth_logging(both):
    reply = both.post("livestream", "get", {"entryId": ENTRY})
    assert reply.headers["X-Me"]
    assert re.fullmatch(r"\d+" if both.api == "2014" else r"\d+, \d{10}", reply.headers["X-Kaltura-Session"])
    forbidden = both.post("flavorparams", "getByConversionProfileId", {"conversionProfileId": 555})
    assert ("X-Kaltura-App" in forbidden.headers) == (both.api == "current")


@CURRENT
def test_examples_have_no_property_that_the_sandbox_lacks(both):
    """Every property of the composed examples is one that the sandbox can answer with."""
    both.register()
    replies = {
        "liveStream.get": both.call("livestream", "get", {"entryId": ENTRY}),
        "flavorParams.get": both.call("flavorparams", "get", {"id": 32}),
        "flavorAsset.list": both.call("flavorasset", "list", {"filter:entryIdEqual": ENTRY}),
        "conversionProfileAssetParams.list": both.call("conversionprofileassetparams", "list",
                                                       {"filter:conversionProfileIdEqual": 555}),
    }
    for name, reply in replies.items():
        example = json.loads((DATA / "examples" / f"{name}.json").read_text())
        assert reply["objectType"] == example["objectType"]
        if "objects" in example:
            assert [o["objectType"] for o in reply["objects"]][:1] == [o["objectType"] for o in example["objects"]][:1]
            assert set(reply) == set(example)
            assert set(example["objects"][0]) - {"systemName", "partnerId"} <= set(reply["objects"][0])


# --- multirequest ---

def test_multirequest(both):
    calls = {"1:service": "livestream", "1:action": "get", "1:entryId": ENTRY,
             "2:service": "livestream", "2:action": "isLive", "2:id": "{1:result:id}", "2:protocol": "hls",
             "3:service": "livestream", "3:action": "get", "3:entryId": "0_nosuch00",
             "4:service": "flavorparams", "4:action": "list", "4:pager:pageSize": "1", "4:pager:pageIndex": "2",
             "5:service": "flavorparams", "5:action": "get", "5:id": "{4:result:objects:0:id}",
             "7:service": "livestream", "7:action": "get", "7:entryId": ENTRY}
    reply = both.call("multirequest", None, calls)
    assert [type(r) for r in reply] == [dict, bool, dict, dict, dict], "ends at the missing number 6"
    assert reply[2]["code"] == "ENTRY_ID_NOT_FOUND" and reply[4]["id"] == 33
    xml = both.xml("multirequest", None, calls)
    assert [i.tag for i in xml] == ["item"] * 5 and xml[2].find("error/code").text == "ENTRY_ID_NOT_FOUND"
    php = both.post("multirequest", None, calls, format=3).text
    assert php.startswith('a:5:{i:0;O:22:"KalturaLiveStreamEntry"') and ";i:1;b:0;i:2;a:4:{" in php.replace("}i:1;",
        "};i:1;")


@CURRENT
def test_multirequest_in_json(both):
    body = {"format": 1, "ks": both.ks, "1": {"service": "livestream", "action": "isLive", "id": ENTRY},
            "2": {"service": "livestream", "action": "isLive", "id": "{1:result}"},
            "3": {"service": "livestream", "action": "get", "entryId": ENTRY, "ks": "bad"}}
    reply = both.http.post(f"{both.url}/api_v3/service/multirequest", json=body,
                           headers={"Content-Type": "application/json"}).json()
    assert reply[0] is False and reply[1]["code"] == "INVALID_ENTRY_ID" and reply[2]["code"] == "INVALID_KS"


def test_dependent_value_of_a_failed_call_is_empty(both):
    reply = both.call("multirequest", None, {
        "1:service": "livestream", "1:action": "get", "1:entryId": "0_nosuch00",
        "2:service": "livestream", "2:action": "get", "2:entryId": "{1:result:id}",
        "3:service": "livestream", "3:action": "get", "3:entryId": "x{1:result:id}"})
    assert [r["args"]["ENTRY_ID"] for r in reply] == ["0_nosuch00", "", "x{1:result:id}"], "whole values only"


def test_file_in_a_multirequest(both):
    reply = both.post("multirequest", None, {
        "1:service": "livestream", "1:action": "get", "1:entryId": ENTRY,
        "2:service": "wowza_liveconversionprofile", "2:action": "serve", "2:streamName": f"{ENTRY}_1"})
    assert reply.text.startswith('<?xml version="1.0"?>\n<Root>')


# --- state and faults ---

def test_calls_in_order(start):
    sandbox = start()
    sandbox.authenticate()
    sandbox.authenticate(token="x")
    sandbox.serve()
    sandbox.register()
    sandbox.is_live()
    sandbox.call("LiveStream", "NONSENSE")
    calls = sandbox.state()["calls"]
    assert [(c["service"], c["action"], c["partnerId"], c["entryId"], c["result"]) for c in calls] == [
        ("livestream", "authenticate", 102, ENTRY, "OK"),
        ("livestream", "authenticate", 102, ENTRY, "LIVE_STREAM_INVALID_TOKEN"),
        ("wowza_liveconversionprofile", "serve", 102, ENTRY, "OK"),
        ("livestream", "registerMediaServer", 102, ENTRY, "OK"),
        ("livestream", "isLive", 0, ENTRY, "OK"),
        ("livestream", "NONSENSE", 0, None, "ACTION_DOES_NOT_EXISTS")]
    assert all(abs(c["time"] - time.time()) < 60 for c in calls) and calls == sorted(calls, key=lambda c: c["time"])
    sandbox.control("calls", method="DELETE")
    assert sandbox.state()["calls"] == []


def test_fault_error(both):
    both.fault(service="liveStream", action="authenticate", kind="error", code="LOCK_TIMED_OUT", times=2)
    reply = both.authenticate()
    assert (reply["code"], reply["message"]) == ("LOCK_TIMED_OUT", "Timed out while attempting to grab lock")
    assert both.register()["id"] == ENTRY, "another action"
    assert both.authenticate()["code"] == "LOCK_TIMED_OUT"
    assert both.authenticate()["id"] == ENTRY, "twice only"
    both.fault(kind="error", code="ODD_ERROR", message="very odd", entryId=ENTRY)
    reply = both.authenticate()
    assert (reply["code"], reply["message"], reply["args"]) == ("ODD_ERROR", "very odd", [])
    assert both.authenticate("0_ecdnlive", partner=103)["id"] == "0_ecdnlive", "another entry"
    assert both.state()["calls"][-2]["result"] == "ODD_ERROR" and both.state()["calls"][-2]["fault"] == "error"


def test_fault_error_of_a_file(both):
    both.fault(action="serve", kind="error", code="ENTRY_ID_NOT_FOUND")
    reply = both.serve()
    assert reply.content == b"" and reply.headers["X-Kaltura-App"] == \
        f'exiting on error ENTRY_ID_NOT_FOUND - Entry id "{ENTRY}" not found'


@pytest.mark.parametrize("kind, status, pattern",
                         [("garbage", 200, "trunc$"), ("html", 200, "^<!DOC"), ("empty", 200, "^$"),
                                                   ("status", 503, "^<html>")])
def test_fault_replies(both, kind, status, pattern):
    both.fault(action="registerMediaServer", kind=kind, status=503)
    reply = both.post("livestream", "registerMediaServer", {"entryId": ENTRY, "hostname": HOST, "mediaServerIndex": 0})
    assert reply.status_code == status and re.search(pattern, reply.text)
    assert not both.is_live(), "not carried out"
    assert both.state()["calls"][-2]["result"] == kind


def test_fault_cut_and_lost_answer(both):
    both.fault(action="registerMediaServer", kind="cut", times=1)
    both.fault(action="registerMediaServer", kind="lost-answer", times=1)
    for carried_out in (False, True):
        with pytest.raises(requests.ConnectionError):
            both.register()
        assert both.is_live() == carried_out
    assert [c["result"] for c in both.state()["calls"] if c.get("fault")][-2:] == ["cut", "OK"]


def test_fault_delay_holds_nobody_else(both):
    both.fault(action="authenticate", kind="delay", seconds=1, times=1)
    slow = {}

    def wait():
        begin = time.monotonic()
        slow["reply"] = both.authenticate()
        slow["took"] = time.monotonic() - begin
    thread = threading.Thread(target=wait)
    thread.start()
    begin = time.monotonic()
    other = kaltura_api.requests.post(f"{both.url}/api_v3/service/livestream/action/isLive",
                                      data={"id": ENTRY, "protocol": "hls", "format": 1}, timeout=5)
    assert other.status_code == 200 and time.monotonic() - begin < 0.9
    thread.join(10)
    assert slow["reply"]["id"] == ENTRY and slow["took"] >= 1


def test_broken_answer_of_a_file_is_no_api_error(both):
    both.fault(action="serve", kind="empty", times=1)
    reply = both.serve()
    assert reply.content == b"" and "X-Kaltura-App" not in reply.headers


def test_ends_while_an_answer_is_due(start):
    sandbox = start()
    sandbox.fault(action="authenticate", kind="delay", seconds=60)
    thread = threading.Thread(target=lambda: pytest.raises(requests.RequestException, sandbox.authenticate))
    thread.start()
    url = f"{sandbox.url}/sandbox/state"
    wait_for("the call", lambda: requests.get(url, timeout=5).json()["calls"], 5)
    sandbox.process.terminate()
    assert sandbox.process.wait(5) == 0
    thread.join(5)


def test_delayed_caller_that_leaves(both):
    both.fault(action="authenticate", kind="delay", seconds=0.4, times=1)
    with pytest.raises(requests.Timeout):
        both.http.post(f"{both.url}/api_v3/service/livestream/action/authenticate", timeout=0.1,
                       data={"ks": both.ks, "entryId": ENTRY, "token": TOKEN})
    time.sleep(0.5)             # until the answer would have been due
    assert both.authenticate()["id"] == ENTRY


@pytest.mark.parametrize("body, where", [
    ({}, "$: expected"), ({"faults": [{}]}, "$.faults[0]: kind"),
    ({"faults": [{"kind": "flood"}]}, "kind: expected one of error"),
    ({"faults": [{"kind": "error"}]}, "needs a code"), ({"faults": [{"kind": "cut", "tims": 1}]}, "$.faults[0].tims"),
    ({"faults": [{"kind": "delay", "seconds": "1"}]}, "$.faults[0].seconds"),
    ({"faults": [{"kind": "cut"}, 5]}, "$.faults[1]"),
])
def test_bad_faults_are_refused(both, body, where):
    assert where in both.control("faults", body, status=400)["error"]
    assert both.control("faults", method="GET") == []


def test_control_errors(both):
    both.control("nothing", {}, status=404)
    both.control("state", {}, "DELETE", 405)
    both.control("clock", {"go": 1}, status=400)
    assert "$.entries[0].dvr" in both.control("data", {"entries": [{"id": ENTRY, "dvr": 1}]}, status=400)["error"]
    assert both.http.post(f"{both.url}/sandbox/data", data=b"{").status_code == 400


def test_data_at_run_time(start):
    sandbox = start()
    sandbox.control("data", {"entries": [{"id": "0_newentry", "partnerId": 102, "conversionProfileId": 555},
                                         {"id": ENTRY, "dvrStatus": 1}], "serverNodes": [{"hostName": "new"}]})
    assert sandbox.authenticate("0_newentry", hostname="new", mediaServerIndex=0)["id"] == "0_newentry"
    entry = sandbox.call("livestream", "get", {"entryId": ENTRY})
    assert entry["dvrStatus"] == 1 and entry["conversionProfileId"] == 555
    assert sandbox.call("flavorasset", "list", {"filter:entryIdEqual": "0_newentry"})["totalCount"] == 3
    sandbox.control("data", {"partners": [{"id": 102, "status": "blocked"}]})
    assert sandbox.authenticate()["code"] == "SERVICE_FORBIDDEN_CONTENT_BLOCKED"
