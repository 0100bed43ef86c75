# SPDX-License-Identifier: LGPL-2.1-or-later
"""The control API and the commands that use it: lists, kick, split, drain, and what is refused."""

import http.client
import json
import subprocess

import pytest

import klive
from conftest import server_in_short_path
from klive import ENTRY, wait_for

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def air(card):
    """One server for the whole file, with one entry that stays on air."""
    with server_in_short_path() as air:
        air.start({"server": {"stop-grace": 0}}, data=klive.many_entries())
        air.publish(card, air.launcher.rtmp_url("0_form0000"))
        air.launcher.wait_master(entry="0_form0000")
        wait_for("the registration", lambda: air.sandbox.registered("0_form0000"), 10)
        yield air


def ask(air, path, order=None, method=None, headers=None, body=None):
    """(status, answer as JSON, headers)."""
    connection = http.client.HTTPConnection("127.0.0.1", air.launcher.control, timeout=10 * klive.SLOW)
    if order is not None:
        body, headers = json.dumps(order), {**JSON, **(headers or {})}
    connection.request(method or ("POST" if body is not None else "GET"), f"/control/{path}", body, headers or {})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply.status, json.loads(text) if text else None, reply.headers


def page_status(air, page, host):
    connection = http.client.HTTPConnection("127.0.0.1", air.launcher.control, timeout=10 * klive.SLOW)
    connection.request("GET", page, headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def command(air, *arguments):
    return subprocess.run([klive.LAUNCHER, *arguments, "--config", air.launcher.config], capture_output=True, text=True,
                          timeout=20 * klive.SLOW, env=klive.environment())


def on_air(air):
    return {e["entry"] for e in ask(air, "entries")[1]["entries"] if e["state"] == "on-air"}


# --- lists ---

def test_lists(air):
    def rows(name):
        status, answer, headers = ask(air, name)
        assert status == 200 and headers["Content-Type"] == "application/json"
        return answer[name.split("?")[0]]
    (entry,) = rows("entries?entry=0_form0000")
    assert entry["state"] == "on-air" and entry["plainUrl"] and rows("entries?entry=0_form0000&index=1") == []
    (session,) = rows("sessions?entry=0_form0000")
    assert session["stream"] == "0_form0000_1" and session["video"]["codec"] == "h264" and session["index"] == 0
    (rendition,) = rows("renditions?entry=0_form0000")
    assert rendition["id"] == "32" and rendition["width"] == 320
    (registration,) = rows("registrations?entry=0_form0000")
    assert registration["registered"] and registration["hostname"] == klive.hostname()
    segments = wait_for("segments", lambda: rows("segments?entry=0_form0000&rendition=32")[1:], 10)
    assert all(s["bytes"] > 1000 and s["file"].endswith(".ts") and 0.5 < s["duration"] < 1.5 for s in segments)
    assert [s["sequence"] for s in segments] == list(range(segments[0]["sequence"], segments[-1]["sequence"] + 1))
    recordings = rows("recordings?entry=0_form0000")
    assert {r["entry"] for r in rows("spool?entry=0_form0000")} <= {"0_form0000"}
    assert len(recordings) <= 1


# --- orders ---

def test_kick(air, card):
    encoder = air.publish(card, air.launcher.rtmp_url("0_form0001"))
    air.launcher.wait_event("publish-live", 10, entry="0_form0001")
    assert ask(air, "kick", {"entry": "0_form0001", "index": 1})[0] == 404
    assert ask(air, "kick", {"entry": "0_form0001", "stream": "0_form0001_2"})[0] == 404
    assert ask(air, "kick", {"entry": "0_form0001", "block": 60})[:2] == (200, {"entry": "0_form0001", "publishers": 1})
    assert encoder.wait(10) != 0
    air.launcher.wait_event("publish-ended", 10, entry="0_form0001", cause="kick")
    again = air.publish(card, air.launcher.rtmp_url("0_form0001"))
    assert again.wait(10) != 0
    air.launcher.wait_event("publish-refused", 10, entry="0_form0001", code="KICKED")
    assert ask(air, "kick", {"entry": "0_form0001", "block": 0})[:2] == (200, {"entry": "0_form0001", "publishers": 0})
    assert ask(air, "kick", {"entry": "0_form0001", "block": 0})[0] == 404
    air.publish(card, air.launcher.rtmp_url("0_form0001"), name="unblocked")
    air.launcher.wait_event("publish-live", 10, entry="0_form0001", count=2)
    assert "0_form0000" in on_air(air)


def test_drain(air, card):
    assert ask(air, "drain", {"drain": True})[:2] == (200, {"draining": True})
    assert air.launcher.status()["draining"] and b"klive_draining 1" in klive.get(air.launcher.http_url("/metrics"))[2]
    assert air.publish(card, air.launcher.rtmp_url("0_form0002")).wait(10) != 0
    air.launcher.wait_event("publish-refused", 10, entry="0_form0002", code="DRAINING")
    air.publish(card, air.launcher.rtmp_url("0_form0000"), name="second")       # its broadcast goes on
    air.launcher.wait_event("publish-live", 10, entry="0_form0000", count=2)
    assert command(air, "drain", "--undo").returncode == 0
    assert air.launcher.status()["draining"] is False
    air.publish(card, air.launcher.rtmp_url("0_form0002"), name="third")
    air.launcher.wait_event("publish-live", 10, entry="0_form0002")


def test_commands(air):
    assert "draining" not in command(air, "status").stdout
    assert command(air, "drain").returncode == 0
    table = command(air, "status").stdout
    assert "draining" in table.splitlines()[0] and "0_form0000 index 0" in table and "320x180" in table
    assert command(air, "drain", "--undo").returncode == 0
    assert command(air, "split", "0_form0000").returncode == 0
    nowhere = command(air, "split", "0_nowhere0")
    assert nowhere.returncode == 1 and "HTTP 404: entry 0_nowhere0 is not on air here" in nowhere.stderr
    assert command(air, "split").returncode == 2 and command(air, "kick", "a", "b").returncode == 2
    kicked = command(air, "kick", "0_form0002", "--index", "0")
    assert kicked.returncode == 0 and kicked.stdout == "1 thrown out\n"


# --- what is refused ---

@pytest.mark.parametrize("path, order, status, message", [
    ("other", None, 404, "expected one of the lists entries, sessions"),
    ("", None, 404, "expected one of the lists"),
    ("other", {}, 404, "expected one of the lists"),
    ("entries?entry=../x", None, 400, 'the parameter "entry" is "../x", expected'),
    ("entries?index=2", None, 400, '"index" is "2"'),
    ("entries?x=1", None, 400, 'the parameter "x"'),
    ("segments", None, 400, "entry is missing"),
    ("segments?entry=0_nowhere0", None, 404, "entry 0_nowhere0 has no segments"),
    ("split", {}, 400, 'entry is "", expected an entry id'),
    ("split", {"entry": 7}, 400, 'entry is ""'),
    ("split", {"entry": "0_nowhere0"}, 404, "entry 0_nowhere0 is not on air here"),
    ("split", {"entry": ENTRY, "entries": 1}, 400, 'the member "entries" is not known, expected entry'),
    ("split", [], 400, "the body is no JSON object"),
    ("kick", {"entry": ENTRY}, 404, f"nobody publishes {ENTRY} here"),
    ("kick", {"entry": "0_form0000", "stream": 5}, 400, "stream is no string"),
    ("kick", {"entry": "0_form0000", "stream": None}, 400, "stream is no string"),
    ("kick", {"entry": ENTRY, "index": 2}, 400, "index is no number from 0 to 1"),
    ("kick", {"entry": ENTRY, "block": "long"}, 400, "block is no number from 0 to 86400"),
    ("drain", {"drain": "yes"}, 400, "drain is missing, expected true or false"),
])
def test_bad_requests(air, path, order, status, message):
    got, answer, _ = ask(air, path, order)
    assert got == status and message in answer["error"], answer


def test_forgeries(air):
    """What a web page in an operator's browser can send is not answered."""
    status, answer, headers = ask(air, "drain", method="GET")
    assert status == 405 and headers["Allow"] == "POST" and "POST" in answer["error"]
    assert ask(air, "entries", {}, headers={})[0] == 405
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Content-Type": kind} if kind else {}
        assert ask(air, "drain", body='{"drain":true}', headers=headers)[0] == 415
    assert ask(air, "drain", body="{", headers=JSON)[0] == 400
    assert ask(air, "drain", {"drain": True}, headers={"Host": "evil.example"})[0] == 403
    assert ask(air, "entries", headers={"Host": "evil.example:8889"})[0] == 403
    assert ask(air, "entries", headers={"Host": "localhost"})[0] == 200
    assert klive.get(air.launcher.url("/control/entries"))[0] in (403, 404)     # nginx does not lead there
    for page, status in (("/status", 403), ("/metrics", 403), ("/healthz", 200)):
        assert page_status(air, page, "evil.example:8889") == status
        assert page_status(air, page, "localhost") == 200 == klive.get(air.launcher.url(page))[0]
    assert not air.launcher.status()["draining"]


def test_too_large(air):
    status, answer, headers = ask(air, "split", body=" " * 100_000, headers=JSON)
    assert status == 413 and headers["Content-Type"] == "application/json" and "at most 65536 bytes" in answer["error"]


def test_callers_that_are_not_allowed(air):
    outer = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    if not outer:
        pytest.skip("this machine has no address but loopback")
    connection = http.client.HTTPConnection("127.0.0.1", air.launcher.control, timeout=5, source_address=(outer[0], 0))
    connection.request("POST", "/control/drain", '{"drain":true}', JSON)
    reply = connection.getresponse()
    assert reply.status == 403 and "control-allow" in json.loads(reply.read())["error"]
    connection.close()
    assert not air.launcher.status()["draining"]
