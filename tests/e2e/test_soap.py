# SPDX-License-Identifier: LGPL-2.1-or-later
"""The SOAP services: the API's own client (NuSOAP), another one (zeep), the real client's raw requests, and callers
that send anything else."""

import json
import re
import socket
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
import zeep

import klive
from conftest import server_in_short_path
from klive import ENTRY, wait_for

SAMPLES = klive.ROOT / "tests" / "data" / "soap"
START = time.time()
TYPE = "Content-Type: text/xml; charset=ISO-8859-1"


@pytest.fixture(scope="module")
def air(card):
    """One server on air for the whole file, with its services at air.soap."""
    with server_in_short_path() as air:
        air.soap = klive.free_ports(1)[0]
        air.start({"server": {"soap-listen": f"127.0.0.1:{air.soap}"}}, data=klive.small_ladder_data())
        air.publish(card)
        air.launcher.wait_master()
        yield air


def call(port, request, shut=False):
    """Sends bytes as they are. Returns (status line, headers in lower case, body)."""
    with socket.create_connection(("127.0.0.1", port), timeout=10 * klive.SLOW) as sock:
        try:
            sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        reply = b""
        while True:
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                more = b""
            reply += more
            if not more:
                break
            head, _, body = reply.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            if length and len(body) >= int(length[1]) and b"http/1.1" in head.lower():
                break
    head, _, body = reply.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return lines[0], dict(line.lower().split(": ", 1) for line in lines[1:]), body.decode()


def post(port, body, path="/live", header=TYPE, version="1.0"):
    body = body.encode()
    return call(port, f"POST {path} HTTP/{version}\r\nHost: h:888\r\n{header}\r\nAuthorization: Basic Og==\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def sample(name, entry=ENTRY):
    """The raw request of the real client, for another entry of the same length."""
    head, body = (SAMPLES / name).read_text().split("\n\n", 1)
    assert len(entry) == len("0_abcd1234")
    return (head.replace("\n", "\r\n") + "\r\n\r\n" + body.replace("0_abcd1234", entry)).encode()


def nusoap(port, service, operation, **parameters):
    done = subprocess.run(["php", Path(__file__).parent / "soap_client.php", f"http://127.0.0.1:{port}/{service}?wsdl",
                           operation, *[f"{k}={v}" for k, v in parameters.items()]],
                          capture_output=True, text=True, timeout=30 * klive.SLOW)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- clients ---

def test_the_real_clients_requests(air):
    status, headers, body = call(air.soap, sample("splitRecordingNow.request"))
    assert status == "HTTP/1.0 200 OK" and headers["content-type"] == "text/xml;charset=utf-8"
    assert "transfer-encoding" not in headers and int(headers["content-length"]) == len(body)
    assert body == ('<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
                    '<ns2:SplitRecordingNowResponse xmlns:ns2="http://services.api.server.media.kaltura.com/">'
                    '<return>true</return></ns2:SplitRecordingNowResponse></S:Body></S:Envelope>')
    status, _, body = call(air.soap, sample("createTimeCuePoints.request"))
    assert status == "HTTP/1.0 200 OK" and "<return>true</return>" in body


def test_wsdl_names_the_host_that_was_asked(air):
    request = "GET /cuePoints?wsdl HTTP/1.1\r\nHost: live1.example.com:888\r\nAuthorization: Basic Og==\r\n\r\n"
    status, headers, body = call(air.soap, request.encode())
    expected = (SAMPLES / "cuePoints.wsdl").read_text().replace("127.0.0.1:28918", "live1.example.com:888")
    assert status == "HTTP/1.1 200 OK" and headers["content-type"] == "text/xml;charset=utf-8" and body == expected
    status, _, body = call(air.soap, b'GET /live?wsdl HTTP/1.0\r\nHost: a"/><x y="\r\n\r\n')
    assert "<x" not in body


def test_nusoap(air):
    done = nusoap(air.soap, "live", "splitRecordingNow", liveEntryId=ENTRY)
    assert done["error"] is False and done["result"] in (True, "true", {"return": "true"}), done
    assert done["request"].startswith("POST /live HTTP/1.0"), done["request"]
    done = nusoap(air.soap, "cuePoints", "createTimeCuePoints", liveEntryId=ENTRY, interval=2, duration=4)
    assert done["error"] is False, done
    done = nusoap(air.soap, "live", "splitRecordingNow", liveEntryId="0_nowhere0")
    assert done["error"] == "S:Client: entry 0_nowhere0 is not on air here"


def test_zeep(air):
    live = zeep.Client(f"http://127.0.0.1:{air.soap}/live?wsdl")
    cues = zeep.Client(f"http://127.0.0.1:{air.soap}/cuePoints?wsdl")
    assert live.service.splitRecordingNow(liveEntryId=ENTRY) is True
    assert cues.service.createTimeCuePoints(liveEntryId=ENTRY, interval=30, duration=60) is True
    with pytest.raises(zeep.exceptions.Fault, match="interval is 0, expected 1 to 3600 s"):
        cues.service.createTimeCuePoints(liveEntryId=ENTRY, interval=0, duration=60)
    with pytest.raises(zeep.exceptions.Fault, match="entry 0_nowhere0 is not on air here"):
        cues.service.createTimeCuePoints(liveEntryId="0_nowhere0", interval=30, duration=60)


# --- sync points ---

def sync_points(air, name):
    """{id: attributes} of the EXT-X-DATERANGE tags of a list."""
    text = klive.get(air.launcher.url(f"/kLive/{ENTRY}_{name}"))[2].decode()
    ranges = [dict(re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line.split(":", 1)[1]))
              for line in text.splitlines() if line.startswith("#EXT-X-DATERANGE:")]
    return {r["ID"].strip('"'): r for r in ranges}


