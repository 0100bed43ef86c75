# SPDX-License-Identifier: LGPL-2.1-or-later
"""A broadcast from an encoder's first frame to the end of its playlists."""

import re
import signal
import subprocess
import time
import urllib.parse

import pytest

import klive
from conftest import server_in_short_path
from klive import ENTRY, wait_for

LADDER = ["32", "33", "34", "35"]
QUICK = {"hls": {"segment-duration": 1, "playlist-length": 5}}


def first_pts(server, url, folder, name):
    """PTS of the first picture of a segment, in seconds."""
    path = folder / name
    status, _, body = klive.get(url)
    assert status == 200, (url, status)
    path.write_bytes(body)
    return next(p["pts"] for p in klive.probe_packets(path) if p["type"] == "video"), path


def picture_hash(path, number=0):
    """Hash of the decoded picture of that number."""
    found = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v", "-vf",
                            f"select=eq(n\\,{number})", "-frames:v", "1", "-f", "md5", "-"],
                           capture_output=True, text=True, timeout=30, check=True)
    return found.stdout.strip()


@pytest.fixture(scope="module")
def air(card):
    """A broadcast of the card with the demo's ladder, on air for all tests of this file that only look at it."""
    with server_in_short_path() as server:
        server.start(QUICK)
        server.encoder = server.publish(card)
        server.master = server.launcher.wait_master()
        yield server


def test_every_rendition_plays(air, folder):
    master = air.launcher.master_url()
    variants = klive.parse_master(air.master)
    assert [v["uri"] for v in variants] == [f"{i}/chunklist.m3u8" for i in LADDER]
    for variant in variants:
        seen = klive.decode(urllib.parse.urljoin(master, variant["uri"]), folder,
                            name=variant["uri"].split("/")[0])
        assert seen["video"] >= 40 and seen["audio"] > 1.5, seen["text"]
        assert not seen["errors"], seen["errors"]
        assert (seen["width"], seen["height"]) == (320, 180)


def test_gstreamer_plays_it(air, folder):
    assert klive.play_gst(air.launcher.master_url(), folder) >= 25


def test_master_says_what_the_variants_are(air):
    for variant in klive.parse_master(air.master):
        assert int(variant["BANDWIDTH"]) > int(variant["AVERAGE-BANDWIDTH"]) * 0.5 > 10000
        assert re.match(r"avc1\.[0-9A-Fa-f]{6},mp4a\.40\.2$", variant["CODECS"]), variant
        assert variant["RESOLUTION"] == "320x180"
        assert float(variant["FRAME-RATE"]) == 25


def test_playlists_follow_the_rules(air):
    url = klive.variant_urls(air.launcher.master_url())[0]
    first = wait_for("three segments", lambda: (lambda p: p if p and len(p["segments"]) >= 3 else None)(
        klive.playlist(url)))
    assert first["target"] == 1 and not first["ended"]
    assert all(s["date"] for s in first["segments"])
    assert not any(s["discontinuity"] for s in first["segments"][1:])
    assert all(abs(s["duration"] - 1) < 0.05 for s in first["segments"])
    later = wait_for("the list moves on", lambda: (lambda p: p if p["sequence"] > first["sequence"] else None)(
        klive.playlist(url)))
    before = {s["sequence"]: s["uri"] for s in first["segments"]}
    for segment in later["segments"]:
        assert before.get(segment["sequence"], segment["uri"]) == segment["uri"]
    assert len(later["segments"]) <= 5
    now = time.time()
    assert abs(first["sequence"] - now) < 60, "the media sequence is the slot, Unix time over segment duration"


def test_http_headers(air):
    master = air.launcher.master_url()
    url = klive.variant_urls(master)[0]
    for address in (master, url):
        status, headers, body = klive.get(address, headers={"Origin": "http://player.example"})
        assert status == 200 and body.startswith(b"#EXTM3U")
        assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert 0 <= int(re.search(r"max-age=(\d+)", headers["Cache-Control"])[1]) <= 3
        assert headers["Access-Control-Allow-Origin"] == "*"
    segment = urllib.parse.urljoin(url, klive.playlist(url)["segments"][-1]["uri"])
    status, headers, body = klive.get(segment)
    assert status == 200 and body[0] == 0x47 and len(body) % 188 == 0
    assert headers["Content-Type"] == "video/mp2t"
    assert int(re.search(r"max-age=(\d+)", headers["Cache-Control"])[1]) >= 3600
    assert headers["Access-Control-Allow-Origin"] == "*"
    status, _, body = klive.get(segment, headers={"Range": "bytes=0-1"})
    assert status == 206 and len(body) == 2


