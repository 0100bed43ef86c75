# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hardware encoders that a profile or klive.conf asks for: used if they work, replaced with one warning if they do not.
The hardware is a plugin of fakes (tests/elements/fakehardware.c)."""

import pytest

import klive
from klive import ENTRY
from test_pipelines import GOLDEN, h264, play, render_with, segments, write_profile

FAKES = klive.BUILD / "tests" / "elements" / "libgstfakehardware.so"
QUICK = ["--segment-duration", "2", "--speed-preset", "ultrafast"]

if not FAKES.exists():
    pytest.skip("built without unit tests", allow_module_level=True)


@pytest.fixture(scope="module")
def hardware(tmp_path_factory):
    """Environment of a machine with those encoders."""
    folder = tmp_path_factory.mktemp("hardware")
    (folder / FAKES.name).symlink_to(FAKES)
    return {"GST_PLUGIN_PATH_1_0": f"{klive.BUILD / 'gst'}:{folder}", "GST_REGISTRY": str(folder / "registry")}


def wish(implementation):
    return h264().replace("<Codec>", f"<Implementation>{implementation}</Implementation><GPUID>-1</GPUID><Codec>")


@pytest.mark.parametrize("implementation, element, warning", [
    ("VA", "vah264enc", None),
    ("QuickSync", "vah264enc", None),       # its own element hangs
    ("NVENC", "x264enc", "nvh264enc does not work: no capable device"),
])
def test_implementation(folder, media, hardware, implementation, element, warning):
    card = media("brief", seconds=6)
    profile = write_profile(folder, {33: wish(implementation), 34: wish(implementation)})
    code, text, messages = render_with(folder, hardware, "--source", card, "--output", "out", *QUICK, profile)
    assert code == 0
    if warning:
        assert warning in messages and len(messages.splitlines()) == 1, messages
    else:
        assert not messages
    for rendition in (33, 34):
        assert f"{element} name=enc_{rendition}" in text
    play(folder, text, **hardware)
    base = segments(folder / "out", 32)
    for rendition in (33, 34):
        assert [(s["start"], s["video"]) for s in segments(folder / "out", rendition)] == \
            [(s["start"], s["video"]) for s in base]


def test_profile_of_kaltura_without_gpu(folder, card):
    """Encoder, decoder and scaler of Nvidia: one warning, and the ladder of the software."""
    code, text, messages = render_with(folder, {}, "--source", card, "--output", "out", GOLDEN / "16-gpu.HEAD.xml")
    assert code == 0 and "x264enc name=enc_" in text
    lines = [line for line in messages.splitlines() if "hardware" in line]
    assert len(lines) == 1 and all(w in lines[0] for w in ("NVENC", "NVCUVID", "CUDA")), messages


@pytest.mark.parametrize("encoder, element", [("vah264enc", "vah264enc"), ("nvh264enc", "x264enc"),
                                              ("openh264enc", "openh264enc")])
def test_configured(folder, card, hardware, encoder, element):
    profile = write_profile(folder, {33: h264()})
    code, text, messages = render_with(folder, hardware, "--source", card, "--video-encoder", encoder, profile)
    assert code == 0 and f"{element} name=enc_33" in text
    assert len(messages.splitlines()) == (encoder != element)


def test_on_air(server, card, hardware, folder):
    """A worker with a GPU: Kaltura hears of it, its profile asks for NVENC, which fails; the ladder is there."""
    server.start({"hls": {"segment-duration": 1}}, data=klive.small_ladder_data(), env=hardware)
    server.publish(card)
    text = server.launcher.wait_master()
    assert len(klive.parse_master(text)) == 2
    for url in klive.variant_urls(server.launcher.master_url(), text):
        assert klive.decode(url, folder, seconds=1)["video"] > 5
    warnings = server.launcher.events("ladder-warning", entry=ENTRY)
    assert len(warnings) == 1 and "NVENC" in warnings[0]["message"] and "no capable device" in warnings[0]["message"]
