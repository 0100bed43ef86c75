# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox: profiles against golden files (gst/kaltura/API.md "How Kaltura fills it")."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from kaltura_api import DATA, ENTRY, HOST, base_data, live_params, make_ks, source
from kaltura_api import start    # fixture

GOLDEN = DATA / "golden"
CASES = sorted(p.stem for p in GOLDEN.glob("*.json"))
SMART_OFF = "FEATURE_KALTURA_LIVE_DISABLE_SMART_TRANSCODING"


def case_data(case):
    """The input of a golden file as sandbox data."""
    data = base_data()
    data["liveParams"] = [{k: v for k, v in p.items() if k != "origin"} for p in case["liveParams"]]
    data["conversionProfiles"] = [{"id": 555, "partnerId": 102, "liveParams": [
        {"assetParamsId": p["id"], "origin": p["origin"]} for p in case["liveParams"]]}]
    if case.get("disableSmartTranscoding"):
        data["partners"][2]["permissions"].append(SMART_OFF)
    if "mediaServer" in case:
        data["serverNodes"] = [{"hostName": case["hostname"], "transcoder": case["mediaServer"]["transcoder"],
                                "GPUID": case["mediaServer"]["gpuid"]}]
    return data


@pytest.mark.parametrize("api, vintage", [("2014", "IX"), ("current", "HEAD")])
@pytest.mark.parametrize("name", CASES)
def test_golden(start, name, api, vintage):
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    sandbox = start(case_data(case), api)
    more = {"hostname": case["hostname"]} if "hostname" in case else {}
    if "extraParams" in case:
        more["extraParams"] = json.dumps(case["extraParams"])
    reply = sandbox.serve(case["streamName"], **more)
    assert reply.status_code == 200
    failed = GOLDEN / f"{name}.{vintage}.txt"
    if failed.exists():
        code, argument = re.fullmatch(r'EXCEPTION (\w+) \["(.*)"\]\n', failed.read_text()).groups()
        assert reply.content == b"" and reply.headers["X-Kaltura"] == f"error- {code}"
        told = reply.headers["X-Kaltura-App"]
        assert told.startswith(f"exiting on error {code} - ") and argument in told
    else:
        assert reply.headers["Content-Type"] == "text/xml"
        assert reply.content == (GOLDEN / f"{name}.{vintage}.xml").read_bytes()


def test_every_golden_case_is_there():
    assert len(CASES) >= 24


# --- rules that the golden files do not reach ---

def encodes(sandbox, stream=f"{ENTRY}_1", **more):
    """{name: {element path: text}} of the Encodes."""
    def flatten(element, path=""):
        found = {}
        for child in element:
            found[path + child.tag] = child.text
            found.update(flatten(child, f"{path}{child.tag}/"))
        return found
    root = ElementTree.fromstring(sandbox.serve(stream, **more).content)
    return {e.findtext("Name"): flatten(e) for e in root.iter("Encode")}, root


def with_params(*params, **partner):
    data = base_data()
    data["partners"][2].update(partner)
    data["liveParams"] = list(params)
    data["conversionProfiles"] = [{"id": 555, "partnerId": 102, "liveParams": [
        {"assetParamsId": p["id"], "origin": int("ingest" in p["tags"].split(","))} for p in params]}]
    return data


def test_suffix_is_compared_loosely_and_the_first_wins(start):
    sandbox = start(with_params(source(), live_params(36, "two", "ingest", streamSuffix="2"),
                                live_params(38, "again", "ingest", streamSuffix="1")))
    assert list(encodes(sandbox, f"{ENTRY}_1")[0]) == ["Source"]
    assert list(encodes(sandbox, f"{ENTRY}_01")[0]) == ["Source"]
    assert list(encodes(sandbox, f"{ENTRY}_002")[0]) == ["two"]


def test_both_sizes_and_codecs_of_the_transcode_branch(start):
    params = [live_params(50 + n, codec, width=320, height=240, videoCodec=codec)
              for n, codec in enumerate(("h264", "h264b", "h264m", "h264h", "h263", "vp6", "flv", "copy", "mpeg4"))]
    found, _ = encodes(start(with_params(source(), *params)))
    assert {n: (e["Video/Codec"], e["Video/Profile"]) for n, e in found.items() if n != "Source"} == {
        "h264": ("H.264", "baseline"), "h264b": ("H.264", "baseline"), "h264m": ("H.264", "main"),
        "h264h": ("H.264", "main"),
        "h263": ("H.263", "baseline"), "vp6": ("H.263", "baseline"), "flv": ("H.263", "baseline"),
        "copy": ("PassThru", "main"),
        "mpeg4": ("PassThru", "main")}
    assert {(e["Video/FrameSize/FitMode"], e["Video/FrameSize/Width"], e["Video/FrameSize/Height"])
            for n, e in found.items() if n != "Source"} == {("fit-height", "320", "240")}


