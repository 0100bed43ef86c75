# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the server and klive make of a profile that asks for more than the encoder sends: Kaltura's own rules (current
API, which hears of size, rate and codecs) and klive's (both)."""

import pytest

import klive

SIZE = "320x180"


def make_data():
    """The source; 360 lines, optional; 480 lines; 90 lines at 12 frames/s at most."""
    data = klive.with_profile(klive.demo_data(), [32, 33, 34, 35])
    more = {33: {"tags": "mbr,optional_flavor"}, 35: {"height": 90, "maxFrameRate": 12}}
    for params in data["liveParams"]:
        params.update(more.get(params["id"], {}))
    return data


@pytest.mark.parametrize("api, sizes, rate", [
    ("current", {"32": SIZE, "34": SIZE, "35": "160x90"}, 25 / 3),
    ("2014", {"32": SIZE, "33": SIZE, "34": SIZE, "35": "160x90"}, 25),
])
def test_nothing_is_larger_than_the_source(server, card, api, sizes, rate):
    settings = {"hls": {"segment-duration": 1}, "transcode": {"speed-preset": "ultrafast"}}
    server.start(settings, data=make_data(), api=api)
    server.publish(card)
    variants = klive.parse_master(server.launcher.wait_master())
    found = {v["uri"].split("/")[0]: v for v in variants}
    assert {i: v["RESOLUTION"] for i, v in found.items()} == sizes
    assert float(found["35"]["FRAME-RATE"]) == pytest.approx(rate, abs=0.01)
    assert float(found["32"]["FRAME-RATE"]) == 25
    told = [e["message"] for e in server.launcher.events("ladder-warning")]
    assert len(told) == len(sizes) - 2 and all("not enlarged" in t for t in told), told
    if api == "2014":       # a group of its own for each tag
        status, _, text = klive.get(server.launcher.master_url(tag="mbr"))
        assert status == 200
        assert [v["uri"].split("/")[0] for v in klive.parse_master(text.decode())] == ["33", "34", "35"]