def timed_metadata(air, rendition, stamps):
    """[(time in s, KalturaSyncPoint)] of the ID3 tags in the segments of a rendition with these timestamps, once all
    are there."""
    folder = air.launcher.state_dir / "hls" / ENTRY / "0" / rendition
    tags = []
    for segment in sorted(folder.glob("0-*.ts")):
        if b"KalturaSyncPoint" not in segment.read_bytes():
            continue
        done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "d", "-show_packets", "-show_data", "-of",
                               "json", segment], capture_output=True, text=True, timeout=30)
        for packet in json.loads(done.stdout)["packets"]:
            lines = [line.split(": ", 1)[1] for line in packet["data"].strip().splitlines()]
            data = bytes.fromhex("".join(line[:39].replace(" ", "") for line in lines))
            text = data[data.index(b"TEXT\0\0\0"):]    # ffmpeg 5.1 cuts the first 5 bytes of the tag off
            assert text[10] == 3 and segment.read_bytes().count(b"ID3\4\0\0") > 0
            tags.append((float(packet["pts_time"]), json.loads(text[11:])))
    tags = [tag for tag in tags if tag[1]["timestamp"] in stamps]
    return tags if len(tags) == len(stamps) else None


def test_sync_points_in_all_renditions(air):
    lists = ("32/chunklist.m3u8", "33/chunklist.m3u8", "33/chunklist.m3u8?DVR")
    before = {i for name in lists for i in sync_points(air, name)}
    begin = time.time()
    nusoap(air.soap, "cuePoints", "createTimeCuePoints", liveEntryId=ENTRY, interval=2, duration=5)

    def new(name):
        return {i: r for i, r in sync_points(air, name).items() if i not in before}
    wait_for("the first of them", lambda: new(lists[0]), 5)
    assert new(lists[0]) == new(lists[1]) == new(lists[2])
    wait_for(air.launcher.tail, lambda: len(new(lists[2])) == 3, 15)
    found = list(new(lists[2]).values())
    stamps = [int(r["X-COM-KALTURA-TIMESTAMP"]) for r in found]
    assert [b - a for a, b in zip(stamps, stamps[1:])] == [2000, 2000] and 0 <= stamps[0] / 1000 - begin < 5
    for point in found:
        offset = int(point["X-COM-KALTURA-OFFSET"])
        assert point["CLASS"] == '"com.kaltura.syncpoint"' and point["DURATION"] == "0"
        assert point["X-COM-KALTURA-OBJECT-TYPE"] == '"KalturaSyncPoint"' and 0 < offset < 1000 * (time.time() - START)
        date = datetime.fromisoformat(point["START-DATE"].strip('"').replace("Z", "+00:00")).timestamp()
        assert abs(date * 1000 - int(point["X-COM-KALTURA-TIMESTAMP"])) < 1
    assert not json.loads((air.launcher.state_dir / "sync-points.json").read_text())
    for rendition in ("32", "33"):
        tags = wait_for("the tags in the segments", lambda r=rendition: timed_metadata(air, r, stamps), 10)
        assert [tag["timestamp"] for _, tag in tags] == stamps and tags[0][1]["objectType"] == "KalturaSyncPoint"
        assert [tag["id"] for _, tag in tags] == [p["ID"].strip('"') for p in found]
        assert [round(b - a, 3) for (a, _), (b, _) in zip(tags, tags[1:])] == [2, 2]
    shown = [p for p in found if p["ID"].strip('"') in sync_points(air, lists[0])]
    assert found[-1] in shown


