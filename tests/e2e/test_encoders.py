# SPDX-License-Identifier: LGPL-2.1-or-later
"""What encoders send (one case each), through launcher, nginx and worker into playlists of two renditions."""

import concurrent.futures
from fractions import Fraction

import pytest

import encoders
import klive
import rtmp
from conftest import server_in_short_path
from encoders import AAC, Case, card, composition, h264, is_frame, tone

AT_ONCE = 12            # streams
TICK = 1 / 90000        # s
TS_START = 10           # s: the stamp of running time 0 in segments
OVERLAP = 3000          # 1/90000 s, of sound encoded before and behind a discontinuity


def asc(*fields):
    """An AudioSpecificConfig of (bits, value) pairs, as an AAC header tag of FLV."""
    bits = "".join(f"{value:0{width}b}" for width, value in fields)
    bits += "0" * (-len(bits) % 8)
    return b"\xaf\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def announce(header):
    """The stream says that its AAC is something else. A core without SBR data is what an encoder of HE-AAC sends in
    silence; players double its rate all the same."""
    return lambda tags: [(at, kind, stamp, header if kind == rtmp.AUDIO and payload[:2] == b"\xaf\0" else payload)
                         for at, kind, stamp, payload in tags]


CORE_22050 = (4, 7)
FRAME_FLAGS = (3, 0)
HE_EXPLICIT = asc((5, 5), CORE_22050, (4, 2), (4, 4), (5, 2), FRAME_FLAGS)
HE_COMPATIBLE = asc((5, 2), CORE_22050, (4, 2), FRAME_FLAGS, (11, 0x2b7), (5, 5), (1, 1), (4, 4))
HE_V2 = asc((5, 29), CORE_22050, (4, 1), (4, 4), (5, 2), FRAME_FLAGS)


def stamps(function, kinds=(rtmp.AUDIO, rtmp.VIDEO), since=0):
    """Tags whose stamps are function(stamp, number of the frame of its track), from the time since (ms) on."""
    def bend(tags):
        count = {rtmp.AUDIO: 0, rtmp.VIDEO: 0, rtmp.DATA: 0}
        bent = []
        for at, kind, stamp, payload in tags:
            if kind in kinds and at >= since:
                bent.append((at, kind, function(stamp, count[kind]), payload))
            else:
                bent.append((at, kind, stamp, payload))
            count[kind] += is_frame(kind, payload)
        return bent
    return bend


def cut_composition(tags):
    """B-frames from an encoder that sends no composition times."""
    return [(at, kind, stamp, payload[:2] + b"\0\0\0" + payload[5:]
             if kind == rtmp.VIDEO and is_frame(kind, payload) else payload) for at, kind, stamp, payload in tags]


def odd_composition(value, every):
    """Each so-manieth picture has this composition time (ms)."""
    def bend(tags):
        count, bent = 0, []
        for at, kind, stamp, payload in tags:
            if kind == rtmp.VIDEO and is_frame(kind, payload):
                count += 1
                if count % every == 0:
                    payload = payload[:2] + (value & 0xffffff).to_bytes(3, "big") + payload[5:]
            bent.append((at, kind, stamp, payload))
        return bent
    return bend


def early_dts(ms):
    """The DTS of some pictures is too early, what they are shown at is right: encoders on a graphics card."""
    def bend(tags):
        count, bent = 0, []
        for at, kind, stamp, payload in tags:
            if kind == rtmp.VIDEO and is_frame(kind, payload):
                count += 1
                if count % 10 == 5:
                    at, stamp = at - ms, stamp - ms
                    payload = payload[:2] + (composition(payload) + ms).to_bytes(3, "big") + payload[5:]
            bent.append((at, kind, stamp, payload))
        return bent
    return bend


def late_sound(ms):
    """Sound reaches the server later than the picture of its time."""
    return lambda tags: sorted(((at + ms if kind == rtmp.AUDIO else at, kind, stamp, payload)
                                for at, kind, stamp, payload in tags), key=lambda tag: tag[0])


def pause(start, length, kinds=(rtmp.AUDIO, rtmp.VIDEO)):
    """The encoder sends nothing for a while, and its clock goes on."""
    return lambda tags: [tag for tag in tags if not (
        start <= tag[0] < start + length and tag[1] in kinds and is_frame(tag[1], tag[3]))]


def headers_again(tags):
    """Codec headers and metadata come with each keyframe."""
    headers = [tag for tag in tags if not is_frame(tag[1], tag[3])]
    bent = []
    for at, kind, stamp, payload in tags:
        if kind == rtmp.VIDEO and is_frame(kind, payload) and payload[0] >> 4 == 1:
            bent += [(at, other, stamp, header) for _, other, _, header in headers]
        bent.append((at, kind, stamp, payload))
    return bent