def test_audio_of_the_current_api(start):
    """AAC from the encoder passes through unless the flavor asks for a rate or channels of AAC and a size."""
    sandbox = start(with_params(source(), live_params(33, "rate"),
                                live_params(34, "plain", audioSampleRate=0, audioChannels=0),
                                live_params(35, "mp3", audioCodec="mp3"), live_params(36, "nosize", height=0)))
    for codec, expected in (("AAC", {"rate": "AAC", "plain": "PassThru", "mp3": "PassThru", "nosize": "PassThru"}),
                            ("aac", dict.fromkeys(("rate", "plain", "mp3", "nosize"), "AAC"))):
        found, _ = encodes(sandbox, extraParams=json.dumps({"audiocodecidstring": codec}))
        assert {n: e["Audio/Codec"] for n, e in found.items() if n != "Source"} == expected
        assert all(e["Audio/Bitrate"] == "64000" for n, e in found.items() if n != "Source")
        assert found["Source"]["Audio/Codec"] == ("PassThru" if codec == "AAC" else "AAC")


def test_audio_only_with_a_height_gets_a_codec(start):
    found, _ = encodes(start(with_params(source(), live_params(33, "tall", "audio_only"),
                                         live_params(34, "flat", "audio_only", height=0))))
    assert (found["tall"]["Video/Codec"], found["flat"]["Video/Codec"]) == ("H.264", "Disable")


@pytest.mark.parametrize("ingest, left", [
    ({"width": "1280", "height": "720", "videodatarate": "3000"}, {"tall", "rich"}),
    ({"width": 640, "height": 360, "videodatarate": 0}, {"rich"}),
    ({"width": 1280, "height": 0, "videodatarate": 0}, {"tall", "wide", "rich"}),
    ({"height": "0"}, {"wide", "rich"}),     # "0" counts as known: 0 < 480
    ({"videodatarate": "1"}, set()),
    ({}, {"tall", "wide", "rich"}),
])
def test_optional_flavors(start, ingest, left):
    """tall: 480 lines; wide: 1920 columns; rich: source size, 2000 kbit/s. Ingest flavors are never left out."""
    tags = "mbr,optional_flavor"
    sandbox = start(with_params(source(), live_params(33, "tall", tags, height=480, videoBitrate=100),
                                live_params(34, "wide", tags, height=0, width=1920, videoBitrate=100),
                                live_params(35, "rich", tags, height=0, videoBitrate=2000)))
    found, root = encodes(sandbox, extraParams=json.dumps(ingest))
    assert set(found) == left | {"Source"}
    assert {m.text for m in root.iter("EncodeName")} == set(found)


def test_smart_transcoding_off_ignores_what_the_encoder_sends(start):
    data = with_params(source(), live_params(33, "opt", "optional_flavor"), permissions=[
        "FEATURE_LIVE_STREAM", SMART_OFF])
    found, root = encodes(start(data), extraParams=json.dumps({"height": 100, "audiocodecidstring": "AAC",
                                                               "gpu": "true"}))
    assert set(found) == {"Source", "opt"} and found["Source"]["Audio/Codec"] == "AAC" and root.find(".//Scale") is None


@pytest.mark.parametrize("rate, limit, skip", [(30, 15, "1"), (30, 10, "2"), (25, 25, None), (25, 24, None),
                                               (60, 30, "1"),
                                               (50, 15, "3"), (29.97, 15, "1"), (10, 30, None)])
def test_skip_frames(start, rate, limit, skip):
    found, _ = encodes(start(with_params(source(), live_params(33, "x", maxFrameRate=limit))),
                       extraParams=json.dumps({"framerate": str(rate)}))
    assert found["x"].get("Video/SkipFrameCount/Value") == skip


def test_source_frame_rate_stands_in(start):
    sandbox = start(with_params(source(frameRate=25.5), live_params(33, "x", maxFrameRate=12)))
    found, root = encodes(sandbox)
    assert found["x"]["Video/SkipFrameCount/Value"] == "2"
    assert [e.text for e in root.find(".//Properties/Property")] == ["sourceStreamFrameRate", "25.5", "Double"]
    sandbox.control("data", {"liveParams": [{"id": 32, "frameRate": 12}]})
    assert encodes(sandbox)[1].find(".//Properties/Property") is None, "below 12.5"