# --- others ---

@pytest.mark.parametrize("body, message", [
    ("", "empty, expected XML"),
    ("<Envelope", "broken XML"),
    ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declaration is refused"),
    ((SAMPLES / "createTimeCuePoints.request").read_text().split("\n\n", 1)[1],
     "the service live has no operation &quot;CreateTimeCuePointsRequest&quot;"),
    ((SAMPLES / "splitRecordingNow.request").read_text().split("\n\n", 1)[1].replace("0_abcd1234", "../../etc"),
     "liveEntryId is &quot;../../etc&quot;, expected an entry id"),
])
def test_faults(air, body, message):
    status, headers, text = post(air.soap, body)
    assert status == "HTTP/1.0 500 Internal Server Error" and headers["content-type"] == "text/xml;charset=utf-8"
    assert "<S:Fault><faultcode>S:Client</faultcode>" in text and message in text


def test_other_requests(air):
    assert " 404 " in post(air.soap, "x", path="/other")[0]
    assert " 404 " in post(air.soap, "x", path="/live/more")[0]
    assert " 404 " in call(air.soap, b"GET /live HTTP/1.0\r\n\r\n")[0]
    status, headers, _ = call(air.soap, b"DELETE /live HTTP/1.0\r\n\r\n")
    assert " 405 " in status and headers["allow"] == "get, head, post"
    assert " 415 " in post(air.soap, "x", header="Content-Type: text/plain")[0]
    assert " 413 " in call(air.soap, f"POST /live HTTP/1.1\r\nHost: h\r\n{TYPE}\r\nTransfer-Encoding: chunked\r\n"
                           "Connection: close\r\n\r\n1\r\na\r\n0\r\n\r\n".encode())[0]


def test_ten_megabytes_are_not_stored(air):
    """Neither of what we refuse nor of what libsoup refuses by itself: https on a plain port."""
    def memory():
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{air.launcher.pid}/status").read_text())[1])
    before = memory()
    status, _, body = post(air.soap, "a" * 10_000_000)
    assert not status or " 413 " in status and "too large" in body
    assert memory() < before + 5_000
    control = air.launcher.control
    for port, path in ((air.soap, "/live"), (control, "/control/drain"), (control, "/hook/x")):
        status = post(port, "a" * 10_000_000, path=f"https://h{path}", version="1.1")[0]
        assert not status or " 4" in status
        assert memory() < before + 5_000, path
    assert " 200 " in call(air.soap, sample("splitRecordingNow.request"))[0]


def test_callers_that_are_not_allowed(server):
    """Everybody on this machine is; so one has to come from elsewhere: another address on the way to loopback."""
    outer = next((a for a in outer_addresses() if not a.startswith("127.")), None)
    if not outer:
        pytest.skip("this machine has no address but loopback")
    port = klive.free_ports(1)[0]
    server.start({"server": {"soap-listen": f"0.0.0.0:{port}", "soap-allow": "198.51.100.0/24"}})

    def ask():
        with socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(outer, 0)) as sock:
            sock.sendall(b"GET /live?wsdl HTTP/1.0\r\nHost: h\r\n\r\n")
            return sock.makefile("rb").read().decode()
    assert " 403 " in ask() and "not in [server] soap-allow" in ask()
    config = server.launcher.config
    config.write_text(config.read_text().replace("198.51.100.0/24", f"198.51.100.0/24, {outer}/32"))
    server.launcher.end()
    server.launcher.again()
    assert " 200 " in ask()


def outer_addresses():
    return subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()


def test_check_config_names_what_is_no_address(air, folder):
    config = folder / "klive.conf"
    config.write_text(air.launcher.config.read_text().replace(f"soap-listen=127.0.0.1:{air.soap}",
                                                              "soap-listen=live1.example.com:888"))
    done = subprocess.run([klive.LAUNCHER, "check-config", "--config", config], capture_output=True, text=True)
    assert done.returncode == 3
    assert re.search(r'klive.conf:\d+: \[server\] soap-listen: "live1.example.com:888", expected', done.stderr)


def test_port_that_is_taken(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server.start({"server": {"soap-listen": f"127.0.0.1:{port}"}}, wait=False)
        assert server.launcher.wait(10) == 1
    (line,) = server.launcher.events("start-failed")
    assert "soap-listen" in line["message"] and str(port) in line["message"]
