# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox answers the raw requests of the real PHP (3.0.8) and Java (4.7) clients."""

import re
import socket
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

import kaltura_api
from kaltura_api import DATA, ENTRY, HOST, base_data, make_ks
from klive import SLOW

SAMPLES = DATA / "http-samples"
UPLOADED = "0_2b3c4d5e6f708192a3b4c5d6e7f80910"     # the upload token that the samples name
FORBIDDEN = "SERVICE_FORBIDDEN"
# What each sample is answered with: None = success, else the error code; as (2014, current).
PHP = {
    "conversionProfileAssetParams.list": (None, None),
    "cuePoint.add": (FORBIDDEN, FORBIDDEN),                     # -5 may list, not add
    "cuePoint.list": (None, None),
    "flavorAsset.list": (None, None),
    "flavorParams.get": (None, None),
    "flavorParams.getByConversionProfileId": (FORBIDDEN, FORBIDDEN),    # not granted to -5
    "flavorParams.list": (None, None),
    "flavorParams.list.paged": (None, None),
    "liveStream.addLiveStreamPushPublishConfiguration": (FORBIDDEN, None),
    # the client that 3.0.8 bundles knows no assetId
    "liveStream.appendRecording.serverFile": ("MISSING_MANDATORY_PARAMETER", "MISSING_MANDATORY_PARAMETER"),
    "liveStream.appendRecording.uploadToken": ("MISSING_MANDATORY_PARAMETER", "MISSING_MANDATORY_PARAMETER"),
    "liveStream.authenticate": (None, None),
    "liveStream.authenticate.error": ("LIVE_STREAM_INVALID_TOKEN", "LIVE_STREAM_INVALID_TOKEN"),
    "liveStream.get": (None, None),
    "liveStream.get.GET": (None, None),
    "liveStream.get.format2": (None, None),
    "liveStream.isLive": (None, None),
    "liveStream.registerMediaServer": (None, None),
    "liveStream.removeLiveStreamPushPublishConfiguration": (FORBIDDEN, None),
    "liveStream.unregisterMediaServer": (None, "ENTRY_SERVER_NODE_NOT_FOUND"),
    "liveStream.update.null-and-empty-array": (None, None),
    "liveStream.validateRegisteredMediaServers": (FORBIDDEN, FORBIDDEN),
    "mediaServer.reportStatus": (None, "SERVICE_DOES_NOT_EXISTS"),
    "multirequest.add+upload": (None, None),
    "multirequest.params+assets": (None, None),
    "permission.get": (FORBIDDEN, None),
    "session.start": (None, None),
    "uploadToken.add": (None, None),
    "uploadToken.add.empty": (None, None),
    "uploadToken.upload": ("UPLOAD_TOKEN_NOT_FOUND", "UPLOAD_TOKEN_NOT_FOUND"),
    "uploadToken.upload.resume": ("UPLOAD_TOKEN_NOT_FOUND", "UPLOAD_TOKEN_NOT_FOUND"),
    # their session strings are real ones, of another secret
    "upload-xml-consumer": ("INVALID_KS", "INVALID_KS"),
    "upload-xml-consumer.kaltura": ("INVALID_KS", "INVALID_KS"),
    "upload-xml-consumer.kaltura.1": ("INVALID_KS", "INVALID_KS"),
}
JAVA = {                        # the current API; 2014 reads no JSON
    "beacon.add": None,
    "json-response-instead-of-xml": None,
    "liveStream.appendRecording": "ASSET_ID_NOT_FOUND",
    "liveStream.authenticate": None,
    "liveStream.authenticate.error": "LIVE_STREAM_INVALID_TOKEN",
    "liveStream.get": None,
    "liveStream.registerMediaServer": None,
    "liveStream.unregisterMediaServer": "ENTRY_SERVER_NODE_NOT_FOUND",
    "multirequest.add+upload": None,
    "multirequest.params+assets": None,
    "permission.get": "INVALID_OBJECT_ID",
}


@pytest.fixture(scope="module", params=["2014", "current"])
def sandbox(request, tmp_path_factory):
    data = base_data()
    data["liveParams"] += [kaltura_api.live_params(n) for n in range(200, 240)]
    sandbox = kaltura_api.Sandbox(tmp_path_factory.mktemp("samples"), data, request.param)
    yield sandbox
    sandbox.stop()


@pytest.fixture(autouse=True)
def no_registration(sandbox):
    yield
    sandbox.unregister()


def send(sandbox, path, ks=None, change=lambda body: body):
    """Sends the sample's bytes with a valid session string; returns (head, body) of the answer."""
    raw = path.read_bytes()
    head, body = raw.split(b"\r\n\r\n", 1)
    ks = ks or make_ks()
    form = b"application/x-www-form-urlencoded" in head
    value = (urllib.parse.quote(ks, safe="") if form else ks).encode()
    body = change(body.replace(b"KS_PLACEHOLDER", value))
    head = head.replace(b"KS_PLACEHOLDER", urllib.parse.quote(ks, safe="").encode())
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    head = re.sub(rb"Host: \S+", b"Host: " + sandbox.url.split("//")[1].encode(), head)
    host, port = sandbox.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=10 * SLOW) as link:
        link.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
        answer = b""
        while chunk := link.recv(65536):
            answer += chunk
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return head.decode(), body.decode()


def php_error(body):
    found = re.match(r'a:4:\{s:4:"code";s:\d+:"(\w+)";', body)
    return found[1] if found else None


def xml_result(body):
    return ElementTree.fromstring(body).find("result")


def test_every_sample_is_listed():
    assert {p.stem for p in (SAMPLES / "php-3.0.8").iterdir()} == set(PHP)
    assert {p.stem for p in (SAMPLES / "java-3.3.6").iterdir()} == set(JAVA)


