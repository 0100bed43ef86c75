# SPDX-License-Identifier: LGPL-2.1-or-later
"""kaltura-sandbox: uploadToken and the hand-over of recordings (gst/kaltura/API.md "uploadToken")."""

import hashlib
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

import kaltura_api
from kaltura_api import ENTRY, HOST, base_data, make_ks
from kaltura_api import start    # fixture
from klive import SLOW, wait_for

PENDING, PARTIAL, FULL, CLOSED = range(4)


@pytest.fixture(params=["current", "2014"])
def sandbox(request, tmp_path):
    sandbox = kaltura_api.Sandbox(tmp_path, None, request.param)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def there(tmp_path):
    """A recording that the API host can see."""
    file = tmp_path / "a & b.mp4"
    file.write_bytes(b"mp4")
    return str(file)


def add(sandbox, **fields):
    return sandbox.call("uploadtoken", "add", {f"uploadToken:{k}": v for k, v in fields.items()}, partner=102)


def upload(sandbox, token, data, name="seg.mp4", http=None, **more):
    """resume, final and at (resumeAt) as Python values."""
    form = {"uploadTokenId": token, "format": 1, "ks": sandbox.ks, "partnerId": 102}
    for key, field in (("resume", "resume"), ("final", "finalChunk"), ("at", "resumeAt")):
        if key in more:
            form[field] = str(int(more[key]))
    return (http or sandbox.http).post(f"{sandbox.url}/api_v3/service/uploadtoken/action/upload", data=form,
                                       files={"fileData": (name, data)}, timeout=60 * SLOW).json()


def stored(sandbox, token):
    found = next(t for t in sandbox.state()["uploadTokens"] if t["id"] == token)
    return Path(found["path"]).read_bytes() if found["path"] else None


def assets(sandbox, entry=ENTRY, **more):
    listed = sandbox.call("flavorasset", "list", {"filter:entryIdEqual": entry}, **{"partner": 102, **more})
    return {a["flavorParamsId"]: a["id"] for a in listed["objects"]}


def append(sandbox, asset, duration, path=None, token=None, index=0, entry=ENTRY, **more):
    resource = {"resource:objectType": "KalturaServerFileResource", "resource:localFilePath": path} if path else \
        {"resource:objectType": "KalturaUploadedFileTokenResource", "resource:token": token}
    extra = {"isLastChunk": int(more.pop("last"))} if "last" in more else {}
    return sandbox.call("livestream", "appendRecording", {
        "entryId": entry, "assetId": asset, "mediaServerIndex": index, "duration": duration, **resource, **extra},
        **{"partner": 102, **more})


# --- uploadToken ---

def test_add(sandbox):
    token = add(sandbox, fileName="0_abcd1234_32.mp4", fileSize="5")
    assert token["status"] == PENDING and token["fileSize"] == 5 and token["fileName"] == "0_abcd1234_32.mp4"
    assert token["partnerId"] == 102 and token["userId"] == "MediaServer"
    prefix, digits = token["id"].split("_")
    assert prefix == "0" and len(digits) == 32 and int(digits, 16)
    assert add(sandbox)["id"] != token["id"]


def test_upload_in_one_piece(sandbox):
    token = add(sandbox)["id"]
    reply = upload(sandbox, token, b"HELLO")
    assert (reply["status"], reply["uploadedFileSize"], reply["fileName"]) == (FULL, 5, "seg.mp4")
    assert stored(sandbox, token) == b"HELLO"
    assert upload(sandbox, token, b"AGAIN")["code"] == "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD"


def test_upload_of_an_empty_file(sandbox):
    token = add(sandbox)["id"]
    assert upload(sandbox, token, b"")["status"] == FULL
    assert stored(sandbox, token) == b""


def test_content_like_a_boundary_survives(sandbox):
    data = b"\r\n--" * 1000 + b"\r\n--x\r\nContent-Disposition: form-data; name=\"ks\"\r\n\r\n"
    data += bytes(range(256)) * 300 + b"\r\n"
    token = add(sandbox)["id"]
    upload(sandbox, token, data)
    assert stored(sandbox, token) == data