def test_extra_params_of_a_flavor(start):
    extra = json.dumps({"skipFrameCount": 3, "constantBitrate": False})
    found, _ = encodes(start(with_params(source(), live_params(33, "x", conversionEnginesExtraParams=extra),
                                         live_params(34, "y", conversionEnginesExtraParams="not json"))))
    assert found["x"]["Video/SkipFrameCount/Value"] == "3" and "Video/Parameters" not in found["x"]
    assert "Video/SkipFrameCount" not in found["y"]


@pytest.mark.parametrize("text", ["", "no json", "[1]", "5", '{"height": [1]}', '{"gpu": true}'])
def test_odd_extra_params(start, text):
    found, root = encodes(start(), extraParams=text)
    assert set(found) == {"Source", "SD_360"} and root.find(".//Scale") is None


def test_groups_of_2014(start):
    data = with_params(source(tags="source,ingest,web"), live_params(33, "a", "mbr,web"), live_params(34, "b", ""))
    _, root = encodes(start(data, "2014"))
    groups = {g.findtext("Name"): [m.text for m in g.iter("EncodeName")] for g in root.iter("StreamNameGroup")}
    assert list(groups) == ["source", "ingest", "web", "all", "mbr"]
    assert groups["web"] == ["Source", "a"] and groups["all"] == ["Source", "a", "b"] and groups["mbr"] == ["a"]


def test_entry_must_be_a_live_stream(start):
    for api in ("2014", "current"):
        data = base_data()
        data["entries"][0]["type"] = "1"
        data["entries"][1]["sourceType"] = "30"
        sandbox = start(data, api)
        for stream, who in ((f"{ENTRY}_1", {}), ("0_ecdnlive_1", {"partner": 103}), ("0_nosuch00_1", {})):
            reply = sandbox.serve(stream, **who)
            assert reply.content == b"" and "exiting on error ENTRY_ID_NOT_FOUND" in reply.headers["X-Kaltura-App"]
        sandbox.control("data", {"entries": [{"id": ENTRY, "type": "7", "sourceType": "42"}]})
        assert sandbox.serve().text.startswith("<?xml")


@pytest.mark.parametrize("stream, old, current", [
    ("0_abcd1234", "INVALID_STREAM_NAME", "INVALID_STREAM_NAME"),
    ("abcd1234_1", "INVALID_STREAM_NAME", "INVALID_STREAM_NAME"),
    ("0_abcd1234_x", None, "INVALID_STREAM_NAME"), ("0_abcd1234_7", None, "INGEST_NOT_FOUND_IN_CONVERSION_PROFILE"),
    ("0_abcd1234_", "INVALID_STREAM_NAME", "INVALID_STREAM_NAME")])
def test_stream_names(start, stream, old, current):
    for api, code in (("2014", old), ("current", current)):
        reply = start(None, api).serve(stream)
        if code:
            assert reply.headers["X-Kaltura"] == f"error- {code}"
        else:
            assert reply.content == start(None, api).serve(f"{ENTRY}_1").content


def test_without_a_session(start):
    """As Wowza fetches it: no session, path form, from an address inside."""
    sandbox = start()
    url = (f"{sandbox.url}/api_v3/index.php/service/wowza_liveConversionProfile/action/serve/streamName/{ENTRY}_1"
           "/f/transcode.xml")
    reply = sandbox.http.get(url)
    assert reply.content == b"" and "MISSING_KS" in reply.headers["X-Kaltura-App"]
    sandbox.control("data", {"settings": {"internalAddresses": ["127.0.0.1"]}})
    assert sandbox.http.get(url).text.startswith('<?xml version="1.0"?>\n<Root>')
    gpu = sandbox.http.get(url + "/hostname/" + HOST, params={"extraParams": '{"gpu":"true"}'}).text
    assert "<Implementation>NVENC</Implementation>" in gpu and "<GPUID>-1</GPUID>" in gpu


def test_of_another_partner(start):
    sandbox = start()
    assert "ENTRY_ID_NOT_FOUND" in sandbox.serve(ks=make_ks(103), partner=103).headers["X-Kaltura-App"]
    assert sandbox.serve("0_ecdnlive_1", ks=make_ks(103), partner=103).text.startswith("<?xml")
    assert "INVALID_KS" in sandbox.serve(ks="nonsense").headers["X-Kaltura-App"]
