# SPDX-License-Identifier: LGPL-2.1-or-later
"""`klive-launcher render` and the launch lines of pipelines/README.md: what they print plays under gst-launch-1.0, and
every rendition of a ladder is cut at the same frames, wherever the source has its keyframes."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import klive
from klive import LAUNCHER, ROOT, SLOW, environment, probe_packets
from test_gst_launch import rtmp_server, sandbox     # noqa: F401 (fixtures)

GOLDEN = ROOT / "tests" / "data" / "golden"
LADDER = GOLDEN / "01-source-plus-3-h264.HEAD.xml"
IRREGULAR = [0, 0.6, 1.4, 3.4, 5, 5.5, 8.2, 10.9]
TS_START = 10       # s: the clock of kalturahlssink's segments at running time 0


def readme_lines():
    """The indented lines of "Try it": exports, and commands with their number."""
    text = (ROOT / "pipelines" / "README.md").read_text().split("## Try it")[1]
    lines = re.findall(r"^    (.*)$", text, re.M)
    exports = [line for line in lines if line.startswith("export ")]
    return exports, [line for line in lines if line not in exports]


def run(argv, cwd, timeout=60, text="", **env):
    return subprocess.run(argv, cwd=cwd, env=environment(**env), timeout=timeout * SLOW, capture_output=True, text=True,
                          input=text)


def render_with(folder, env, *arguments):
    """(exit code, text, messages) of the command with this environment."""
    done = run([LAUNCHER, "render", *arguments], folder, **env)
    return done.returncode, done.stdout, done.stderr


def render(folder, *arguments):
    """The same with the usual one."""
    return render_with(folder, {}, *arguments)


def play(folder, text, timeout=90, **env):
    """The text as `xargs gst-launch-1.0 -e` reads it."""
    done = run(["xargs", "gst-launch-1.0", "-e"], folder, timeout, text, **env)
    assert done.returncode == 0 and "ERROR" not in done.stdout + done.stderr, done.stdout[-2000:] + done.stderr[-2000:]


def segments(folder, rendition):
    """Of each segment of a rendition: first video PTS, keyframes, number of video and of audio packets."""
    found = []
    for path in sorted(folder.glob(f"{rendition}-*.ts")):
        packets = probe_packets(path)
        video = [p for p in packets if p["type"] == "video"]
        found.append({
            "start": round(min(p["pts"] for p in video or packets) - TS_START, 3),
            "keys": sorted(round(p["pts"] - TS_START, 3) for p in video if p["key"]),
            "video": len(video), "audio": len(packets) - len(video), "first": video[0]["key"] if video else None})
    return found


def test_readme_lines(folder):
    (folder / "build").mkdir()
    for name in ("app", "gst"):
        (folder / "build" / name).symlink_to(klive.BUILD / name)
    (folder / "tests").symlink_to(ROOT / "tests")
    exports, commands = readme_lines()
    assert len(commands) >= 6
    for command in commands:
        script = "\n".join(["set -e -o pipefail", *exports, command])
        done = run(["bash", "-c", script], folder)
        assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
    for name in ("copy", "32", "33", "ladder/32", "ladder/35", "stock/33", "box"):
        items = klive.parse_playlist((folder / f"{name}.m3u8").read_text())
        assert items["ended"] and sum(s["duration"] for s in items["segments"]) == pytest.approx(10, abs=0.3), name
    assert klive.decode(folder / "ladder/33.m3u8", folder, seconds=None, start="0")["video"] == 300


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_ladder_is_cut_alike(folder, media, preset):
    """B-frames in source and renditions, keyframes anywhere: the same cuts, keyframes and counts in all."""
    film = media("irregular", seconds=12, gop=IRREGULAR, bframes=2, rate=25)
    code, text, _ = render(folder, "--source", film, "--output", "out", "--segment-duration", "2", "--speed-preset",
                           preset, LADDER)
    assert code == 0
    play(folder, text)
    base = segments(folder / "out", 32)
    assert [s["start"] for s in base] == pytest.approx([0.08, 3.48, 5.08, 8.28, 10.98], abs=0.1)
    assert all(s["first"] and s["start"] == s["keys"][0] for s in base)
    assert sum(s["video"] for s in base) == 300
    for rendition in (33, 34, 35):
        assert segments(folder / "out", rendition) == base


def encode(name, video):
    return (f"<Encode><Enable>true</Enable><Name>{name}</Name><StreamName>0_abcd1234_{name}</StreamName><Video>{video}"
            "</Video><Audio><Codec>Disable</Codec></Audio></Encode>")


def h264(size="<FitMode>match-source</FitMode>", more="", interval="<FollowSource>true</FollowSource>"):
    return (f"<FrameSize>{size}</FrameSize><Codec>H.264</Codec><Profile>main</Profile><Bitrate>400000</Bitrate>"
            f"<KeyFrameInterval>{interval}</KeyFrameInterval>{more}")


def write_profile(folder, encodes, more=""):
    """A profile of the source (32) and renditions {id: Video}."""
    text = encode(32, "<Codec>PassThru</Codec>") + "".join(encode(i, video) for i, video in encodes.items())
    (folder / "profile.xml").write_text(f"<Root><Transcode><Encodes>{text}</Encodes>{more}</Transcode></Root>")
    return folder / "profile.xml"


def test_skipped_frames_and_own_keyframes(folder, media):
    """Every rendition begins its segments where the source does, whatever else it leaves out."""
    film = media("irregular", seconds=12, gop=IRREGULAR, bframes=2, rate=25)
    profile = write_profile(folder, {
        33: h264(more="<SkipFrameCount><Value>1</Value></SkipFrameCount>"),
        34: h264(more="<SkipFrameCount>2</SkipFrameCount>"),
        35: h264(interval="<FollowSource>false</FollowSource><Interval>40</Interval>")})
    code, text, messages = render(folder, "--source", film, "--output", "out", "--segment-duration", "2",
                                  "--speed-preset", "ultrafast", profile)
    assert code == 0 and not messages
    play(folder, text)
    base = segments(folder / "out", 32)
    for rendition, divisor in ((33, 2), (34, 3)):
        found = segments(folder / "out", rendition)
        assert [s["start"] for s in found] == pytest.approx([s["start"] for s in base], abs=0.001)
        # Counting begins anew at each cut.
        assert [s["video"] for s in found] == [-(-s["video"] // divisor) for s in base]
    found = segments(folder / "out", 35)
    assert [s["start"] for s in found] == [s["start"] for s in base]
    assert [s["video"] for s in found] == [s["video"] for s in base]
    own = [[round(s["start"] + i * 1.6, 3) for i in range(-(-s["video"] // 40))] for s in base]
    assert [s["keys"] for s in found] == [pytest.approx(keys, abs=0.001) for keys in own]


def size(mode, width, height):
    return h264(f"<FitMode>{mode}</FitMode><Width>{width}</Width><Height>{height}</Height>")


def picture(folder, path, width, height):
    """Luma of the tenth picture, as rows."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v", "-vf",
                           "select=eq(n\\,10),format=gray", "-frames:v", "1", "-f", "rawvideo", "-"], cwd=folder,
                          capture_output=True, timeout=30 * SLOW, check=True)
    assert len(done.stdout) == width * height
    return [done.stdout[i:i + width] for i in range(0, len(done.stdout), width)]


