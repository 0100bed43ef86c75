# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several bitrates from one encoder: ENTRY_1, ENTRY_2, ENTRY_3 are sessions of their own in one broadcast."""

import subprocess

import pytest

import klive
from klive import ENTRY, wait_for

QUICK = {"hls": {"segment-duration": 2, "playlist-length": 30}, "server": {"grace": 4, "stop-grace": 2}}
FRAME = 0.04        # s


def names(*suffixes):
    return [f"{ENTRY}_{n}" for n in suffixes]


def publish(server, source, streams, name=None):
    """One encoder, the same frames to several streams."""
    urls = [server.launcher.rtmp_url(name=stream) for stream in streams]
    more = [a for url in urls[1:] for a in ("-f", "flv", url, "-c", "copy")]
    return server.publish(source, urls[0], output=more, name=name)


def master(server):
    status, _, body = klive.get(server.launcher.master_url())
    return [v["uri"].split("/")[0] for v in klive.parse_master(body.decode())] if status == 200 else []


def chunklist(server, rendition):
    return klive.playlist(server.launcher.url(f"/kLive/{ENTRY}_{rendition}/chunklist.m3u8"))


@pytest.fixture(scope="module")
def numbered(media):
    return media("numbered20", seconds=20)


@pytest.fixture(scope="module")
def three():
    """A server for an entry of three ingests that all pass through."""
    import conftest
    with conftest.server_in_short_path() as server:
        server.start(QUICK, data=klive.with_profile(klive.demo_data(), [32, 36, 37]))
        yield server


def frame_times(server, rendition, segment, folder):
    """{hash of a coded picture: PTS in 1/90000 s} of a segment."""
    url = server.launcher.url(f"/kLive/{ENTRY}_{rendition}/") + segment["uri"].split("/")[-1]
    path = folder / f"{rendition}.ts"
    path.write_bytes(klive.get(url)[2])
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-copyts", "-i", path, "-map", "0:v", "-c", "copy",
                           "-f", "framehash", "-hash", "md5", "-"], capture_output=True, text=True, check=True,
                          timeout=30 * klive.SLOW)
    rows = [line.split(",") for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return {row[5].strip(): int(row[2]) for row in rows}


def test_three_ingests_are_one_broadcast(three, numbered, folder):
    """One master and one registration; the same picture has the same time in all of them, to within a frame."""
    publish(three, numbered, names(1, 2, 3), "all")
    wait_for(lambda: master(three), lambda: master(three) == ["32", "36", "37"], 30)
    assert len(three.launcher.workers()) == 1
    wait_for("registered", lambda: three.sandbox.registered())
    serves = [c for c in three.sandbox.calls("serve")]
    assert len(serves) == 3 and {c["result"] for c in serves} == {"OK"}

    slots = wait_for("segments of the same date in all lists", lambda: (
        lambda rows: rows if len(rows) > 2 else None)(close(three)), 20)
    worst = 0
    for row in slots[-2:]:
        times = [frame_times(three, i, s, folder) for i, s in zip((32, 36, 37), row)]
        same = set(times[0]) & set(times[1]) & set(times[2])
        assert len(same) >= 20, [len(t) for t in times]
        worst = max([worst] + [(max(t[h] for t in times) - min(t[h] for t in times)) / 90000 for h in same])
    print(f"PTS of the same picture in three ingests: {1000 * worst:.1f} ms apart at most")
    assert worst <= FRAME


def close(server):
    """[[segment of 32, of 36, of 37]] whose dates lie within half a second."""
    from test_backup import seconds
    lists = [chunklist(server, i) for i in (32, 36, 37)]
    if not all(lists):
        return []
    rows = []
    for first in lists[0]["segments"]:
        row = [next((s for s in p["segments"] if abs(seconds(s["date"]) - seconds(first["date"])) < 0.5), None)
               for p in lists]
        if all(row):
            rows.append(row)
    return rows


def test_one_leaves_and_comes_back(three, numbered):
    """A stream that comes late, leaves and comes back disturbs no other; the entry is live while any is there."""
    for encoder in three.encoders:
        encoder.stop()
    wait_for("the end of the broadcast before", lambda: not three.launcher.workers(), 20)
    registrations = len(three.sandbox.calls("unregisterMediaServer"))
    publish(three, numbered, names(1), "first")
    wait_for(lambda: master(three), lambda: master(three) == ["32"], 20)
    late = publish(three, numbered, names(2), "late")
    wait_for(lambda: master(three), lambda: master(three) == ["32", "36"], 20)
    late.stop()
    wait_for("it leaves the master", lambda: master(three) == ["32"], 20)
    again = publish(three, numbered, names(2), "again")
    wait_for("it is back", lambda: master(three) == ["32", "36"], 20)
    segments = chunklist(three, 32)["segments"]
    assert not any(s["discontinuity"] for s in segments[1:]), segments
    assert all(s["duration"] < 2.5 for s in segments), segments
    three.encoders[-3].stop()
    wait_for("only the second is left", lambda: master(three) == ["36"], 20)
    wait_for("registered", lambda: three.sandbox.registered(), 2)     # not only with the next keep-alive
    assert again.running()
    assert len(three.sandbox.calls("unregisterMediaServer")) == registrations
    again.stop()
    wait_for("unregistered with the last", lambda: three.sandbox.registered() is None, 20)
    assert len(three.sandbox.calls("unregisterMediaServer")) == registrations + 1


@pytest.mark.parametrize("api", ["2014", "current"])
def test_suffix_without_a_flavor(server, card, api):
    """The API of 2014 answers with the profile of the source, so that two streams want to make the same renditions: the
    first one keeps them. The current API knows no such ingest: it passes through, beside the others. Both are said."""
    server.start(QUICK, data=klive.passthrough_data(), api=api)
    first = publish(server, card, names(1))
    wait_for(lambda: master(server), lambda: master(server) == ["32"], 20)
    publish(server, card, names(9), "nine")
    if api == "2014":
        server.launcher.wait_event("hls-warning", message="rendition 32 of 0_livedemo_9 is left out of the playlists: "
                                                          "0_livedemo_1 makes it already")
    else:
        warning = server.launcher.wait_event("profile-failed", stream=f"{ENTRY}_9")
        assert "INGEST_NOT_FOUND_IN_CONVERSION_PROFILE" in warning["message"]
        wait_for(lambda: master(server), lambda: master(server) == ["32", "9"], 20)
    before = chunklist(server, 32)["segments"][-1]["sequence"]
    wait_for("the first goes on", lambda: chunklist(server, 32)["segments"][-1]["sequence"] > before, 15)
    segments = chunklist(server, 32)["segments"]
    assert first.running() and master(server)[0] == "32"
    assert not any(s["discontinuity"] for s in segments) and all(s["uri"].startswith("0-") for s in segments)
