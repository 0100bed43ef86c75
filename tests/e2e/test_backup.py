# SPDX-License-Identifier: LGPL-2.1-or-later
"""Primary and backup: on two machines (two launchers that share nothing but the API), and on one, where the plain URL
goes from one to the other."""

import signal
import threading
import time
from datetime import datetime

import pytest

import klive
from klive import ENTRY, wait_for

QUICK = {"hls": {"segment-duration": 2, "playlist-length": 15}, "server": {"grace": 15}}
HOSTS = ["one.example.com", "two.example.com"]


def seconds(date):
    return datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()


def chunklist(launcher, backup=False):
    return klive.playlist(launcher.url(f"/kLive/{'backup/' if backup else ''}{ENTRY}_32/chunklist.m3u8"))


@pytest.fixture
def second(server, folder):
    """Another machine beside server: a launcher of its own."""
    data = klive.passthrough_data()
    data["serverNodes"] = [{"hostName": host, "partnerId": -5} for host in HOSTS]
    server.start({**QUICK, "kaltura": {"hostname": HOSTS[0]}}, data=data)
    with klive_folder() as place:
        launcher = klive.Launcher(place, server.sandbox, {**QUICK, "kaltura": {"hostname": HOSTS[1]}})
        yield launcher
        for encoder in server.encoders:
            encoder.stop(timeout=5)
        launcher.end()


def klive_folder():
    import tempfile
    return tempfile.TemporaryDirectory(prefix="klive-")


def compare(one, other):
    """{media sequence: difference of the dates, s} of what both list."""
    dates = [{s["sequence"]: seconds(s["date"]) for s in p["segments"]} for p in (one, other)]
    return {n: dates[0][n] - dates[1][n] for n in dates[0] if n in dates[1]}


def test_two_machines(server, second, card):
    """One programme for both, as from two encoders: numbers agree, cuts and dates lie within 100 ms."""
    urls = [server.launcher.rtmp_url(index=0), second.rtmp_url(index=1)]
    server.publish(card, urls[1], output=["-f", "flv", urls[0], "-c", "copy"], name="both")
    for index, launcher in enumerate((server.launcher, second)):
        launcher.wait_master(backup=index == 1)
        wait_for(f"registration of {index}", lambda: server.sandbox.registered(index=index) == HOSTS[index])

    def common():
        lists = chunklist(server.launcher), chunklist(second, backup=True)
        return compare(*lists) if all(lists) else {}
    wait_for(common, lambda: len(common()) >= 5, 30)
    found = common()
    worst = max(abs(d) for d in found.values())
    slot_phase = [seconds(s["date"]) % 2 for s in chunklist(server.launcher)["segments"]][-1]
    print(f"PROGRAM-DATE-TIME of primary and backup: {1000 * worst:.0f} ms apart at most, {len(found)} segments")
    if 0.1 < slot_phase < 0.9:      # else a keyframe lies on the border of two slots, on either side of it
        assert worst < 0.1 * klive.SLOW, found
    status = [launcher.status()["entries"][0] for launcher in (server.launcher, second)]
    assert [s["index"] for s in status] == [0, 1]

    server.encoders[0].stop()
    for index in (0, 1):
        wait_for(f"{index} unregistered", lambda: server.sandbox.registered(index=index) is None, 20)
    gone = [c for c in server.sandbox.calls("unregisterMediaServer")]
    assert len(gone) == 2 and {c["result"] for c in gone} == {"OK"}, gone


def test_one_leaves_the_other_stays(server, second, card):
    server.publish(card, server.launcher.rtmp_url(index=0))
    server.publish(card, second.rtmp_url(index=1))
    for index in (0, 1):
        wait_for(f"registration of {index}", lambda: server.sandbox.registered(index=index) == HOSTS[index], 20)
    second.wait_master(backup=True)
    server.encoders[0].stop()
    wait_for("only the primary is unregistered", lambda: server.sandbox.registered(index=0) is None, 20)
    assert server.sandbox.registered(index=1) == HOSTS[1] and not chunklist(second, backup=True)["ended"]


class Player:
    """Follows the plain URL as players do: by numbers, and checks what it gets."""

    def __init__(self, launcher):
        self.launcher, self.played, self.faults, self.over = launcher, [], [], False
        self.highest = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over:
            try:
                self.look(chunklist(self.launcher))
            except OSError:
                pass
            time.sleep(0.2)

    def look(self, playlist):
        if not playlist or not playlist["segments"]:
            return
        if playlist["ended"] and not self.over:
            self.faults.append("ENDLIST")
        number = playlist["discontinuity_sequence"]
        last = playlist["segments"][-1]["sequence"]
        if last < self.highest:
            self.faults.append(f"numbers go back from {self.highest} to {last}")
        self.highest = last
        for segment in playlist["segments"]:
            number += segment.get("breaks", 0)
            if self.played and segment["sequence"] <= self.played[-1]["sequence"]:
                continue
            segment |= {"number": number, "index": segment["uri"].split("/")[-1][0]}
            self.check(segment)
            self.played.append(segment)

    def check(self, segment):
        before = self.played[-1] if self.played else None
        if not before:
            return
        if segment["number"] < before["number"]:
            self.faults.append(f"discontinuity numbers go back: {before} {segment}")
        if segment["index"] != before["index"] and segment["number"] == before["number"]:
            self.faults.append(f"no discontinuity between the indexes: {before} {segment}")
        if seconds(segment["date"]) < seconds(before["date"]) + before["duration"] - 2.1:    # more than one segment
            self.faults.append(f"what was played comes again: {before} {segment}")

    def indexes(self):
        """What was played, "0", "1", "0"."""
        return [s["index"] for i, s in enumerate(self.played) if i == 0 or s["index"] != self.played[i - 1]["index"]]



@pytest.mark.deadline(120)
def test_plain_url_there_and_back(server, card):
    launcher = server.start(QUICK, data=klive.passthrough_data()).launcher
    server.publish(card, launcher.rtmp_url(index=1))
    player = Player(launcher)
    wait_for("the backup alone plays", lambda: player.indexes() == ["1"], 20)
    primary = server.publish(card)
    wait_for("the primary plays", lambda: player.indexes()[-1:] == ["0"] and len(player.played) > 3, 20)
    primary.stop(signal.SIGKILL)
    wait_for("the backup plays", lambda: player.indexes()[-1:] == ["1"] and len(player.played) > 8, 25)
    server.publish(card)
    wait_for("the primary plays again", lambda: player.indexes()[-1:] == ["0"], 25)
    back = len(player.played)
    wait_for("and goes on", lambda: len(player.played) > back + 2, 20)
    player.over = True
    player.thread.join()
    assert player.indexes() == ["1", "0", "1", "0"] and not player.faults, player.faults
    backup = chunklist(launcher, backup=True)
    assert not backup["ended"] and backup["segments"][-1]["uri"].split("/")[-1].startswith("1-")