def test_other_urls(air):
    base = air.launcher.url("/kLive/")
    for path in (f"smil%3A{ENTRY}_all.smil/playlist.m3u8", f"{ENTRY}_33/playlist.m3u8", f"{ENTRY}_33/chunklist.m3u8",
                 f"smil:{ENTRY}_all.smil/33/chunklist.m3u8", f"smil:{ENTRY}_all.smil/playlist.m3u8?DVR",
                 f"smil:{ENTRY}_all.smil/playlist.m3u8?dvr", f"{ENTRY}_1/playlist.m3u8"):
        status, _, body = klive.get(base + path)
        assert status == 200 and body.startswith(b"#EXTM3U"), (path, status)
    for ids in ("33_35", "33"):
        for query in (f"?flavorIds={ids.replace('_', ',')}", f"?DVR&flavorIds={ids.replace('_', ',')}", ""):
            status, _, body = klive.get(f"{base}smil:{ENTRY}_{ids}.smil/playlist.m3u8{query}")
            assert status == 200, (ids, query, status)
            uris = [v["uri"].split("/")[-2] for v in klive.parse_master(body.decode())]
            assert uris == ids.split("_")
    assert klive.get(base + f"smil:{ENTRY}_nothing.smil/playlist.m3u8")[0] == 404
    assert klive.get(base + f"{ENTRY}_99/playlist.m3u8")[0] == 404
    assert klive.get(air.launcher.url("/"))[0] in (403, 404)


def test_renditions_are_cut_at_the_same_pts(air, folder):
    urls = klive.variant_urls(air.launcher.master_url())

    def common():
        lists = [klive.playlist(u) for u in urls]
        shared = set.intersection(*[{s["sequence"] for s in p["segments"]} for p in lists])
        return (lists, sorted(shared)) if len(shared) >= 2 else None
    lists, shared = wait_for("two segments that all renditions have", common)
    for sequence in shared[:2]:
        cuts = set()
        for url, items in zip(urls, lists):
            segment = next(s for s in items["segments"] if s["sequence"] == sequence)
            pts, _ = first_pts(air, urllib.parse.urljoin(url, segment["uri"]), folder,
                               f"{url.split('/')[-2]}-{sequence}.ts")
            cuts.add(round(pts * 90000))
        assert len(cuts) == 1, cuts


def test_registered_and_kept_alive(air):
    wait_for("registration", lambda: air.sandbox.registered(), 10)
    assert air.sandbox.registered() == klive.hostname()
    wait_for("the second registerMediaServer", lambda: len(air.sandbox.calls("registerMediaServer")) >= 2, 15)
    actions = [c["action"].lower() for c in air.sandbox.calls()]
    assert actions.index("authenticate") < actions.index("registermediaserver")
    assert all(c["partnerId"] in (klive.PARTNER, -5) for c in air.sandbox.calls())


def test_status_and_logs_without_secrets(air):
    status = air.launcher.status()
    assert ENTRY in str(status)
    metrics = wait_for("metrics of renditions", lambda: (
        lambda t: t if "klive_rendition_segments_total{" in t else None)(
            klive.get(air.launcher.http_url("/metrics"))[2].decode()))
    series = [line.rsplit(" ", 1)[0] for line in metrics.splitlines() if not line.startswith("#")]
    assert len(set(series)) == len(series), "each series once"
    secret = klive.admin_secret()
    for path in [air.launcher.log, *air.launcher.state_dir.glob("nginx/**/*.log")]:
        text = path.read_text(errors="replace")
        assert klive.TOKEN not in text and secret not in text, path
    assert klive.TOKEN not in str(status) and secret not in str(status)
    for pid in air.launcher.family():
        argv = klive.processes().get(pid, (0, []))[1]
        assert klive.TOKEN not in str(argv) and secret not in str(argv)