def mean(rows, left, right):
    found = b"".join(row[left:right] for row in rows)
    return sum(found) / len(found)


# A white picture with a black left quarter, 320x180, and one of 240x180 whose pixels are 4 to 3: the same on a screen.
@pytest.mark.parametrize("coded, aspect", [("320x180", "1"), ("240x180", "4/3")], ids=["square", "anamorphic"])
@pytest.mark.parametrize("sink", [[], ["--hlssink2"]], ids=["kaltura", "stock"])
def test_fit_modes(folder, coded, aspect, sink):
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"color=white:size={coded}:rate=25", "-t",
                "2", "-vf", f"drawbox=w=iw/4:h=ih:color=black:t=fill,setsar={aspect}", "-c:v", "libx264", "-g", "25",
                "-pix_fmt", "yuv420p", "film.flv"], folder)
    assert done.returncode == 0, done.stderr
    profile = write_profile(folder, {33: size("letterbox", 160, 160), 34: size("letterbox", 320, 90),
                                     35: size("crop", 90, 90), 36: size("stretch", 160, 160),
                                     37: size("letterbox", 1920, 1440)})
    code, text, messages = render(folder, *sink, "--source", "film.flv", "--output", "out", "--speed-preset",
                                  "ultrafast", profile)
    assert code == 0 and messages.count("not enlarged") == len(messages.splitlines()) == 1, messages
    play(folder, text)

    def look(rendition, width, height):
        return picture(folder, next((folder / "out").glob(f"{rendition}-*.ts")), width, height)

    rows = look(33, 160, 160)       # borders of 35 lines above and below
    assert mean(rows[:33], 0, 160) < 20 and mean(rows[-33:], 0, 160) < 20
    assert mean(rows[38:122], 45, 160) > 220 and mean(rows[38:122], 0, 35) < 20
    rows = look(34, 320, 90)        # borders of 80 columns left and right
    assert mean(rows, 0, 78) < 20 and mean(rows, 242, 320) < 20
    assert mean(rows, 125, 238) > 220 and mean(rows, 80, 115) < 20
    rows = look(35, 90, 90)         # of 160 columns the middle 90: the first 5 of them are of the black quarter
    assert mean(rows, 9, 90) > 220 and mean(rows, 0, 2) < 60
    rows = look(36, 160, 160)
    assert mean(rows, 45, 160) > 220 and mean(rows, 0, 35) < 20
    rows = look(37, 320, 180)
    assert mean(rows, 85, 320) > 220 and mean(rows, 0, 75) < 20