def test_bytes_that_arrive_one_by_one(sandbox):
    token = add(sandbox)["id"]
    body = b"".join(b"--B\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n" % part for part in (
        (b"uploadTokenId", b"", token.encode()), (b"ks", b"", sandbox.ks.encode()), (b"partnerId", b"", b"102"),
        (b"fileData", b"; filename=\"a.mp4\"\r\nContent-Type: video/mp4", b"one\r\n--by\r\n--one"))) + b"--B--\r\n"
    host, port = sandbox.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(b"POST /api_v3/service/uploadtoken/action/upload/format/1 HTTP/1.1\r\n"
                     b"Host: x\r\nConnection: close\r\n"
                     b"Content-Type: multipart/form-data; boundary=\"B\"\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            link.sendall(bytes([byte]))
        answer = b""
        while chunk := link.recv(65536):
            answer += chunk
    assert b'"status":2' in answer, answer
    assert stored(sandbox, token) == b"one\r\n--by\r\n--one"


def test_chunks_in_order(sandbox):
    token = add(sandbox)["id"]
    assert upload(sandbox, token, b"abc", resume=False, final=False)["status"] == PARTIAL
    reply = upload(sandbox, token, b"def", resume=True, final=False, at=3)
    assert (reply["status"], reply["uploadedFileSize"]) == (PARTIAL, 6)
    assert upload(sandbox, token, b"DEF", resume=True, final=False, at=3)["uploadedFileSize"] == 6, "sent again"
    assert upload(sandbox, token, b"ghi", resume=True, final=False, at=-1)["uploadedFileSize"] == 9, "at the end"
    reply = upload(sandbox, token, b"j", resume=True, final=True, at=9)
    assert (reply["status"], reply["uploadedFileSize"]) == (FULL, 10)
    assert stored(sandbox, token) == b"abcDEFghij"


def test_first_chunk_again_starts_anew(sandbox):
    token = add(sandbox)["id"]
    upload(sandbox, token, b"abcdef", resume=False, final=False)
    assert upload(sandbox, token, b"xy", resume=False, final=False)["uploadedFileSize"] == 2
    assert stored(sandbox, token) == b"xy"


def test_resume_errors_of_2014(start):
    sandbox = start(None, "2014")
    token = add(sandbox)["id"]
    assert upload(sandbox, token, b"x", resume=True, at=0)["code"] == "UPLOAD_TOKEN_CANNOT_RESUME"
    upload(sandbox, token, b"abc", final=False)
    reply = upload(sandbox, token, b"x", resume=True, at=4)
    assert (reply["code"], reply["message"]) == ("UPLOAD_TOKEN_RESUMING_INVALID_POSITION",
                                                 "Resuming not allowed after end of file")
    assert upload(sandbox, token, b"d", resume=True, at=3)["status"] == FULL


def test_chunks_in_any_order_in_the_current_api(start):
    sandbox = start()
    token = add(sandbox)["id"]
    upload(sandbox, token, b"ab", final=False)
    assert upload(sandbox, token, b"ef", resume=True, final=False, at=4)["uploadedFileSize"] == 2
    assert upload(sandbox, token, b"gh", resume=True, final=False, at=6)["uploadedFileSize"] == 2
    assert upload(sandbox, token, b"cd", resume=True, final=False, at=2)["uploadedFileSize"] == 8
    assert upload(sandbox, token, b"i", resume=True, final=True, at=8)["status"] == FULL
    assert stored(sandbox, token) == b"abcdefghi"


def test_final_chunk_waits_for_the_others(start):
    sandbox = start()
    token = add(sandbox)["id"]
    upload(sandbox, token, b"ab", final=False)
    reply = {}
    thread = threading.Thread(target=lambda: reply.update(
        upload(sandbox, token, b"ef", resume=True, final=True, at=4, http=requests)))
    thread.start()
    wait_for("the final chunk", lambda: sandbox.state()["uploadTokens"][0]["receivedTo"] == 6, 5)
    assert not reply, "waits"
    assert upload(sandbox, token, b"cd", resume=True, final=False, at=2)["status"] == PARTIAL
    thread.join(5)
    assert (reply["status"], reply["uploadedFileSize"]) == (FULL, 6) and stored(sandbox, token) == b"abcdef"
    assert [c["result"] for c in sandbox.state()["calls"] if c["action"] == "upload"] == ["OK"] * 3


def test_final_chunk_gives_up_after_45_seconds(start):
    sandbox = start()
    token = add(sandbox)["id"]
    upload(sandbox, token, b"ab", final=False)
    reply = {}
    thread = threading.Thread(target=lambda: reply.update(
        upload(sandbox, token, b"ef", resume=True, final=True, at=4, http=requests)))
    thread.start()
    wait_for("the final chunk", lambda: sandbox.state()["uploadTokens"][0]["receivedTo"] == 6, 5)
    sandbox.advance(46)
    thread.join(5)
    assert reply["code"] == "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE"
    upload(sandbox, token, b"cd", resume=True, final=False, at=2)
    assert upload(sandbox, token, b"ef", resume=True, final=True, at=4)["status"] == FULL, "the final chunk again"


def test_waiting_uploader_that_leaves(start):
    sandbox = start()
    token = add(sandbox)["id"]
    upload(sandbox, token, b"ab", final=False)
    with pytest.raises(requests.Timeout):
        sandbox.http.post(f"{sandbox.url}/api_v3/service/uploadtoken/action/upload", timeout=0.3, data={
            "uploadTokenId": token, "ks": sandbox.ks, "resume": 1, "finalChunk": 1, "resumeAt": 9},
            files={"fileData": b"x"})
    sandbox.advance(60)
    assert upload(sandbox, token, b"c", resume=True, final=True, at=2)["status"] == FULL
    assert stored(sandbox, token) == b"abc", "what lay behind the hole is gone"


def test_resume_after_a_week(start):
    sandbox = start()
    sandbox.ks = make_ks(expiry=int(time.time()) + 10 ** 7)
    token = add(sandbox)["id"]
    upload(sandbox, token, b"ab", final=False)
    sandbox.advance(7 * 86400 - 10)
    assert upload(sandbox, token, b"c", resume=True, final=False, at=2)["status"] == PARTIAL
    sandbox.advance(7 * 86400 + 1)
    reply = upload(sandbox, token, b"d", resume=True, final=True, at=3)
    assert (reply["code"], reply["args"]) == ("UPLOAD_PASSED_MAX_RESUME_TIME_ALLOWED", {"MAX_RESUME_TIME": "604800"})


def test_auto_finalize(start):
    sandbox = start()
    assert add(sandbox, autoFinalize="1")["code"] == "UPLOAD_TOKEN_MISSING_FILE_SIZE"
    token = add(sandbox, autoFinalize="1", fileSize="4")["id"]
    assert upload(sandbox, token, b"ab", final=False)["status"] == PARTIAL
    assert upload(sandbox, token, b"cd", resume=True, final=False, at=2)["status"] == FULL


def test_upload_errors(sandbox):
    token = add(sandbox)["id"]
    assert upload(sandbox, "0_none", b"x")["code"] == "UPLOAD_TOKEN_NOT_FOUND"
    assert sandbox.code("uploadtoken", "upload", {"uploadTokenId": token}) == "MISSING_MANDATORY_PARAMETER"
    assert sandbox.code("uploadtoken", "upload", {"uploadTokenId": token, "fileData": "text"}) == "UPLOAD_ERROR"
    sandbox.ks = make_ks(103)
    assert sandbox.code("uploadtoken", "upload", {"uploadTokenId": token},
                        files={"fileData": b"x"}) == "UPLOAD_TOKEN_NOT_FOUND"


def test_unwritable_state_directory(sandbox):
    token = add(sandbox)["id"]
    state = sandbox.folder / "state"
    state.rename(sandbox.folder / "elsewhere")
    assert upload(sandbox, token, b"x")["code"] == "UPLOAD_ERROR"
    (sandbox.folder / "elsewhere").rename(state)
    assert upload(sandbox, token, b"x")["status"] == FULL


def test_restricted_file_types(sandbox):
    sandbox.control("data", {"settings": {"restrictedExtensions": ["exe"]}})
    reply = upload(sandbox, add(sandbox)["id"], b"x", name="virus.exe")
    assert reply.get("code") == ("UPLOAD_TOKEN_FILE_TYPE_RESTRICTED_FOR_UPLOAD" if sandbox.api == "current" else None)


def test_no_part_is_left_behind(sandbox):
    """Files of refused and broken uploads go away with their request."""
    folder = sandbox.folder / "state"
    upload(sandbox, "0_none", b"x" * 100000)
    host, port = sandbox.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port))) as link:
        link.sendall(b"POST /api_v3/service/uploadtoken/action/upload HTTP/1.1\r\n"
                     b"Host: x\r\nContent-Length: 1000000\r\n"
                     b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
                     b"--B\r\nContent-Disposition: form-data; name=\"fileData\"; filename=\"a\"\r\n\r\n" + b"y" * 50000)
        wait_for("the beginning of the file", lambda: list(folder.glob("incoming-*")), 5)
    wait_for("its end", lambda: not list(folder.glob("incoming-*")), 5)


