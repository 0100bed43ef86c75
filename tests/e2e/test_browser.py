# SPDX-License-Identifier: LGPL-2.1-or-later
"""hls.js in headless Chromium plays the ladder, switches renditions, seeks in the DVR window and sees sync points."""

import functools
import json
import http.server
import shutil
import subprocess
import threading
import urllib.parse

import pytest
import zeep

import klive
from klive import ENTRY, wait_for

webdriver = pytest.importorskip("selenium.webdriver")
HERE = klive.ROOT / "tests" / "e2e" / "browser"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The URL of the player page."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("package.json", "package-lock.json", "page.html"):
        shutil.copy(HERE / name, folder)
    installed = klive.ROOT / "build" / "hls.js" / "node_modules"
    if not (installed / "hls.js").exists():
        work = installed.parent
        work.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, work)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work, check=True, timeout=120,
                       stdin=subprocess.DEVNULL, capture_output=True)
    shutil.copy(installed / "hls.js" / "dist" / "hls.min.js", folder)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/page.html"
    server.shutdown()


@pytest.fixture
def browser(folder):
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--no-proxy-server",
                     f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium")
    from selenium.webdriver.chrome.service import Service
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    driver.set_script_timeout(30)
    yield driver
    driver.quit()


def check_sync_point(js):
    """It comes as a date range and, at the same time, as timed ID3."""
    def tags():
        return js("[...video.textTracks].filter(t => t.kind == 'metadata').flatMap(t => [...t.cues || []])"
                  ".filter(c => c.value.key == 'TEXT').map(c => [c.startTime, c.value.data])")

    def ranges():
        return js("hls.levels.flatMap(l => l.details ? Object.values(l.details.dateRanges) : []).filter(d => d.isValid)"
                  ".map(d => [d.startTime, d.attr['X-COM-KALTURA-TIMESTAMP']])")
    wait_for(lambda: f"ID3 and date range: {tags()} {ranges()}", lambda: tags() and ranges(), 20)
    (tag_time, text), (range_time, timestamp) = tags()[0], ranges()[0]
    point = json.loads(text)
    assert point["objectType"] == "KalturaSyncPoint" and point["timestamp"] == int(timestamp)
    assert abs(tag_time - range_time) < 0.2


def test_ladder_switch_and_dvr(server, media, pages, browser):
    source = media("tall", size="640x360", seconds=20)
    soap = klive.free_ports(1)[0]
    server.start({"hls": {"segment-duration": 1, "playlist-length": 6}, "server": {"soap-listen": f"127.0.0.1:{soap}"}},
                 data=klive.small_ladder_data())
    server.publish(source)
    server.launcher.wait_master()
    browser.get(f"{pages}?{urllib.parse.quote(server.launcher.master_url(query='?DVR'), safe='')}")

    def js(expression):
        return browser.execute_script(f"return {expression}")
    wait_for(lambda: f"it plays: {js('JSON.stringify(seen)')}", lambda: js("video.currentTime") > 1, 30)
    zeep.Client(f"http://127.0.0.1:{soap}/cuePoints?wsdl").service.createTimeCuePoints(ENTRY, 60, 60)
    begin = js("video.currentTime")
    wait_for("it goes on", lambda: js("video.currentTime") > begin + 3, 15)
    check_sync_point(js)
    assert js("seen.levels") == 2
    for level in (0, 1):
        browser.execute_script(f"hls.nextLevel = {level}")
        height = js(f"hls.levels[{level}].height")
        wait_for(f"the picture is {height} high", lambda h=height: js("video.videoHeight") == h, 20)
    wait_for("a window of 12 s", lambda: js("video.seekable.length && video.seekable.end(0) - "
                                            "video.seekable.start(0) > 12"), 30)
    browser.execute_script("video.currentTime = video.seekable.start(0) + 1")
    at, shown = js("video.currentTime"), js("video.getVideoPlaybackQuality().totalVideoFrames")
    assert at < js("video.seekable.end(0)") - 10
    wait_for("it plays from the start of the window", lambda: at + 1 < js("video.currentTime") < at + 10, 15)
    wait_for("pictures are shown", lambda: js("video.getVideoPlaybackQuality().totalVideoFrames") > shown + 20, 15)
    dropped = js("video.getVideoPlaybackQuality().corruptedVideoFrames")
    assert not dropped
    assert not [e for e in js("seen.errors") if "true" in e or "media" in e.lower() and "buffer" not in e.lower()]