def psnr(folder, path, reference):
    """Of two sequences of pictures, dB."""
    done = run(["ffmpeg", "-nostdin", "-i", path, *reference, "-map", "0:v", "-lavfi",
                "[0:v]setpts=N/25/TB[a];[1:v]setpts=N/25/TB[b];[a][b]psnr", "-f", "null", "-"], folder)
    assert done.returncode == 0, done.stderr
    return float(re.search(r"PSNR y:([0-9.]+)", done.stderr).group(1))


def test_deinterlace(folder):
    """Where the profile asks for it: as many frames as the source, cut alike, without combs."""
    card = "testsrc2=size=320x192:rate=50"
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", card, "-t", "4", "-vf",
                "tinterlace=interleave_top,fieldorder=tff", "-c:v", "libx264", "-flags", "+ildct+ilme", "-x264opts",
                "tff=1", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "film.flv"], folder)
    assert done.returncode == 0, done.stderr
    found = {}
    for wish in ("true", "false"):
        profile = write_profile(folder, {33: h264().replace("400000", "4000000")},
                                f"<Decode><Video><Deinterlace>{wish}</Deinterlace></Video></Decode>")
        code, text, messages = render(folder, "--source", "film.flv", "--output", wish, "--segment-duration", "1",
                                      "--speed-preset", "ultrafast", profile)
        assert code == 0 and not messages
        play(folder, text)
        base = segments(folder / wish, 32)
        assert sum(s["video"] for s in base) == 100
        assert segments(folder / wish, 33) == base
        found[wish] = psnr(folder, f"{wish}/33.m3u8", ["-f", "lavfi", "-t", "4", "-i",
                                                       card + ",select=not(mod(n\\,2))"])
    assert found["true"] > 28 and found["true"] > found["false"] + 1, found


@pytest.mark.parametrize("kind, options, expected", [
    ("audio-only", {"video": False}, {"video": 0, "audio": 4}),
    ("video-only", {"audio": False}, {"video": 100, "audio": 0}),
])
def test_one_track(folder, media, kind, options, expected):
    film = media(kind, seconds=4, **options)
    code, text, _ = render(folder, "--source", film, "--output", "out", "--segment-duration", "2", LADDER)
    assert code == 0
    play(folder, text)
    for rendition in (32, 33):
        played = klive.decode(folder / "out" / f"{rendition}.m3u8", folder, seconds=None, start="0",
                              name=f"player-{rendition}")
        assert played["video"] == expected["video"] and played["audio"] == pytest.approx(expected["audio"], abs=0.1)
        assert not played["errors"]


