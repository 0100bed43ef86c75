# SPDX-License-Identifier: LGPL-2.1-or-later
"""klive-launcher worker by itself: a script in the launcher's place, RTMP from a publisher that sends what a test wants."""

import json
import signal
import time

import pytest

import klive
import rtmp
import worker_harness
from klive import ENTRY, wait_for

STREAM = f"{ENTRY}_1"
LADDER = (klive.ROOT / "tests/data/golden/01-source-plus-3-h264.HEAD.xml").read_text().replace("0_abcd1234", ENTRY)


@pytest.fixture
def make(folder):
    workers = []

    def start(**options):
        workers.append(worker_harness.Worker(folder, **options))
        return workers[-1]
    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def sandbox(folder):
    sandbox = klive.Sandbox(folder)
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def short(media):
    """4 s at 25 frames/s with B-frames, keyframe every second."""
    return rtmp.flv_tags(media("short", seconds=4, bframes=2))


def frames(tags, kind=rtmp.VIDEO):
    return [t for t in tags if t[0] == kind and not rtmp.is_header(t) and len(t[2]) > 5]


def only(tags, kind):
    return [t for t in tags if t[0] == kind or t[0] == rtmp.DATA]


def shifted(tags, offset):
    return [(kind, stamp + offset, payload) for kind, stamp, payload in tags]


def count(packets, kind="video"):
    return len([p for p in packets if p["type"] == kind])


def publish(worker, tags, name, **options):
    """Sends the tags in real time as the session's publisher, to their end."""
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    publisher.play(tags, **options)
    return publisher


def finish(publisher):
    """A deliberate stop, not on the heels of the last frame, which the end of the stream may overtake in nginx."""
    time.sleep(0.2)
    publisher.unpublish()


def stop(worker, serial, cause="stop"):
    worker.script.say(type="session-end", serial=serial, cause=cause)


def end(worker):
    """The broadcast ends by itself after the grace."""
    assert worker.process.wait(15) == 0, worker.process.tail()
    worker.script.wait("bye")


def repairs(worker):
    """Timestamps repaired, as the last status of the session says."""
    return [s for m in worker.script.of_type("status") for s in m["sessions"] if "timestampRepairs" in s][-1][
        "timestampRepairs"]


def check_times(packets, kind="video", longest=0.1):
    """No frame is shown twice at a time, and there is no gap."""
    times = sorted(p["pts"] for p in packets if p["type"] == kind)
    steps = [b - a for a, b in zip(times, times[1:])]
    assert times and min(steps) > 0 and max(steps) < longest, (min(steps), max(steps))


