# SPDX-License-Identifier: LGPL-2.1-or-later
"""What encoders send: streams made by ffmpeg, bent where ffmpeg cannot misbehave, published, and what became of them.

A Case says what is sent and what must come out. run() takes it through the launcher, nginx, a worker and back out of
the HLS folder; the Outcome holds what ffprobe sees there.
"""

import dataclasses
import json
import subprocess
import time
from fractions import Fraction

import klive
import rtmp

SIZE = "160x90"
SECONDS = 4


def card(size=SIZE, rate="25", graph=None):
    """ffmpeg's arguments for a picture; rate may be a fraction."""
    return ["-f", "lavfi", "-i", graph or f"testsrc2=size={size}:rate={rate}"]


def tone(rate=44100, channels=1):
    return ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={rate}", "-ac", str(channels)]


def h264(gop=25, profile="main", bframes=0, extra=(), keys=()):
    """GOPs of exactly so many frames, or with keyframes just at the times of keys (s)."""
    keys = ["-g", "1000", "-force_key_frames", ",".join(map(str, keys))] if keys else \
        ["-g", str(gop), "-keyint_min", str(gop)]
    return ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", profile, "-pix_fmt", "yuv420p", "-b:v", "150k",
            "-threads", "1", "-sc_threshold", "0", "-bf", str(bframes), *keys, *extra]


AAC = ["-c:a", "aac", "-b:a", "48k"]


@dataclasses.dataclass
class Case:
    """One encoder. `picture` and `sound` are inputs of ffmpeg, `video` and `audio` its encoders; None = no such track."""
    name: str
    picture: list | None = dataclasses.field(default_factory=card)
    sound: list | None = dataclasses.field(default_factory=tone)
    video: list | None = dataclasses.field(default_factory=h264)
    audio: list | None = dataclasses.field(default_factory=lambda: AAC)
    seconds: float = SECONDS
    then: "Case | None" = None          # another encoder's stream right behind, in the same connection
    bend: object = None                 # tags -> tags: (ms when it is sent, type, stamp, payload)
    state: object = None                # time -> state.json that the worker finds
    # what must come out
    frames: int | None = None           # pictures in each rendition; None = as many as were sent
    times: bool = True                  # pictures are shown when the encoder said
    repairs: range = range(1)           # timestamps repaired
    discontinuities: int = 0
    grid: Fraction | None = Fraction(1024, 44100)       # s between sound frames of the copy; None = not looked at
    skipped: float = 0                  # s of sound that may be left out up to the next keyframe
    slack: int = 2                      # 1/90000 s by which such a step may be off
    sizes: dict = dataclasses.field(default_factory=lambda: {"32": (160, 90), "33": (106, 60)})
    aligned: bool = True                # renditions are cut at the same PTS
    codecs: str = ""                    # part of CODECS of the source's rendition
    longest: float | None = None        # s between pictures at most: the clock says where they go on; None = as sent


@dataclasses.dataclass
class Outcome:
    """What became of a case; packets, segments and sizes by rendition."""
    sent: list                          # tags as they went out
    dropped: bool                       # the publisher
    events: list                        # log lines of this entry
    master: list
    packets: dict                       # {"video": packets, "audio": packets}
    segments: dict
    facts: dict                         # of each stretch without a discontinuity: pictures decoded, size, sound codec
    errors: dict                        # what the decoder complains about


def make_tags(case, folder):
    """The case's stream as FLV tags: (ms when it is sent, type, stamp, payload)."""
    path = folder / f"{case.name}.flv"
    arguments = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *(case.picture or [])]
    arguments += (case.sound or [])[:4] + (case.video or [] if case.picture else [])
    arguments += (case.sound[4:] + case.audio if case.sound else [])
    subprocess.run([*arguments, "-t", str(case.seconds), "-f", "flv", path], check=True, timeout=60 * klive.SLOW)
    tags = [(stamp, kind, stamp, payload) for kind, stamp, payload in rtmp.flv_tags(path)]
    path.unlink()
    if case.then:
        end = round(1000 * case.seconds)
        tags += [(at + end, kind, stamp + end, payload) for at, kind, stamp, payload in make_tags(
            dataclasses.replace(case.then, name=f"{case.name}-then"), folder)]
    return case.bend(tags) if case.bend else tags