PROFILES = [Case("baseline", video=h264(profile="baseline")),
            Case("main", video=h264(bframes=2)),
            Case("high", video=h264(profile="high", bframes=3, extra=["-b_strategy", "0", "-x264-params",
                                                                      "b-pyramid=normal:8x8dct=1"])),
            Case("interlaced", picture=card("160x96"), video=h264(extra=["-flags", "+ildct+ilme"]),
                 sizes={"32": (160, 96), "33": (100, 60)}),
            Case("odd-size", picture=card("166x94"), sizes={"32": (166, 94), "33": (106, 60)}),
            Case("odd-444", picture=card(graph="testsrc=size=165x93:rate=25"), sizes={"32": (165, 93), "33": (106, 60)},
                 video=h264(profile="high444", extra=["-pix_fmt", "yuv444p"])),
            Case("portrait", picture=card("90x160"), sizes={"32": (90, 160), "33": (34, 60)}),
            Case("anamorphic", picture=card("144x90"), video=h264(extra=["-vf", "setsar=16/11"]),
                 sizes={"32": (144, 90), "33": (140, 60)}),
            Case("smaller-than-the-profile", picture=card("96x54"), sizes={"32": (96, 54), "33": (96, 54)})]
RATES = [Case(f"{name}-fps", picture=card(rate=rate), video=h264(gop))
         for name, rate, gop in (("24", "24", 24), ("29.97", "30000/1001", 30), ("50", "50", 50), ("60", "60", 60))]
GOPS = [Case("gop-0.5s", video=h264(12)),
        Case("gop-10s", picture=card(rate="10"), video=h264(100), seconds=21),
        Case("gop-irregular", video=h264(keys=[0, 0.2, 0.24, 1.7, 1.9, 3.1, 3.6])),
        Case("gop-open", video=h264(profile="high", bframes=3, extra=["-x264-params", "open-gop=1"])),
        Case("scene-cuts", video=h264(250, extra=["-sc_threshold", "40", "-keyint_min", "1"]),
             picture=card(graph="testsrc2=s=160x90:r=25:d=1.3,setsar=1[a];smptebars=s=160x90:r=25:d=0.9,setsar=1[b];"
                                "mandelbrot=s=160x90:r=25,trim=duration=1.1,setsar=1[c];"
                                "testsrc=s=160x90:r=25:d=3,setsar=1[d];[a][b][c][d]concat=n=4"))]
CHANGES = [Case("another-size", seconds=2.5, discontinuities=1, slack=7,
                then=Case("behind", card("192x108"), seconds=2.5, sizes={"32": (192, 108), "33": (106, 60)})),
           Case("another-codec", seconds=2.5, discontinuities=1, slack=7, codecs="avc1",
                then=Case("behind", video=["-c:v", "flv", "-b:v", "200k", "-g", "25"], seconds=2.5)),
           Case("another-sound", seconds=2.5, discontinuities=1, grid=None, repairs=range(2),
                then=Case("behind", audio=["-c:a", "libmp3lame", "-b:a", "64k"], seconds=2.5))]
CHANGES += [Case("another-profile", seconds=2.5, discontinuities=1, slack=7, repairs=range(2),
                 then=Case("behind", video=h264(profile="high", bframes=2), seconds=2.5)),
            Case("another-rate", seconds=2.5, discontinuities=1, grid=None, repairs=range(2),
                 then=Case("behind", sound=tone(48000, 2), seconds=2.5)),
            Case("headers-again", bend=headers_again)]
SOUNDS = [Case(f"aac-{name}", sound=tone(rate, channels), grid=Fraction(1024, rate), codecs="mp4a.40.2")
          for name, rate, channels in (("stereo", 44100, 2), ("5.1", 48000, 6), ("22k", 22050, 1), ("32k", 32000, 2),
                                       ("96k", 96000, 2))]