def test_every_frame_from_the_first_to_the_last(make, short):
    """In the copy and in what is encoded, although everything waits for the profile."""
    worker = make(profile=LADDER)
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play([t for t in short if t[1] < 1000])
    worker.answer_profile(serial)
    publisher.play([t for t in short if t[1] >= 1000], origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    assert worker.renditions() == ["32", "33", "34", "35"]
    for rendition in worker.renditions():
        packets = worker.packets(rendition)
        assert count(packets) == len(frames(short)) == 100, rendition
        assert [p for p in packets if p["type"] == "video"][0]["key"]
        assert worker.playlist(rendition)["ended"]
    assert count(worker.packets("32"), "audio") >= len(frames(short, rtmp.AUDIO)) - 2
    cuts = {r: [s["uri"].split("-")[-1] for s in worker.playlist(r)["segments"]] for r in worker.renditions()}
    assert len({tuple(c) for c in cuts.values()}) == 1, cuts


def test_messages_of_a_broadcast(make, sandbox, short):
    worker = make(sandbox=sandbox)
    hello = worker.script.of_type("hello")[0]
    assert (hello["entry"], hello["index"], hello["state"], hello["sessions"]) == (ENTRY, 0, "idle", [])
    assert hello["pid"] == worker.process.pid and not hello["registered"]
    opened = time.monotonic()
    serial, name = worker.open()
    assert worker.script.wait("session-ready")["at"] - opened < 1
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    publisher.play(short[:20])
    worker.script.wait("session-live", lambda m: m["serial"] == serial)
    question = worker.answer_profile(serial)
    assert question["stream"] == STREAM
    assert question["extraParams"]["width"] == "320" and question["extraParams"]["audiocodecidstring"] == "AAC"
    publisher.play(short[20:])
    worker.script.wait("registered")
    assert sandbox.registered() == klive.hostname()
    status = worker.script.wait("status", lambda m: m["renditions"] and m["renditions"][0]["segments"] > 0)
    assert status["state"] == "on-air" and status["registered"] and status["onAirSince"] > 1e9
    session = status["sessions"][0]
    assert session["video"] == {"codec": "h264", "width": 320, "height": 180, "fps": 25.0}
    assert session["audio"]["codec"] == "aac" and session["address"] == "192.0.2.7"
    assert session["timestampRepairs"] == 0 and session["bitrate"] > 0 and abs(session["skew"]) < 1
    finish(publisher)
    stop(worker, serial)
    end(worker)
    assert sandbox.registered() is None
    assert [m["type"] for m in worker.script.messages if m["type"] != "status"][-2:] == ["unregistered", "bye"]
    assert worker.settings["ks"] not in worker.process.text()


def test_no_media(make, card):
    """An encoder that sends nothing has no studio and no harm; it is said once."""
    worker = make()
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    worker.wait_event("no-media", timeout=15)
    time.sleep(2)
    assert len(worker.events("no-media")) == 1 and not publisher.dropped()
    assert not worker.events("studio-started") and not worker.renditions()
    publisher.play(rtmp.flv_tags(card)[:50])
    worker.answer_profile(serial)
    worker.wait_event("studio-started")


def test_profile_that_does_not_come(make, short):
    """After 5 s the source is passed through, from its first frame on."""
    worker = make(grace=8)
    serial, name = worker.open()
    tags = short + shifted(short, 4000)
    finish(publish(worker, tags, name))
    stop(worker, serial)
    assert "5 s" in worker.wait_event("passthrough")["message"]
    end(worker)
    assert count(worker.packets("1")) == 200


@pytest.mark.parametrize("kind", [rtmp.VIDEO, rtmp.AUDIO])
def test_one_track(make, short, kind):
    worker = make()
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    publisher.play(only(short, kind))
    worker.answer_profile(serial)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    packets = worker.packets("1")
    assert count(packets, "video") == (100 if kind == rtmp.VIDEO else 0)
    assert (count(packets, "audio") > 100) == (kind == rtmp.AUDIO)


def test_reconnect_goes_on(make, short):
    """A lost encoder that comes back: same lists, a gap in time as long as it was away, no discontinuity."""
    worker = make(grace=6)
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play(short[:100])
    worker.answer_profile(serial)
    publisher.play(short[100:], origin=origin)
    publisher.close()
    stop(worker, serial, "lost")
    worker.script.wait("status", lambda m: m["state"] == "grace")
    before = worker.wait_segments(3)
    again, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    begun = publisher.published
    origin = publisher.play(short[:100])
    worker.answer_profile(again)
    publisher.play(short[100:], origin=origin)
    finish(publisher)
    stop(worker, again)
    end(worker)
    after = worker.playlist("1", "chunklist_dvr.m3u8")
    assert [s["uri"] for s in before["segments"]] == [s["uri"] for s in after["segments"]][:len(before["segments"])]
    assert not any(s["discontinuity"] for s in after["segments"])
    packets = [p for p in worker.packets("1") if p["type"] == "video"]
    assert count(packets) == 200
    gaps = [b["dts"] - a["dts"] for a, b in zip(packets, packets[1:]) if b["dts"] - a["dts"] > 0.1]
    assert len(gaps) == 1 and abs(gaps[0] - (begun - packets_end(worker, short))) < 0.7, gaps
    assert len({s["uri"] for s in after["segments"]}) == len(after["segments"])


def packets_end(worker, tags):
    """When the first publisher sent its last frame, by the session's first frame and the stamps."""
    live = next(e for e in worker.events("session-live"))
    first = time.mktime(time.strptime(live["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    return first + float("0" + live["time"][19:23]) + tags[-1][1] / 1000


def test_publish_after_the_end_is_a_new_broadcast(make, short):
    worker = make()
    for turn in range(2):
        if turn:
            worker.start()
        serial, name = worker.open()
        publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
        publisher.play(short[:120])
        worker.answer_profile(serial)
        publisher.play(short[120:])
        finish(publisher)
        stop(worker, serial)
        end(worker)
    playlist = worker.playlist("1", "chunklist_dvr.m3u8")
    assert playlist["ended"] and len(playlist["segments"]) <= 5
    assert all(f"-{serial}-" in s["uri"] for s in playlist["segments"])


def test_killed_worker_goes_on(make, card):
    """kill -9: the next worker lists on, in the same time; the publisher did not notice."""
    worker = make(grace=8)
    serial, encoder = worker.on_air(card)
    before = worker.wait_segments(3)
    worker.process.kill()
    killed = time.time()
    worker.start()
    assert worker.script.wait("hello", count=2)["state"] == "idle"
    serial, _ = worker.open(serial=serial, name=f"{STREAM}@0-{serial}")
    worker.answer_profile(serial)
    after = worker.wait_segments(len(before["segments"]) + 3)
    assert encoder.running()
    uris = [s["uri"] for s in after["segments"]]
    assert uris[:len(before["segments"])] == [s["uri"] for s in before["segments"]] and len(set(uris)) == len(uris)
    assert not after["ended"]
    assert worker.script.of_type("status")[-1]["state"] == "on-air"
    packets = [p for p in worker.packets("1") if p["type"] == "video"]
    gaps = [b["dts"] - a["dts"] for a, b in zip(packets, packets[1:]) if b["dts"] - a["dts"] > 0.1]
    assert len(gaps) == 1 and gaps[0] < time.time() - killed + 1.5, gaps
    assert all(b["dts"] > a["dts"] for a, b in zip(packets, packets[1:]))


def test_restored_worker_without_encoder_ends_the_broadcast(make, card):
    worker = make(grace=2)
    worker.on_air(card)
    worker.wait_segments(2)
    worker.process.kill()
    worker.start()
    end(worker)
    assert worker.playlist("1")["ended"]


def test_orphan_says_hello_again(make, card):
    worker = make(orphanTimeout=8)
    serial, encoder = worker.on_air(card)
    worker.wait_segments(2)
    worker.script.close()
    time.sleep(1)
    worker.script.listen()
    hello = worker.script.wait("hello", lambda m: m["state"] == "on-air", 5)
    assert [(s["stream"], s["serial"], s["state"]) for s in hello["sessions"]] == [(STREAM, serial, "on-air")]
    assert hello["epoch"] > 1e18
    worker.script.say(**worker.settings)
    worker.open(serial=serial, wait=False)       # known already: nothing happens, but it is answered
    worker.script.wait("session-ready", lambda m: m["serial"] == serial, count=2)
    worker.wait_segments(5)
    assert len(worker.events("studio-started")) == 1


def test_orphan_ends_in_order(make, card):
    worker = make(orphanTimeout=2)
    worker.on_air(card)
    worker.wait_segments(2)
    worker.script.close()
    assert worker.process.wait(12) == 0
    assert worker.playlist("1")["ended"]


@pytest.mark.parametrize("how", ["signal", "message"])
def test_orderly_end(make, sandbox, card, how):
    """On air with a ladder, then the end: ENDLIST, unregistered, gone within 8 s."""
    worker = make(sandbox=sandbox, profile=LADDER)
    worker.on_air(card)
    worker.wait_segments(3, "33")
    wait_for("registration", lambda: sandbox.registered())
    begun = time.monotonic()
    if how == "signal":
        worker.process.send(signal.SIGTERM)
    else:
        worker.script.say(type="end", reason="the test says so")
    assert worker.process.wait(10) == 0 and time.monotonic() - begun < 8
    assert sandbox.registered() is None and len(sandbox.calls("unregisterMediaServer")) == 1
    for rendition in worker.renditions():
        assert worker.playlist(rendition)["ended"], rendition


def test_end_while_the_api_is_dead(make, sandbox, card):
    worker = make(sandbox=sandbox, timeout=20)
    worker.on_air(card)
    worker.wait_segments(2)
    wait_for("registration", lambda: sandbox.registered())
    sandbox.fault("unregisterMediaServer", "delay", seconds=30)
    begun = time.monotonic()
    worker.process.send(signal.SIGTERM)
    assert worker.process.wait(12) == 0 and time.monotonic() - begun < 9
    assert worker.playlist("1")["ended"]


def test_a_second_publisher_replaces_the_first(make, card, short):
    worker = make()
    first, encoder = worker.on_air(card)
    before = worker.wait_segments(2)
    second, name = worker.open()
    assert len(worker.events("studio-ended")) == 0, "nothing happens before it gives data"
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    publisher.play(short[:60])
    worker.answer_profile(second)
    stop(worker, first, "replaced")
    publisher.play(short[60:])
    after = worker.wait_segments(len(before["segments"]) + 3)
    serials = [s["uri"].split("-")[1] for s in after["segments"]]
    assert serials == sorted(serials) and set(serials) == {str(first), str(second)}
    assert not after["ended"] and worker.process.running()


def test_audio_that_begins_late(make, short):
    """A studio with sound from the next keyframe on; no picture is lost."""
    worker = make()
    late = [t for t in short if t[0] != rtmp.AUDIO or rtmp.is_header(t) or t[1] >= 2500]
    headers = [t for t in short if t[0] == rtmp.AUDIO and rtmp.is_header(t)]
    tags = [t for t in late if t not in headers]
    at = next(i for i, t in enumerate(tags) if t[0] == rtmp.AUDIO)
    tags[at:at] = [(rtmp.AUDIO, 2500, h[2]) for h in headers]
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play([t for t in tags if t[1] < 2000])
    worker.answer_profile(serial)
    publisher.play([t for t in tags if t[1] >= 2000], origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    packets = worker.packets("1")
    assert count(packets) == 100
    check_times(packets)
    assert len(worker.events("studio-started")) == 2
    playlist = worker.playlist("1", "chunklist_dvr.m3u8")
    assert [s["discontinuity"] for s in playlist["segments"]].count(True) == 1
    audio = [p["dts"] for p in packets if p["type"] == "audio"]
    video = [p["dts"] for p in packets if p["type"] == "video"]
    assert 2.9 < audio[0] - video[0] < 3.1, "it begins with the next keyframe"


def test_audio_that_stops(make, media):
    """The picture goes on without a hole; 5 s later the studio is one without sound."""
    worker = make(profile=LADDER)
    card = rtmp.flv_tags(media("long", seconds=10))
    tags = [t for t in card if t[0] != rtmp.AUDIO or t[1] < 2000]
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play([t for t in tags if t[1] < 1000])
    worker.answer_profile(serial)
    publisher.play([t for t in tags if t[1] >= 1000], origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    for rendition in ("32", "33"):
        packets = worker.packets(rendition)
        assert count(packets) == 250, rendition
        check_times(packets)
    assert [e["audio"] for e in worker.events("studio-started")] == ["aac", "none"]


def test_video_that_stops(make, media):
    worker = make()
    card = rtmp.flv_tags(media("long", seconds=10))
    tags = [t for t in card if t[0] != rtmp.VIDEO or t[1] < 2000]
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play([t for t in tags if t[1] < 1000])
    worker.answer_profile(serial)
    publisher.play([t for t in tags if t[1] >= 1000], origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    packets = worker.packets("1")
    assert count(packets) == 50
    check_times(packets, "audio")
    assert count(packets, "audio") > 420
    assert [e["video"] for e in worker.events("studio-started")] == ["h264", "none"]


def test_codec_change(make, media, short):
    """Another size in mid-stream: a fresh studio from the first frame of it, one discontinuity, no frame lost."""
    worker = make(profile=LADDER)
    other = rtmp.flv_tags(media("other-size", seconds=4, size="480x270"))
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play(short[:60])
    worker.answer_profile(serial)
    publisher.play(short[60:], origin=origin)
    publisher.play(shifted(other, 4000), origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    for rendition in ("32", "33"):
        packets = worker.packets(rendition)
        assert count(packets) == 200, rendition
        check_times(packets)
        segments = worker.playlist(rendition, "chunklist_dvr.m3u8")["segments"]
        assert [s["discontinuity"] for s in segments].count(True) == 1
    assert [e["size"] for e in worker.events("studio-started")] == ["320x180", "480x270"]


@pytest.mark.parametrize("first", [0xFFFFFF - 2000, 0xFFFFFFFF - 2000, 95443717 - 2000])
def test_timestamps_that_wrap(make, short, first):
    worker = make()
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play(short[:60], offset=first)
    worker.answer_profile(serial)
    publisher.play(short[60:], offset=first, origin=origin)
    finish(publisher)
    stop(worker, serial)
    end(worker)
    packets = worker.packets("1")
    assert count(packets) == 100
    check_times(packets, longest=0.06)
    assert repairs(worker) == 0


@pytest.mark.parametrize("jump", [3600000, -3000])
def test_timestamps_that_jump(make, short, jump):
    """Repaired and counted; the publisher is not dropped, time goes on, sound and picture stay together."""
    worker = make()
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    base = 100000
    origin = publisher.play(short[:60], offset=base)
    worker.answer_profile(serial)
    publisher.play(short[60:], offset=base, origin=origin)
    publisher.play(shifted(short, 4000 + jump), offset=base, origin=origin - jump / 1000)
    assert not publisher.dropped()
    finish(publisher)
    stop(worker, serial)
    end(worker)
    packets = worker.packets("1")
    assert count(packets) == 200
    check_times(packets, longest=0.5)
    assert 1 <= repairs(worker) <= 3
    last = {kind: max(p["dts"] for p in packets if p["type"] == kind) for kind in ("video", "audio")}
    assert abs(last["video"] - last["audio"]) < 0.2
    assert len(worker.events("studio-started")) == 1


def broken_templates(folder, name, old, new):
    templates = folder / "templates"
    templates.mkdir()
    text = (klive.ROOT / "pipelines" / name).read_text()
    assert old in text
    (templates / name).write_text(text.replace(old, new))
    return str(templates)


def test_encoder_that_crashes(make, folder, card):
    """A fresh studio each time, later one without what crashes; the reader and the publisher go on."""
    templates = broken_templates(folder, "encode-x264enc.gst", "  x264enc", "  identity error-after=20 ! x264enc")
    worker = make(profile=LADDER, templates=templates, grace=5)
    serial, encoder = worker.on_air(card)
    worker.wait_event("studio-failed", timeout=15)
    worker.wait_event("studio-started", 2)
    assert "passed" in worker.wait_event("ladder-reduced", timeout=60)["message"] or True
    playlist = worker.wait_segments(5, "32", 30)
    assert not playlist["ended"] and encoder.running()
    assert len(worker.script.of_type("session-live")) == 1 and not worker.events("pull-ended")


def test_missing_element_is_named(make, folder, card):
    templates = broken_templates(folder, "encode-x264enc.gst", "  x264enc", "  nosuchencoder ! x264enc")
    worker = make(profile=LADDER, templates=templates)
    worker.on_air(card)
    assert "nosuchencoder" in worker.wait_event("ladder-reduced")["message"] + worker.process.text()
    worker.wait_segments(2)


@pytest.mark.deadline(240)
def test_studio_that_stands_still(make, folder, card):
    """Something in the pipeline hangs: after 10 s a fresh studio, and the worker can still end."""
    templates = broken_templates(folder, "copy-video.gst", "v. !", "v. ! identity sleep-time=40000000 !")
    worker = make(templates=templates)
    serial, encoder = worker.on_air(card)
    assert "10 s" in worker.wait_event("studio-failed", timeout=25)["message"]
    worker.wait_event("studio-started", 2)
    assert encoder.running() and worker.script.of_type("status")[-1]["warnings"]
    begun = time.monotonic()
    worker.process.send(signal.SIGTERM)
    assert worker.process.wait(12) == 0 and time.monotonic() - begun < 9


def test_one_stream_leaves(make, short, card):
    """Of two streams one stops: it leaves the master after its grace, the broadcast goes on."""
    second = f"{ENTRY}_2"
    worker = make()
    worker.on_air(card)
    serial, name = worker.open(second)
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    origin = publisher.play(short[:60])
    worker.answer_profile(serial)
    publisher.play(short[60:], origin=origin)

    def variants():
        return [v["uri"].split("/")[0] for v in klive.parse_master((worker.hls / "all.m3u8").read_text())]
    wait_for("both in the master", lambda: sorted(variants()) == ["1", "2"])
    finish(publisher)
    stop(worker, serial)
    worker.wait_event("stream-gone")
    assert variants() == ["1"] and worker.script.of_type("status")[-1]["state"] == "on-air"
    assert not worker.playlist("1")["ended"]


def test_pull_that_breaks(make, card, folder):
    """The connection between worker and nginx breaks, the publisher is there: the same session goes on."""
    worker = make()
    proxy = worker_harness.Proxy(worker.rtmp.port)
    direct, worker.rtmp.port = worker.rtmp.port, proxy.port
    serial, name = worker.open()
    worker.rtmp.port = direct
    encoder = worker.publish(card, name)
    worker.answer_profile(serial)
    before = worker.wait_segments(2)
    proxy.cut()
    worker.wait_event("pull-ended")
    after = worker.wait_segments(len(before["segments"]) + 3)
    assert encoder.running() and len(worker.events("session-opened")) == 1
    assert not any(s["discontinuity"] for s in after["segments"])
    packets = [p for p in worker.packets("1") if p["type"] == "video"]
    assert all(b["dts"] > a["dts"] for a, b in zip(packets, packets[1:]))
    proxy.close()


def test_hostile_tags(make, short):
    """Garbage in every kind of tag between good ones: what is good plays, nothing crashes."""
    worker = make()
    serial, name = worker.open()
    publisher = rtmp.Publisher(worker.rtmp.port, "x", name)
    garbage = [b"\x17", b"\x17\0\0\0\0", b"\x17\0\0\0\0\x01\x42", b"\x27\x01\xff\xff\xff", b"\xff" * 50,
               b"\x90hvc1" + b"\0" * 20, b"\x17\x01\x7f\xff\xff" + b"\xff" * 100, b"\x57\x00"]
    sound = [b"\xaf", b"\xaf\0", b"\xaf\0\xff\xff\xff", b"\x2f\0\0\0\0", b"\xf0" * 9]
    data = [b"", b"\x02\xff\xff", b"\x02\0\1x\x03" + b"\0\1a\x03" * 500, b"\x02\0\1x\x0a\xff\xff\xff\xff",
            b"\x08\0\0\0"]
    origin = publisher.play(short[:60])
    for payload in garbage:
        publisher.tag(rtmp.VIDEO, 1000, payload)
    for payload in sound:
        publisher.tag(rtmp.AUDIO, 1000, payload)
    for payload in data:
        publisher.tag(rtmp.DATA, 1000, payload)
    worker.answer_profile(serial)
    publisher.play(short[60:], origin=origin)
    assert not publisher.dropped()
    finish(publisher)
    stop(worker, serial)
    end(worker)
    assert count(worker.packets("1")) >= 95


def test_unwritable_folder(folder, make):
    """The worker says why and ends."""
    (folder / "state").mkdir(mode=0o700)
    (folder / "state" / "hls").write_text("not a folder")
    worker = make()
    assert worker.process.wait(10) == 1
    assert "hls" in worker.script.wait("bye")["reason"]


def test_options(folder):
    for arguments in ([], ["--socket", "-", "--entry", "../etc", "--state-dir", folder],
                      ["--socket", "-", "--entry", ENTRY, "--index", "7", "--state-dir", folder], ["--nonsense"]):
        process = klive.Process([klive.LAUNCHER, "worker", *arguments], folder / "options.log")
        assert process.wait() == 2, arguments


def test_by_hand(folder):
    """stdin and stdout in place of the socket: one JSON object a line."""
    import subprocess
    process = subprocess.Popen([klive.LAUNCHER, "worker", "--socket", "-", "--entry", ENTRY, "--state-dir", folder],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=klive.environment())
    assert json.loads(process.stdout.readline())["type"] == "hello"
    process.stdin.write('nonsense\n{"type":"from-the-future"}\n{"type":"end","reason":"enough"}\n')
    process.stdin.flush()
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0 and json.loads(out.splitlines()[-1]) == {"type": "bye", "reason": "enough"}
    events = [klive.parse_logfmt(line).get("event") for line in err.splitlines()]
    assert "wire-bad-line" in events and "unknown-message" in events