@pytest.mark.parametrize("video, audio, rate", [
    ("flv", "libmp3lame", 44100), ("libx264", "libspeex", 16000), ("flashsv", "pcm_s16le", 44100),
], ids=["h263-mp3", "speex", "screen-pcm"])
def test_old_codecs(folder, video, audio, rate):
    """HLS cannot carry them: H.264 and AAC instead, and it is said."""
    film = folder / "old.flv"
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f",
                "lavfi", "-i", f"sine=frequency=440:sample_rate={rate}", "-t", "4", "-g", "25", "-pix_fmt",
                "bgr24" if video == "flashsv" else "yuv420p", "-c:v", video, "-c:a", audio, film], folder)
    assert done.returncode == 0, done.stderr
    passthrough = folder / "profile.xml"
    passthrough.write_text("<Root><Transcode><Encodes><Encode><Enable>true</Enable><Name>Source</Name>"
                           "<StreamName>0_abcd1234_32</StreamName><Video><Codec>PassThru</Codec></Video>"
                           "<Audio><Codec>PassThru</Codec></Audio></Encode></Encodes></Transcode></Root>")
    code, text, messages = render(folder, "--source", film, "--output", "out", "--segment-duration", "2", passthrough)
    assert code == 0 and "HLS cannot carry" in messages
    play(folder, text)
    played = klive.decode(folder / "out" / "32.m3u8", folder, seconds=None, start="0")
    assert played["video"] == 100 and played["audio"] == pytest.approx(4, abs=0.2)


def test_odd_places(folder, card):
    """Blanks, percent signs and exclamation marks in a path stay in it."""
    place = folder / "a ! fakesink 100% \u00e4"
    place.mkdir()
    film = place / "film 1.flv"
    film.write_bytes(card.read_bytes())
    code, text, _ = render(folder, "--source", film, "--output", place / "out", GOLDEN / "02-source-only.HEAD.xml")
    assert code == 0
    play(folder, text)
    assert klive.parse_playlist((place / "out" / "32.m3u8").read_text())["ended"]
    assert sorted(p.name for p in folder.iterdir() if not p.name.endswith(".log")) == [place.name]


def test_json_is_the_parsed_profile(folder):
    for path in sorted(GOLDEN.glob("*.xml")):
        code, text, _ = render(folder, "--json", path)
        assert code == 0
        assert len(json.loads(text)["encodes"]) == path.read_text().count("<Encode>"), path


def test_every_profile_renders(folder):
    for path in sorted(GOLDEN.glob("*.xml")):
        code, text, messages = render(folder, "--output", "out", path)
        assert code == 0, messages
        assert "${" not in text and shlex.split(text)


@pytest.mark.parametrize("arguments, code, message", [
    ([], 2, "PROFILE.xml"),
    (["a", "b"], 2, "PROFILE.xml"),
    (["--nonsense", "x"], 2, "nonsense"),
    (["--segment-duration", "0", "x"], 2, "out of range"),
    (["no-such-file.xml"], 1, "no-such-file.xml"),
    (["--source", "no-such-file.flv", str(LADDER)], 1, "no-such-file.flv"),
    (["--source", 'rtmp://h/a"b', str(LADDER)], 2, "quotes"),
    (["--source", "film.flv", "--broadcast-url", "rtmp://h/kLive/?p=1", str(LADDER)], 2, "--broadcast-url"),
    (["--speed-preset", "warp", str(LADDER)], 1, "speed_preset"),
    (["--templates", "no-such-folder", "--video-encoder", "nonsense", str(LADDER)], 1, "nonsense"),
])
def test_errors(folder, arguments, code, message):
    found, text, messages = render(folder, *arguments)
    assert found == code and message in messages and not text


@pytest.mark.parametrize("xml, message", [
    ("", "empty"), ("<Root>", "profile.xml"), ("<html/>", "profile.xml"), ("x" * 10_000_000, "profile.xml"),
    ('<!DOCTYPE a [<!ENTITY b "c">]><Root>&b;</Root>', "profile.xml"),
], ids=["empty", "cut", "html", "10-mb", "entities"])
def test_bad_profiles(folder, xml, message):
    (folder / "profile.xml").write_text(xml)
    for arguments in (["--json"], []):
        code, text, messages = render(folder, *arguments, "profile.xml")
        assert code == 1 and message in messages and not text


def test_own_template(folder, card):
    (folder / "own").mkdir()
    (folder / "own" / "copy-video.gst").write_text("v. ! queue name=mine ! hls_${id}.video\n")
    code, text, _ = render(folder, "--templates", "own", "--source", card, GOLDEN / "02-source-only.HEAD.xml")
    assert code == 0 and "v. ! queue name=mine ! hls_32.video" in text
    (folder / "own" / "copy-video.gst").write_text("v. ! ${location}! hls_${idd}.video\n")
    code, text, messages = render(folder, "--templates", "own", "--source", card, GOLDEN / "02-source-only.HEAD.xml")
    assert code == 1 and "own/copy-video.gst, line 1" in messages and "${idd}" in messages