SOUNDS += [Case("he-aac", sound=tone(22050, 2), bend=announce(HE_EXPLICIT), codecs="mp4a.40.5",
                grid=Fraction(1024, 22050)),
           Case("he-aac-compatible", sound=tone(22050, 2), bend=announce(HE_COMPATIBLE), codecs="mp4a.40.5",
                grid=Fraction(1024, 22050)),
           Case("he-aac-v2", sound=tone(22050, 1), bend=announce(HE_V2), codecs="mp4a.40.29",
                grid=Fraction(1024, 22050)),
           Case("mp3", audio=["-c:a", "libmp3lame", "-b:a", "64k"], codecs="mp4a.40.2"),
           Case("speex", sound=tone(16000), audio=["-c:a", "libspeex"], grid=None, codecs="mp4a.40.2"),
           Case("no-sound", sound=None),
           Case("sound-late", bend=pause(0, 400, [rtmp.AUDIO])),
           Case("sound-later", bend=pause(0, 2200, [rtmp.AUDIO]), discontinuities=1, skipped=1),
           Case("sound-stops", bend=pause(2000, 60000, [rtmp.AUDIO]), seconds=9, discontinuities=1),
           Case("picture-stops", bend=pause(2000, 60000, [rtmp.VIDEO]), seconds=9, discontinuities=1, aligned=False),
           Case("no-picture", picture=None)]


def old_broadcast(now):
    """A broadcast that began so long ago that the 33 bits of MPEG-TS are full 2 s from now."""
    return {"version": 1, "ended": False, "epoch": int((now + 2 + TS_START - 2 ** 33 * TICK) * 1e9)}


B_FRAMES = h264(bframes=2)
STAMPS = [Case("jitter", slack=5, bend=stamps(lambda s, n: s + (0, 7, -6, 3)[n % 4], [rtmp.AUDIO])),
          Case("sound-600ms-behind", bend=late_sound(600)),
          Case("starts-high", bend=stamps(lambda s, n: s + 3000000000)),
          Case("wraps-at-24-bit", bend=stamps(lambda s, n: (s + 0xffffff - 2000) & 0xffffff)),
          Case("wraps-at-31-bit", bend=stamps(lambda s, n: (s + 0x7fffffff - 2000) & 0x7fffffff)),
          Case("wraps-at-32-bit", bend=stamps(lambda s, n: (s + 0xffffffff - 2000) & 0xffffffff)),
          Case("wraps-as-mpeg-ts", bend=stamps(lambda s, n: (s + 95443717 - 2000) % 95443717)),
          Case("jumps-ahead", bend=stamps(lambda s, n: s + 3600000, since=2000), times=False, repairs=range(1, 4),
               longest=1, grid=None),
          Case("jumps-back", bend=stamps(lambda s, n: s - 1500, since=2000), times=False, repairs=range(1, 4),
               longest=1, grid=None),
          Case("begins-again", bend=stamps(lambda s, n: s - 2000, since=2000), times=False, repairs=range(1, 4),
               longest=1, grid=None),
          Case("picture-jumps-alone", bend=stamps(lambda s, n: s + 60000, [rtmp.VIDEO], since=2000), times=False,
               repairs=range(1, 4), longest=1),
          Case("wraps-in-the-segments", state=old_broadcast),
          Case("pause", bend=pause(1500, 1500), grid=None),
          Case("dts-twice", video=B_FRAMES, repairs=range(5, 60), bend=early_dts(40)),
          Case("dts-back", video=B_FRAMES, repairs=range(5, 60), bend=early_dts(60)),
          Case("dts-and-pts-twice", video=B_FRAMES, times=False, repairs=range(5, 60), longest=0.2, aligned=False,
               bend=stamps(lambda s, n: s - 40 if n % 10 == 5 else s, [rtmp.VIDEO])),
          Case("pts-before-dts", video=B_FRAMES, times=False, repairs=range(5, 60), longest=0.2, aligned=False,
               bend=odd_composition(-40, 10)),
          Case("pts-far-ahead", video=B_FRAMES, times=False, repairs=range(5, 60), longest=0.2, aligned=False,
               bend=odd_composition(8000000, 10)),
          Case("no-composition-times", video=B_FRAMES, times=False, bend=cut_composition, longest=0.2)]
CASES = GOPS[1:2] + PROFILES + RATES + GOPS[:1] + GOPS[2:] + CHANGES + SOUNDS + STAMPS


def entry_of(case):
    return f"0_enc{CASES.index(case):05d}"


def make_data():
    """An entry for each case, with the source (32) and 60 lines (33)."""
    data = klive.demo_data()
    template = next(e for e in data["entries"] if e["id"] == klive.ENTRY)
    names = [entry_of(case) for case in CASES]
    data["entries"] += [{**template, "id": name, "name": name, "recordStatus": 0} for name in names]
    small = next(p for p in data["liveParams"] if p["id"] == 33)
    small.update(width=0, height=60, videoBitrate=100)
    return klive.with_profile(data, [32, 33], names)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """{name: future}: the chosen cases run beside each other."""
    chosen = {item.callspec.params["case"].name for item in request.session.items
              if item.path == request.path and hasattr(item, "callspec")}
    work = tmp_path_factory.mktemp("encoders")
    with server_in_short_path() as server, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        server.start({"hls": {"segment-duration": 1}}, data=make_data())
        yield {case.name: pool.submit(encoders.run, case, server, entry_of(case), work)
               for case in CASES if case.name in chosen}
        pool.shutdown(cancel_futures=True)


