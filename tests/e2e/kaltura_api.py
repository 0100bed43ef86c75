# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small client of the Kaltura API for tests of kaltura-sandbox, which it starts and stops."""

import base64
import hashlib
import json
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import requests

from klive import ROOT, SANDBOX, SLOW

DATA = ROOT / "tests" / "data"
SECRET = "0123456789abcdef0123456789abcdef"
ENTRY = "0_abcd1234"
TOKEN = "12ab34cd"
HOST = "ms1.example.com"


def make_ks(partner=-5, secret=SECRET, kind=2, expiry=None, user="MediaServer", privileges="disableentitlement"):
    """A version 1 session string."""
    expiry = int(time.time()) + 86400 if expiry is None else expiry
    info = f"{partner};{partner};{expiry};{kind};12345;{user};{privileges}"
    return base64.b64encode((hashlib.sha1((secret + info).encode()).hexdigest() + "|" + info).encode()).decode()


def live_params(identity, name=None, tags="mbr,ipadnew", **more):
    return {"id": identity, "systemName": name or f"params{identity}", "tags": tags, "videoCodec": "h264b",
            "videoBitrate": 400, "width": 0, "height": 360, "frameRate": 0, "audioCodec": "aac", "audioBitrate": 64,
            "audioSampleRate": 44100, "audioChannels": 2, **more}


def source(**more):
    fields = {"tags": "source,ingest", "streamSuffix": "1", "videoBitrate": 900, "width": 640, "height": 480,
              "videoCodec": "", "audioCodec": "", "audioBitrate": 0, "audioSampleRate": 0, "audioChannels": 0}
    return live_params(32, "Source", **{**fields, **more})


def base_data():
    """Partners of every sort and one entry of partner 102 with a profile of source, 360p and ingest 2."""
    live = ["FEATURE_LIVE_STREAM", "FEATURE_KALTURA_LIVE_STREAM_TRANSCODE"]
    return {
        "partners": [
            {"id": -5, "adminSecret": SECRET}, {"id": -1, "adminSecret": SECRET},
            {"id": 102, "adminSecret": SECRET, "secret": "usersecret", "permissions": live},
            {"id": 103, "adminSecret": SECRET, "permissions": live + ["FEATURE_HYBRID_ECDN"]},
            {"id": 104, "adminSecret": SECRET, "permissions": live, "status": "blocked"},
            {"id": 105, "adminSecret": SECRET, "permissions": live[1:]},
        ],
        "serverNodes": [{"hostName": HOST}, {"hostName": "edge.customer.example", "partnerId": 103},
                        {"hostName": "resting.example.com", "status": 5}],
        "liveParams": [source(), live_params(33, "SD_360"), {"id": 36, "systemName": "Ingest_2", "tags": "mbr,ingest",
                                                            "streamSuffix": "2", "videoBitrate": 400}],
        "conversionProfiles": [{"id": 555, "partnerId": 102, "liveParams": [
            {"assetParamsId": 32, "origin": 1, "systemName": "Source"}, 33,
            {"assetParamsId": 36, "origin": 1, "systemName": "Ingest_2"}]}],
        "entries": [
            {"id": entry, "partnerId": partner, "conversionProfileId": 555, "streamPassword": TOKEN}
            for entry, partner in ((ENTRY, 102), ("0_ecdnlive", 103), ("0_blocked1", 104), ("0_noliveft", 105))],
    }