@pytest.mark.parametrize("element, package, plugin", [
    ("x264enc", "gstreamer1.0-plugins-ugly", "libgstx264.so"), ("avdec_h264", "gstreamer1.0-libav", "libgstlibav.so"),
])
def test_missing_plugin_is_named(folder, card, element, package, plugin):
    """A folder of plugins without one of them."""
    system = next(p for p in Path("/usr/lib").glob("*/gstreamer-1.0") if (p / plugin).exists())
    plugins = folder / "plugins"
    plugins.mkdir()
    for path in system.glob("*.so"):
        if path.name != plugin:
            (plugins / path.name).symlink_to(path)
    done = run([LAUNCHER, "render", "--source", "rtmp://127.0.0.1/live/x", LADDER], folder,
               GST_PLUGIN_SYSTEM_PATH=str(plugins), GST_REGISTRY=str(folder / "registry"))
    assert done.returncode == 1 and element in done.stderr and package in done.stderr


def publish(folder, port, film):
    encoder = klive.Encoder(folder, f"rtmp://127.0.0.1:{port}/live/test", film)
    klive.wait_for("it publishes", lambda: encoder.running() and "Output #0" in encoder.text())
    return encoder


def play_live(folder, text):
    """The text as a process that goes on until its source ends."""
    return klive.Process(["gst-launch-1.0", "-e", *shlex.split(text)], folder / "gst.log", cwd=folder)


def test_rtmp_source(folder, rtmp_server, card):
    """Size and tracks are not known beforehand: nothing is made larger than the source."""
    code, text, _ = render(folder, "--source", f"rtmp://127.0.0.1:{rtmp_server}/live/test", "--output", "out",
                           "--segment-duration", "1", "--speed-preset", "ultrafast", LADDER)
    assert code == 0
    encoder = publish(folder, rtmp_server, card)
    pipeline = play_live(folder, text)
    try:
        klive.wait_for(lambda: f"segments\n{pipeline.tail()}", lambda: len(list(folder.glob("out/35-*.ts"))) > 3, 20)
        encoder.stop()
        pipeline.wait(15)
    finally:
        encoder.kill()
        pipeline.kill()
    base = segments(folder / "out", 32)
    for rendition in (33, 34, 35):
        assert [s["start"] for s in segments(folder / "out", rendition)][:4] == [s["start"] for s in base][:4]
        played = klive.decode(folder / "out" / f"{rendition}.m3u8", folder, start="0", name=f"player-{rendition}")
        assert (played["width"], played["height"]) == (320, 180) and played["video"] > 20 and not played["errors"]


def test_on_air_from_the_command_line(folder, sandbox, rtmp_server, card):
    """--broadcast-url: the ladder is on air with Kaltura, and off when the source ends."""
    (folder / "secret").write_text(klive.admin_secret() + "\n")
    (folder / "klive.conf").write_text(f"[kaltura]\nservice-url={sandbox.url}\npartner-id=-5\n"
                                       f"admin-secret-file={folder / 'secret'}\nhostname={klive.hostname()}\n")
    code, text, _ = render(
        folder, "--source", f"rtmp://127.0.0.1:{rtmp_server}/live/test", "--output", "out", "--config",
        folder / "klive.conf", "--broadcast-url",
        f"rtmp://127.0.0.1/kLive/?p={klive.PARTNER}&e={klive.ENTRY}&i=0&t={klive.TOKEN}",
        GOLDEN / "02-source-only.HEAD.xml")
    assert code == 0
    encoder = publish(folder, rtmp_server, card)
    pipeline = play_live(folder, text)
    try:
        klive.wait_for(lambda: f"registered\n{pipeline.tail()}",
                       lambda: sandbox.registered() == klive.hostname() or not pipeline.running(), 20)
        assert sandbox.registered() == klive.hostname(), pipeline.tail()
        encoder.stop()
        pipeline.wait(15)
    finally:
        encoder.kill()
        pipeline.kill()
    klive.wait_for("unregistered", lambda: sandbox.registered() is None)
    assert list(folder.glob("out/32-*.ts"))