def test_cut_while_uploading(sandbox):
    sandbox.fault(service="uploadtoken", action="upload", kind="cut", afterBytes=200000, times=1)
    token = add(sandbox)["id"]
    with pytest.raises(requests.ConnectionError):
        upload(sandbox, token, b"z" * 3000000)
    assert upload(sandbox, token, b"z" * 3000000)["status"] == FULL
    results = [c["result"] for c in sandbox.state()["calls"] if c["action"] == "upload"]
    assert results == ["cut", "OK"]


def test_large_upload_in_constant_memory(sandbox):
    """128 MB through one request: the sandbox's memory does not follow."""
    def peak():
        text = Path(f"/proc/{sandbox.process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0])
    token = add(sandbox)["id"]
    upload(sandbox, token, b"warm", final=False)
    before = peak()
    block = hashlib.sha256(b"seed").digest() * 32768       # 1 MiB
    head = (b"--B\r\nContent-Disposition: form-data; name=\"uploadTokenId\"\r\n\r\n" + token.encode() +
            b"\r\n--B\r\nContent-Disposition: form-data; name=\"ks\"\r\n\r\n" + sandbox.ks.encode() +
            b"\r\n--B\r\nContent-Disposition: form-data; name=\"fileData\"; filename=\"big.mp4\"\r\n\r\n")

    def body():
        yield head
        for _ in range(128):
            yield block
        yield b"\r\n--B--\r\n"
    reply = sandbox.http.post(f"{sandbox.url}/api_v3/service/uploadtoken/action/upload?format=1", data=body(),
                              timeout=120,
                              headers={"Content-Type": "multipart/form-data; boundary=B"}).json()
    assert (reply["status"], reply["uploadedFileSize"]) == (FULL, 128 << 20)
    found = hashlib.sha256()
    path = next(Path(t["path"]) for t in sandbox.state()["uploadTokens"] if t["id"] == token)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    path.unlink()
    assert found.digest() == hashlib.sha256(block * 128).digest()
    if "libasan" not in Path(f"/proc/{sandbox.process.pid}/maps").read_text():      # it keeps what is freed for a while
        assert peak() - before < 16 * 1024, f"{peak() - before} KiB more"


# --- appendRecording ---

def test_append_a_local_file(sandbox, there):
    ids = assets(sandbox)
    reply = append(sandbox, ids[32], 900.123, there)
    assert reply["id"] == ENTRY
    recording, = sandbox.state()["entries"][ENTRY]["recordings"]
    assert {k: recording[k] for k in ("assetId", "index", "duration", "path", "resource")} == \
        {"assetId": ids[32], "index": 0, "duration": 900.123, "path": there, "resource": "file"}
    assert Path(there).exists()


def test_append_an_uploaded_file(sandbox):
    ids = assets(sandbox)
    token = add(sandbox, fileName="x.mp4")["id"]
    assert append(sandbox, ids[33], 10, token=token)["code"] == "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY"
    upload(sandbox, token, b"half", final=False)
    assert append(sandbox, ids[33], 10, token=token)["code"] == "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY"
    upload(sandbox, token, b"whole")
    assert append(sandbox, ids[33], 10, token=token)["id"] == ENTRY
    recording, = sandbox.state()["entries"][ENTRY]["recordings"]
    path = Path(recording["path"])
    assert path.read_bytes() == b"whole" and path.suffix == ".mp4" and path.stat().st_mode & 0o777 == 0o640
    state, = sandbox.state()["uploadTokens"]
    assert state["status"] == CLOSED and state["path"] is None
    again = append(sandbox, ids[33], 10, token=token)
    assert again["code"] == "UPLOAD_TOKEN_INVALID_STATUS_FOR_ADD_ENTRY", "serves once"
    assert upload(sandbox, token, b"x")["code"] == "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD"


def test_append_errors(sandbox, there):
    ids = assets(sandbox)
    assert append(sandbox, ids[32], 1, there, entry="0_nosuch00")["code"] == "ENTRY_ID_NOT_FOUND"
    assert append(sandbox, "0_nosuch00", 1, there)["args"] == {"ID": "0_nosuch00"}
    assert append(sandbox, ids[32], 1, "/nowhere/x.mp4")["args"] == {"FILE": "/nowhere/x.mp4"}
    assert append(sandbox, ids[32], 1, token="0_none")["code"] == "UPLOAD_TOKEN_NOT_FOUND"
    assert append(sandbox, ids[32], 1, there, ks=make_ks(102))["code"] == "SERVICE_FORBIDDEN"
    assert sandbox.state()["entries"][ENTRY]["recordings"] == []
    ecdn = {"ks": make_ks(103), "partner": 103, "entry": "0_ecdnlive"}
    own = assets(sandbox, "0_ecdnlive", partner=103)
    assert append(sandbox, own[32], 1, there, **ecdn)["id"] == "0_ecdnlive"


def test_asset_is_mandatory(sandbox, there):
    """The client that 3.0.8 bundles sends none: IX knew no assetId, IX195 and later need it."""
    reply = sandbox.call("livestream", "appendRecording", {
        "entryId": ENTRY, "mediaServerIndex": 0, "duration": 1, "resource:objectType": "KalturaServerFileResource",
        "resource:localFilePath": there})
    assert reply["args"] == {"PARAM_NAME": "assetId"}


def test_longest_recording(start, there):
    for api, hours in (("2014", 4), ("current", 25)):
        data = base_data()
        data["entries"][0]["recordStatus"] = 1
        sandbox = start(data, api)
        ids = assets(sandbox)
        for _ in range(hours):
            assert append(sandbox, ids[32], 3600, there)["id"] == ENTRY
        reply = append(sandbox, ids[32], 1, there)
        assert (reply["code"], reply["args"]) == ("LIVE_STREAM_EXCEEDED_MAX_RECORDED_DURATION", {"ENTRY_ID": ENTRY})
        assert sandbox.state()["entries"][ENTRY]["msDuration"] == hours * 3600000


def test_duration_counts_by_vintage(start, there):
    """2014 adds up every call; the current API the recording anchor of index 0."""
    for api, expected in (("2014", 111000), ("current", 1000)):
        data = base_data()
        data["entries"][0]["recordStatus"] = 1
        sandbox = start(data, api)
        ids = assets(sandbox)
        append(sandbox, ids[32], 1, there)
        append(sandbox, ids[33], 10, there)
        append(sandbox, ids[32], 100, there, index=1)
        assert sandbox.state()["entries"][ENTRY]["msDuration"] == expected


def test_recorded_entry(start, there):
    data = base_data()
    data["entries"][0]["recordStatus"] = 1
    sandbox = start(data)
    ids = assets(sandbox)
    assert "recording_anchor" in sandbox.call("flavorasset", "list",
                                              {"filter:entryIdEqual": ENTRY})["objects"][0]["tags"]
    sandbox.register(index=1)
    assert sandbox.state()["entries"][ENTRY]["recordedEntryId"] is None, "by the primary only"
    first = sandbox.register()["recordedEntryId"]
    assert first and sandbox.register()["recordedEntryId"] == first
    assert sandbox.register(shouldCreateRecordedEntry=0)["recordedEntryId"] == first
    sandbox.unregister()
    assert sandbox.state()["entries"][ENTRY]["nodes"]["0"]["status"] == 4, "kept until the recording has content"
    assert sandbox.state()["entries"][ENTRY]["registered"]["0"] is None
    assert append(sandbox, ids[32], 60, there, last=True)["lastElapsedRecordingTime"] == 60000
    assert sandbox.register()["recordedEntryId"] == first
    sandbox.unregister(index=1)
    ended = sandbox.unregister()
    assert ended["redirectEntryId"] == first and sandbox.state()["entries"][ENTRY]["nodes"] == {}
    sandbox.ks = make_ks(expiry=int(time.time()) + 10 ** 7)
    sandbox.advance(8 * 86400)
    assert sandbox.register()["recordedEntryId"] != first, "a week later"


def test_recorded_entry_per_session(start, there):
    data = base_data()
    data["entries"][0]["recordStatus"] = 2
    sandbox = start(data)
    ids = assets(sandbox)
    first = sandbox.register()["recordedEntryId"]
    append(sandbox, ids[32], 5, there)
    sandbox.unregister()
    sandbox.advance(100)
    assert sandbox.register()["recordedEntryId"] == first, "the same session until 180 s"
    sandbox.unregister()
    sandbox.advance(200)
    assert sandbox.register()["recordedEntryId"] != first


def test_no_recorded_entry_without_recording(start):
    sandbox = start()
    assert "recordedEntryId" not in sandbox.register()


def test_kaltura_recording(start, there):
    """setRecordedContent and appendRecording exclude each other by the partner's feature."""
    sandbox = start()
    ids = assets(sandbox)
    content = {"entryId": ENTRY, "mediaServerIndex": 0, "duration": 12.5,
               "resource:objectType": "KalturaServerFileResource",
               "resource:localFilePath": there}

    def set_content(**more):
        return sandbox.call("livestream", "setRecordedContent", {**content, **more}, partner=102)
    assert set_content()["args"] == {"PARTNER_ID": "102"}
    features = ["FEATURE_LIVE_STREAM", "FEATURE_KALTURA_LIVE_STREAM_TRANSCODE", "FEATURE_LIVE_STREAM_KALTURA_RECORDING"]
    sandbox.control("data", {"partners": [{"id": 102, "permissions": features}],
                             "entries": [{"id": ENTRY, "recordStatus": 1}]})
    assert append(sandbox, ids[32], 1, there)["code"] == "KALTURA_RECORDING_ENABLED"
    recorded = sandbox.call("livestream", "createRecordedEntry",
                            {"entryId": ENTRY, "mediaServerIndex": 1, "liveEntryStatus": 1},
                            partner=102)["recordedEntryId"]
    assert set_content(recordedEntryId="0_other000")["code"] == "RECORDED_ENTRY_LIVE_MISMATCH"
    assert set_content(flavorParamsId="999")["code"] == "FLAVOR_PARAMS_ID_NOT_FOUND"
    assert set_content(mediaServerIndex=1)["msDuration"] == 0, "no-op for the backup"
    assert set_content(recordedEntryId=recorded, flavorParamsId="32")["msDuration"] == 12500
    assert sandbox.register(host=HOST)["recordedEntryId"] == recorded


def test_lost_answer_of_a_recording(sandbox, there):
    """What the caller cannot know: the chunk is there all the same."""
    ids = assets(sandbox)
    sandbox.fault(action="appendRecording", kind="lost-answer", times=1)
    with pytest.raises(requests.ConnectionError):
        append(sandbox, ids[32], 1, there)
    assert len(sandbox.state()["entries"][ENTRY]["recordings"]) == 1
    call = sandbox.state()["calls"][-1]
    assert (call["action"], call["result"], call["fault"]) == ("appendRecording", "OK", "lost-answer")