def test_the_end(air):
    """The last test of the broadcast: the encoder stops."""
    urls = klive.variant_urls(air.launcher.master_url())
    workers = air.launcher.workers()
    assert len(workers) == 1
    air.encoder.stop()
    wait_for("unregisterMediaServer", lambda: air.sandbox.registered() is None, 10)
    for url in urls:
        wait_for(f"ENDLIST in {url}", lambda u=url: klive.playlist(u)["ended"], 10)
    wait_for(lambda: f"the worker has ended\n{air.launcher.tail()}",
             lambda: not any(klive.alive(p) for p in workers), 10)
    assert len(air.sandbox.calls("unregisterMediaServer")) == 1
    segments = list((air.launcher.state_dir / "hls" / ENTRY).rglob("*.ts"))
    assert len(segments) > 20, "the DVR window of two hours is kept"


def test_files_are_removed_after_the_window(server, card):
    data = klive.passthrough_data()
    data["entries"][0]["dvrStatus"] = 0
    server.start({"hls": {"segment-duration": 1, "playlist-length": 3}}, data=data)
    encoder = server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    folder = server.launcher.state_dir / "hls" / ENTRY
    first = wait_for("the first segment", lambda: sorted(folder.rglob("*.ts")))[0]
    wait_for("old segments go while it is on air", lambda: not first.exists(), 20)
    assert len(list(folder.rglob("*.ts"))) < 15
    encoder.stop()
    wait_for("ENDLIST", lambda: klive.playlist(url)["ended"], 10)
    wait_for("the folder goes too", lambda: not list(folder.rglob("*.ts")), 60, 0.5)


def test_the_first_frame_published_is_the_first_played(server, card, folder):
    server.start({"hls": {"segment-duration": 2, "playlist-length": 10}}, data=klive.passthrough_data())
    server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    first = klive.playlist(url)["segments"][0]
    _, path = first_pts(server, urllib.parse.urljoin(url, first["uri"]), folder, "first.ts")
    assert picture_hash(path) == picture_hash(card)


def test_irregular_keyframes(server, media, folder):
    times = [0, 1.2, 1.6, 3.4, 4.0, 4.4, 6.6, 8.0, 9.8, 10.2, 12.0, 13.4]
    source = media("irregular", gop=times, seconds=15, bframes=2)
    server.start({"hls": {"segment-duration": 2, "playlist-length": 20}})
    server.publish(source, loop=False)
    server.launcher.wait_master()
    urls = klive.variant_urls(server.launcher.master_url())

    def cuts(url):
        found = []
        for segment in klive.playlist(url)["segments"]:
            pts, _ = first_pts(server, urllib.parse.urljoin(url, segment["uri"]), folder, "cut.ts")
            found.append((segment["sequence"], round(pts * 90000)))
        return found
    wait_for("five segments in each", lambda: all(len(klive.playlist(u)["segments"]) >= 5 for u in urls), 25)
    all_cuts = [cuts(u)[:5] for u in urls]
    assert len(all_cuts) == 4 and all(c == all_cuts[0] for c in all_cuts), all_cuts
    begin = all_cuts[0][0][1]
    for _, pts in all_cuts[0]:
        assert min(abs((pts - begin) / 90000 - t) for t in times) < 0.002, all_cuts[0]


def test_gop_shorter_than_the_lookahead(server, media, folder):
    """Several keyframes come in before x264 (preset medium: 40 frames of lookahead) has put out its first frame."""
    source = media("short", gop=10, seconds=12)
    server.start({"hls": {"segment-duration": 1, "playlist-length": 20}, "transcode": {"speed-preset": "medium"}},
                 data=klive.small_ladder_data())
    server.publish(source)
    server.launcher.wait_master()
    urls = klive.variant_urls(server.launcher.master_url())
    wait_for("four segments in each", lambda: all(len(klive.playlist(u)["segments"]) >= 4 for u in urls), 15)
    lists = [[(s["sequence"], s["duration"]) for s in klive.playlist(u)["segments"][:4]] for u in urls]
    assert len(urls) == 2 and lists[0] == lists[1], lists


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_one_track_only(server, media, folder, kind):
    source = media(f"{kind}-only", video=kind == "video", audio=kind == "audio")
    server.start(QUICK, data=klive.passthrough_data())
    server.publish(source)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    wait_for("two segments", lambda: len(klive.playlist(url)["segments"]) >= 2)
    seen = klive.decode(url, folder)
    assert seen["video" if kind == "video" else "audio"] > 1, seen["text"]
    assert not seen["audio" if kind == "video" else "video"]
    wait_for("registration", lambda: server.sandbox.registered())