def check_pictures(case, outcome, rendition):
    """None lost, none broken, each shown when the encoder said."""
    sent = [(at + composition(payload) if payload[0] & 15 == 7 else at) / 1000
            for at, kind, _, payload in outcome.sent if kind == rtmp.VIDEO and is_frame(kind, payload)]
    packets = outcome.packets[rendition]["video"]
    expected = len(sent) if case.frames is None else case.frames
    decoded = sum(facts["pictures"] for facts in outcome.facts[rendition])
    assert (len(packets), decoded) == (expected, expected), rendition
    assert not outcome.errors[rendition], rendition
    if not expected:
        return
    sizes = [facts["size"] for facts in outcome.facts[rendition] if facts["size"]]
    assert sizes == [(case.then if case.then and i else case).sizes[rendition] for i in range(len(sizes))], rendition
    assert packets[0]["key"]
    shown = sorted(p["pts"] * TICK for p in packets)
    assert all(b > a for a, b in zip(shown, shown[1:])), rendition
    if case.times:
        wrong = [(a - sent[0], b - shown[0]) for a, b in zip(sorted(sent), shown)
                 if abs((a - min(sent)) - (b - shown[0])) > 0.0015]
        assert not wrong, (rendition, wrong[:10])
    if case.longest:
        assert max(b - a for a, b in zip(shown, shown[1:])) < case.longest, rendition


def check_sound(case, outcome, rendition):
    """As much as was sent, frame beside frame: players tick where they do not touch."""
    sent = [at for at, kind, _, payload in outcome.sent if kind == rtmp.AUDIO and is_frame(kind, payload)]
    packets = outcome.packets[rendition]["audio"]
    times = [p["pts"] for p in packets]
    if not sent:
        assert not times
        return
    assert {facts["sound"] for facts in outcome.facts[rendition]} - {None} == {"aac"} | ({"mp3"} if rendition == "32" and \
        case.name == "another-sound" else set()), rendition
    assert times, rendition
    steps = [b["pts"] - a["pts"] for a, b in zip(packets, packets[1:]) if a["period"] == b["period"]]
    length = (sent[-1] - sent[0]) / 1000
    assert abs((times[-1] - times[0]) * TICK - length) < (case.longest or case.skipped or 0.15), rendition
    if case.grid:
        step = 90000 * case.grid if rendition == "32" else sorted(steps)[len(steps) // 2]
        odd = [(i, s) for i, s in enumerate(steps) if abs(s - step) > case.slack]
        assert not odd, (rendition, float(step), odd[:10])


def check_cuts(case, outcome):
    """Time goes on; all renditions are cut alike, with a discontinuity where one is due and nowhere else."""
    for rendition, packets in outcome.packets.items():
        for kind in packets:
            times = [(p["period"], p["dts"]) for p in packets[kind]]
            assert all(b[1] > a[1] or (b[0] > a[0] and b[1] > a[1] - OVERLAP) for a, b in zip(times, times[1:])), \
                (rendition, kind)
    cuts = {r: [(s["sequence"], s["discontinuity"], s["first"]) for s in segments]
            for r, segments in outcome.segments.items()}
    assert len({tuple(c) for c in cuts.values()}) == 1 or not case.aligned, cuts
    for segments in outcome.segments.values():
        assert all(s["duration"] > 0 for s in segments)
        assert [s["discontinuity"] for s in segments].count(True) == case.discontinuities


def repairs(outcome):
    """As the log tells."""
    return sum(int(e["message"].split()[0]) for e in outcome.events if e["event"] == "timestamps-repaired")


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_encoder(outcomes, case):
    outcome = outcomes[case.name].result()
    assert not outcome.dropped
    assert not [e for e in outcome.events if e["level"] == "error"]
    assert sorted(outcome.packets) == ["32", "33"]
    for rendition in outcome.packets:
        check_pictures(case, outcome, rendition)
        check_sound(case, outcome, rendition)
    check_cuts(case, outcome)
    assert repairs(outcome) in case.repairs
    if case.state:
        times = [p["pts"] for p in outcome.packets["32"]["video"]]
        assert min(times) < 0 < max(times), "the wrap, as ffprobe tells it"
    source = next(v for v in outcome.master if v["uri"].startswith("32/"))
    assert case.codecs in source["CODECS"]