@pytest.mark.parametrize("name", PHP)
def test_php_client(sandbox, name):
    """Format 3 only: PHP's serialize() of generated classes."""
    _, body = send(sandbox, SAMPLES / "php-3.0.8" / f"{name}.request")
    if name == "liveStream.get.format2":
        assert xml_result(body).findtext("id") == ENTRY
        return
    assert php_error(body) == PHP[name][sandbox.api == "current"], body
    if PHP[name][sandbox.api == "current"] is None:
        assert re.match(r"[OasbN][:;]", body)


@pytest.mark.parametrize("name", JAVA)
def test_java_client(sandbox, name):
    """XML only; JSON bodies, which 2014 does not read."""
    head, body = send(sandbox, SAMPLES / "java-3.3.6" / f"{name}.request")
    assert "\r\nContent-Type: text/xml\r\n" in head
    code = xml_result(body).findtext("error/code")
    if sandbox.api == "current":
        assert code == JAVA[name], body
        assert "multirequest" not in name or not xml_result(body).findall("item/error")
    else:
        assert code in ("MISSING_MANDATORY_PARAMETER", "SERVICE_DOES_NOT_EXISTS", None)


def test_php_replies_have_the_wanted_content(sandbox):
    folder = SAMPLES / "php-3.0.8"
    entry = send(sandbox, folder / "liveStream.authenticate.request")[1]
    assert entry.startswith('O:22:"KalturaLiveStreamEntry":') and f's:2:"id";s:10:"{ENTRY}";' in entry
    assert send(sandbox, folder / "liveStream.get.GET.request")[1] == send(sandbox,
        folder / "liveStream.get.request")[1]
    assert send(sandbox, folder / "liveStream.isLive.request")[1] == "b:0;"
    send(sandbox, folder / "liveStream.registerMediaServer.request")
    assert sandbox.state()["entries"][ENTRY]["registered"]["0"] == HOST
    assert send(sandbox, folder / "liveStream.isLive.request")[1] == "b:1;"
    assert php_error(send(sandbox, folder / "liveStream.unregisterMediaServer.request")[1]) is None
    assert send(sandbox, folder / "liveStream.isLive.request")[1] == "b:0;"
    assert 's:10:"totalCount";i:43;' in send(sandbox, folder / "flavorParams.list.request")[1]
    assert send(sandbox, folder / "flavorParams.list.request")[1].count('O:17:"KalturaLiveParams"') == 30
    assert send(sandbox, folder / "flavorParams.list.paged.request")[1].count('O:17:"KalturaLiveParams"') == 43
    assert send(sandbox, folder / "flavorParams.getByConversionProfileId.request", make_ks(102))[1].startswith(
        'a:3:{i:0;O:17:"KalturaLiveParams"')
    assert send(sandbox, folder / "session.start.request")[1].startswith('s:')
    assert send(sandbox, folder / "liveStream.validateRegisteredMediaServers.request", make_ks(-1),
                lambda body: body.replace(b"partnerId=102&", b""))[1] == "N;"
    assert send(sandbox, folder / "cuePoint.add.request",
                make_ks(102, kind=0))[1].startswith('O:17:"KalturaAdCuePoint"')
    lists = send(sandbox, folder / "multirequest.params+assets.request")[1]
    assert lists.startswith('a:2:{i:0;O:47:"KalturaConversionProfileAssetParamsListResponse":2:{')
    assert lists.count('O:16:"KalturaLiveAsset"') == 3


def test_null_and_empty_array_of_the_php_client(sandbox):
    sandbox.control("data", {"entries": [{"id": ENTRY, "tags": "a,b", "bitrates": [{"bitrate": 1}]}]})
    body = send(sandbox, SAMPLES / "php-3.0.8" / "liveStream.update.null-and-empty-array.request")[1]
    assert 's:4:"name";s:1:"N";' in body and 's:4:"tags";N;' in body and 's:8:"bitrates";a:0:{}' in body
    assert 's:9:"dvrStatus";i:1;' in body
    sandbox.control("data", {"entries": [{"id": ENTRY, "dvrStatus": 0}]})


@pytest.mark.parametrize("sandbox, client", [
    ("2014", "php-3.0.8"), ("current", "php-3.0.8"), ("current", "java-3.3.6")], indirect=["sandbox"])
def test_add_and_upload_in_one_request(sandbox, client):
    """Both clients send the file part beside dependent values; Java sends a plain part of the same name first."""
    before = len(sandbox.state()["uploadTokens"])
    body = send(sandbox, SAMPLES / client / "multirequest.add+upload.request")[1]
    token = sandbox.state()["uploadTokens"][before]
    assert (token["status"], token["uploadedFileSize"], token["fileName"]) == (2, 5, "seg.mp4")
    assert open(token["path"], "rb").read() == b"HELLO"
    assert body.count(token["id"]) == 2


def test_upload_of_the_php_client(sandbox):
    token = sandbox.call("uploadtoken", "add", partner=102)["id"].encode()
    folder = SAMPLES / "php-3.0.8"

    def upload(name, old=b"", new=b""):
        return send(sandbox, folder / f"{name}.request", None,
                    lambda body: body.replace(UPLOADED.encode(), token).replace(old, new))[1]
    not_final = b'name="finalChunk"\r\n\r\n1\r\n', b'name="finalChunk"\r\n\r\n\r\n'
    assert 's:6:"status";i:1;' in upload("uploadToken.upload", *not_final)
    resumed = upload("uploadToken.upload.resume", b"\r\n1048576\r\n", b"\r\n5\r\n")
    assert 's:16:"uploadedFileSize";i:10;' in resumed
    assert php_error(upload("uploadToken.upload")) is None
    assert php_error(upload("uploadToken.upload")) == "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD"
