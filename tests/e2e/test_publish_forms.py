# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every way in which encoders say where they publish to."""

import pytest

import klive
from klive import TOKEN, wait_for

# One entry for each form, so that they share a server.
FORMS = {
    # ffmpeg rtmp://HOST/kLive/?QUERY/NAME
    "ffmpeg-url": lambda s, e, q: ("ffmpeg", [f"rtmp://{s}/kLive/?{q}/{e}_1"]),
    # OBS: server rtmp://HOST/kLive/?QUERY, key NAME
    "obs-server-and-key": lambda s, e, q: ("ffmpeg", [
        "-rtmp_app", f"kLive/?{q}", "-rtmp_playpath", f"{e}_1", "-rtmp_tcurl", f"rtmp://{s}/kLive/?{q}",
        f"rtmp://{s}/kLive"]),
    # the current API's broadcast URL: no slash before the query
    "no-slash": lambda s, e, q: ("ffmpeg", [
        "-rtmp_app", f"kLive?{q}", "-rtmp_playpath", f"{e}_1", "-rtmp_tcurl", f"rtmp://{s}/kLive?{q}",
        f"rtmp://{s}/kLive"]),
    "query-on-the-key": lambda s, e, q: ("ffmpeg", [f"rtmp://{s}/kLive/{e}_1?{q}"]),
    "rtmp2sink-location": lambda s, e, q: ("gst", [f"location=rtmp://{s}/kLive/?{q}/{e}_1"]),
    "rtmp2sink-properties": lambda s, e, q: ("gst", [
        f"host={s.split(':')[0]}", f"port={s.split(':')[1]}", f"application=kLive/?{q}", f"stream={e}_1"]),
    "rtmp2sink-query-on-the-key": lambda s, e, q: ("gst", [f"location=rtmp://{s}/kLive/{e}_1?{q}"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_form(shared_server, card, folder, form):
    launcher = shared_server.launcher
    entry = f"0_form{list(FORMS).index(form):04d}"
    query = f"p={klive.PARTNER}&e={entry}&i=0&t={TOKEN}"
    kind, arguments = FORMS[form](f"127.0.0.1:{launcher.rtmp}", entry, query)
    if kind == "ffmpeg":
        encoder = klive.Encoder(folder, arguments[-1], card, output=arguments[:-1])
    else:
        encoder = klive.GstLaunch(folder, ["filesrc", f"location={card}", "!", "flvdemux", "name=d", "d.video", "!",
                                           "queue", "!", "h264parse", "!", "flvmux", "name=m", "streamable=true",
                                           "d.audio", "!", "queue", "!", "aacparse", "!", "m.", "m.", "!",
                                           "identity", "sync=true", "!", "rtmp2sink", *arguments])
    try:
        launcher.wait_master(entry=entry)
        url = klive.variant_urls(launcher.master_url(entry=entry))[0]
        assert klive.decode(url, folder, seconds=1)["video"] > 5
        assert encoder.running(), encoder.tail()
    finally:
        encoder.stop()
    wait_for("the broadcast is over", lambda: klive.playlist(url)["ended"], 10)


def test_the_key_alone_as_published_name_is_the_entry(shared_server, card, folder):
    """An entry without a suffix is no stream name: refused."""
    encoder = klive.Encoder(folder, shared_server.launcher.rtmp_url(entry="0_form0000", name="0_form0000"), card)
    try:
        assert encoder.wait(15) != 0
    finally:
        encoder.kill()