def composition(payload):
    """ms between DTS and PTS of an H.264 frame."""
    value = int.from_bytes(payload[2:5], "big")
    return value - (1 << 24 if value & 1 << 23 else 0)


def is_frame(kind, payload):
    if kind == rtmp.VIDEO:
        return len(payload) > 5 and not (payload[0] & 15 == 7 and payload[1] != 1)
    return kind == rtmp.AUDIO and len(payload) > 2 and not (payload[0] >> 4 == 10 and payload[1] != 1)


def publish(case, server, entry, tags):
    """Sends the tags when they are due; whether the publisher was dropped."""
    name = f"{entry}_1"
    publisher = rtmp.Publisher(server.launcher.rtmp, f"p={klive.PARTNER}&e={entry}&i=0&t={klive.TOKEN}", name)
    begun = time.monotonic() - tags[0][0] / 1000
    for at, kind, stamp, payload in tags:
        wait = begun + at / 1000 - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        publisher.tag(kind, stamp, payload)
    time.sleep(0.2)     # what the end of a connection overtakes is lost
    dropped = publisher.dropped()
    publisher.unpublish()
    return dropped


def probe(path):
    """({"video": packets, "audio": packets}, facts of the tracks, complaints): pts and dts in 1/90000 s, pos in bytes."""
    fields = "packet=codec_type,pts,dts,flags,pos:stream=codec_type,codec_name,width,height,nb_read_frames"
    done = subprocess.run(["ffprobe", "-v", "error", "-threads", "1", "-count_frames", "-show_entries", fields,
                           "-of", "json", path], capture_output=True, text=True, timeout=60 * klive.SLOW)
    found = json.loads(done.stdout)
    packets = {"video": [], "audio": []}
    for packet in found.get("packets", []):
        if "pts" in packet and packet.get("codec_type") in packets:
            packets[packet["codec_type"]].append({
                "pts": packet["pts"], "dts": packet.get("dts", packet["pts"]), "key": "K" in packet["flags"],
                "pos": int(packet.get("pos", -1))})
    facts = {"pictures": 0, "size": None, "sound": None}
    for stream in found.get("streams", []):
        if stream["codec_type"] == "video":
            facts.update(pictures=int(stream.get("nb_read_frames", 0)), size=(stream["width"], stream["height"]))
        else:
            facts.update(sound=stream["codec_name"])
    return packets, facts, done.stderr


def periods(segments):
    """Runs of segments without a discontinuity."""
    found = []
    for segment in segments:
        if segment["discontinuity"] or not found:
            found.append([])
        found[-1].append(segment)
    return found


def look_at(outcome, identity, folder, work):
    """One rendition. What lies between two discontinuities is a stream of its own for a player, and for us."""
    segments = klive.parse_playlist((folder / "chunklist_dvr.m3u8").read_text())["segments"]
    outcome.segments[identity] = segments
    outcome.packets[identity] = {"video": [], "audio": []}
    for number, period in enumerate(periods(segments)):
        files = [(folder / segment["uri"]).read_bytes() for segment in period]
        whole = work / f"{folder.parent.parent.name}-{identity}.ts"
        whole.write_bytes(b"".join(files))
        packets, facts, errors = probe(whole)
        whole.unlink()
        outcome.facts[identity].append(facts)
        outcome.errors[identity] += errors
        end = 0
        for segment, data in zip(period, files):
            inside = [p for kind in ("video", "audio") for p in packets[kind] if end <= p["pos"] < end + len(data)]
            segment["first"] = inside[0]["pts"] if inside else None
            end += len(data)
        for kind in packets:
            outcome.packets[identity][kind] += [{**packet, "period": number} for packet in packets[kind]]


def run(case, server, entry, work):
    """From the first tag to the end of the playlists."""
    folder = server.launcher.state_dir / "hls" / entry / "0"
    tags = make_tags(case, work)
    if case.state:
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps(case.state(time.time())))
    dropped = publish(case, server, entry, tags)
    server.launcher.wait_event("worker-ended", entry=entry, timeout=20)
    events = server.launcher.events(entry=entry)
    master = klive.parse_master((folder / "all.m3u8").read_text())
    identities = [variant["uri"].split("/")[0] for variant in master]
    outcome = Outcome(tags, dropped, events, master, {}, {}, {i: [] for i in identities}, {i: "" for i in identities})
    for identity in identities:
        look_at(outcome, identity, folder / identity, work)
    return outcome