def test_a_lost_encoder_comes_back(server, card, folder):
    """The same playlists go on, without ENDLIST, and Kaltura hears nothing of it."""
    server.start({**QUICK, "server": {"grace": 25}, "hls": {"segment-duration": 1, "playlist-length": 30}},
                 data=klive.passthrough_data())
    encoder = server.publish(card)
    server.launcher.wait_master()
    url = klive.variant_urls(server.launcher.master_url())[0]
    wait_for("registration", lambda: server.sandbox.registered())
    encoder.stop(signal.SIGKILL)
    before = klive.playlist(url)
    time.sleep(2)
    assert not klive.playlist(url)["ended"]
    server.publish(card)
    last = before["segments"][-1]["sequence"]
    after = wait_for("new segments in the old list", lambda: (
        lambda p: p if p and p["segments"][-1]["sequence"] >= last + 3 else None)(klive.playlist(url)), 25)
    assert after["sequence"] == before["sequence"], "nothing has left the window"
    assert [s["uri"] for s in before["segments"]] == [s["uri"] for s in after["segments"]][:len(before["segments"])]
    assert len({s["uri"] for s in after["segments"]}) == len(after["segments"])
    assert not server.sandbox.calls("unregisterMediaServer")
    assert not klive.decode(url, folder, start="0", seconds=0.5)["errors"]


def test_primary_and_backup_side_by_side(server, card):
    server.start(QUICK, data=klive.passthrough_data())
    primary = server.publish(card)
    backup = server.publish(card, url=server.launcher.rtmp_url(index=1))
    server.launcher.wait_master()
    server.launcher.wait_master(backup=True)
    for index in (0, 1):
        wait_for(f"registration of {index}", lambda i=index: server.sandbox.registered(index=i), 20)
    assert len(server.launcher.workers()) == 2
    plain = klive.variant_urls(server.launcher.master_url())[0]
    wait_for("the plain URL is the primary's, even if the backup was first", lambda: (
        lambda p: p and p["segments"][-1]["uri"].split("/")[-1].startswith("0-"))(klive.playlist(plain)), 20)
    primary.stop()
    wait_for("the plain URL follows the backup", lambda: (
        lambda p: p and not p["ended"] and p["segments"][-1]["uri"].split("/")[-1].startswith("1-"))(
            klive.playlist(plain)), 15)
    assert server.sandbox.registered(index=1)
    backup.stop()
    wait_for("both unregistered", lambda: server.sandbox.registered(index=1) is None, 10)
    wait_for("ENDLIST", lambda: (klive.playlist(plain) or {}).get("ended"), 10)


def test_two_ingests_of_one_entry(server, card, folder):
    """Suffix 2 is a stream of its own live params; both share the entry's playlists and slots."""
    server.start(QUICK)
    server.publish(card)
    server.launcher.wait_master()
    server.publish(card, url=server.launcher.rtmp_url(name=f"{ENTRY}_2"))
    text = wait_for("the second ingest in the master", lambda: (lambda t: t if b"36/" in t else None)(
        klive.get(server.launcher.master_url())[2]), 20).decode()
    assert [v["uri"].split("/")[0] for v in klive.parse_master(text)][:4] == LADDER
    url = klive.variant_urls(server.launcher.master_url(), text)[-1]
    assert klive.decode(url, folder)["video"] > 10
    assert len(server.launcher.workers()) == 1


def test_the_api_of_2014(server, card):
    """IX: the profile has groups for every tag, and the server is a row in a table of media servers."""
    server.start(QUICK, api="2014")
    encoder = server.publish(card)
    server.launcher.wait_master()
    text = server.launcher.wait_master(tag="mbr")
    assert [v["uri"].split("/")[-2] for v in klive.parse_master(text)] == ["33", "34", "35"]
    wait_for("registration", lambda: server.sandbox.registered(), 10)
    services = {c["service"] + "." + c["action"].lower() for c in server.sandbox.calls()}
    assert "mediaserver.reportstatus" in services, services
    encoder.stop()
    wait_for("unregistered", lambda: server.sandbox.registered() is None, 10)