class Sandbox:
    """A running kaltura-sandbox."""

    def __init__(self, folder, data=None, api="current", *options):
        self.api = api
        self.folder = Path(folder)
        file = self.folder / "data.json"
        file.write_text(json.dumps(base_data() if data is None else data))
        self.log = open(self.folder / "sandbox.log", "w")
        self.process = subprocess.Popen([SANDBOX, "--listen", "127.0.0.1:0", "--data", file, "--state",
                                         self.folder / "state", "--api", api, *options], text=True,
                                        stdout=subprocess.PIPE, stderr=self.log)
        watchdog = threading.Timer(30 * SLOW, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("listening: http://127.0.0.1:"), (line, (self.folder / "sandbox.log").read_text())
        self.url = line.split()[1]
        self.http = requests.Session()
        self.http.trust_env = False
        self.ks = make_ks()

    def stop(self):
        """Ends it as Ctrl-C does; a sanitizer's finding shows as another exit code."""
        self.http.close()
        self.process.terminate()
        try:
            code = self.process.wait(timeout=10 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
            self.log.close()
        assert code == 0, (code, (self.folder / "sandbox.log").read_text())

    # --- the API ---

    def post(self, service, action, params=None, format=1, ks=True, partner=None, files=None, **more):
        """A form POST as the PHP client sends it; more: parameters whose names are Python names."""
        form = {"format": format, **(params or {}), **more}
        if ks:
            form["ks"] = self.ks if ks is True else ks
        if partner is not None:
            form["partnerId"] = partner
        return self.http.post(f"{self.url}/api_v3/index.php", params={"service": service, "action": action},
                              data=form, files=files, timeout=30 * SLOW)

    def call(self, service, action, params=None, **more):
        """The JSON reply of a form POST."""
        return self.post(service, action, params, **more).json()

    def xml(self, service, action, params=None, **more):
        """The <result> element."""
        reply = self.post(service, action, params, format=2, **more)
        return ElementTree.fromstring(reply.content).find("result")

    def code(self, service, action, params=None, **more):
        """The error code of a call, None when it succeeded."""
        value = self.call(service, action, params, **more)
        return value["code"] if isinstance(value, dict) and "code" in value and "message" in value else None

    def authenticate(self, entry=ENTRY, token=TOKEN, **more):
        return self.call("livestream", "authenticate", {"entryId": entry, "token": token}, **{"partner": 102, **more})

    def register(self, entry=ENTRY, host=HOST, index=0, **more):
        return self.call("livestream", "registerMediaServer",
                         {"entryId": entry, "hostname": host, "mediaServerIndex": index}, **{"partner": 102, **more})

    def unregister(self, entry=ENTRY, host=HOST, index=0, **more):
        return self.call("livestream", "unregisterMediaServer",
                         {"entryId": entry, "hostname": host, "mediaServerIndex": index}, **{"partner": 102, **more})

    def is_live(self, entry=ENTRY):
        return self.call("livestream", "isLive", {"id": entry, "protocol": "hls"}, ks=False)

    def serve(self, stream=f"{ENTRY}_1", **more):
        return self.post("wowza_liveconversionprofile", "serve", {"streamName": stream}, **{"partner": 102, **more})

    # --- the sandbox itself ---

    def state(self):
        return self.http.get(f"{self.url}/sandbox/state", timeout=10 * SLOW).json()

    def control(self, path, body=None, method="POST", status=200):
        reply = self.http.request(method, f"{self.url}/sandbox/{path}", json=body, timeout=10 * SLOW)
        assert reply.status_code == status, reply.text
        return reply.json()

    def fault(self, **fault):
        self.control("faults", {"faults": [fault]})

    def advance(self, seconds, batch=True):
        self.control("clock", {"advance": seconds, "batch": batch})


# --- fixtures, for the files that import them ---

@pytest.fixture(scope="module", params=["current", "2014"])
def sandbox(request, tmp_path_factory):
    """One for each vintage, kept for a whole file."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"), None, request.param)
    yield running
    running.stop()


@pytest.fixture
def both(sandbox):
    """The sandbox of either vintage; registrations and faults of the test are undone."""
    yield sandbox
    sandbox.control("faults", method="DELETE")
    for index in (0, 1):
        sandbox.unregister(index=index)
        sandbox.unregister("0_ecdnlive", "edge.customer.example", index, ks=make_ks(103), partner=103)


@pytest.fixture
def start(tmp_path):
    """start(data, api, options...): a sandbox of the test's own."""
    started = []

    def make(data=None, api="current", *options):
        folder = tmp_path / f"sandbox{len(started)}"
        folder.mkdir()
        started.append(Sandbox(folder, data, api, *options))
        return started[-1]
    yield make
    for each in started:
        each.stop()


# Marks of a test that is about one vintage only.
CURRENT = pytest.mark.parametrize("sandbox", ["current"], indirect=True)
OLD = pytest.mark.parametrize("sandbox", ["2014"], indirect=True)
