#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many encoders in one cheap process: crowd.py PORT FILE.flv. All send the same film over and over in real time, one
message at a time, as encoders do.

stdin: "publish QUERY NAME" adds a stream, "report" prints "streams=N lost=N late=MS" (late: the worst since the last
report) as one line on stdout. Ends with stdin.
"""

import heapq
import queue
import struct
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import rtmp  # noqa: E402

CHUNK_STREAMS = {rtmp.AUDIO: 4, rtmp.VIDEO: 6}


def chunks(chunk_stream, header, payload):
    """A message with the given header in chunks."""
    data = header + payload[:rtmp.CHUNK]
    for at in range(rtmp.CHUNK, len(payload), rtmp.CHUNK):
        data += bytes([0xC0 | chunk_stream]) + payload[at:at + rtmp.CHUNK]
    return data


class Film:
    """What every stream sends: `start` once, then `messages`, (time in ms, bytes), again and again. They hold time
    differences only, so the same bytes serve every round of every stream."""

    def __init__(self, path):
        tags = rtmp.flv_tags(path)
        media = [t for t in tags if t[0] in CHUNK_STREAMS and not rtmp.is_header(t)]
        self.duration = round(max(t[1] for t in media if t[0] == rtmp.VIDEO) + 1000 / 30)
        last = {kind: max(t[1] for t in media if t[0] == kind) - self.duration for kind in CHUNK_STREAMS}
        first = -min(last.values())
        self.start = b"".join(self.absolute(kind, last[kind] + first, payload) for kind, _, payload in
                              [t for t in tags if rtmp.is_header(t)])
        self.messages = []
        for kind, stamp, payload in sorted(media, key=lambda t: t[1]):
            self.messages.append((stamp, self.relative(kind, stamp - last[kind], payload)))
            last[kind] = stamp

    @staticmethod
    def absolute(kind, stamp, payload):
        header = bytes([CHUNK_STREAMS[kind]]) + stamp.to_bytes(3, "big") + len(payload).to_bytes(3, "big") + \
            bytes([kind]) + struct.pack("<I", 1)
        return chunks(CHUNK_STREAMS[kind], header, payload)

    @staticmethod
    def relative(kind, delta, payload):
        header = bytes([0x40 | CHUNK_STREAMS[kind]]) + delta.to_bytes(3, "big") + len(payload).to_bytes(3, "big") + \
            bytes([kind])
        return chunks(CHUNK_STREAMS[kind], header, payload)


class Stream:
    """One publisher: when its next message is due, and what its socket has not taken yet."""

    def __init__(self, film, publisher):
        self.film, self.socket = film, publisher.socket
        self.socket.setblocking(False)
        self.began, self.round, self.next = time.monotonic(), 0, 0
        self.rest = film.start

    def due(self):
        return self.began + (self.round * self.film.duration + self.film.messages[self.next][0]) / 1000

    def send(self):
        """The next message. False: the connection is gone."""
        self.rest += self.film.messages[self.next][1]
        self.next += 1
        if self.next == len(self.film.messages):
            self.next, self.round = 0, self.round + 1
        try:
            sent = self.socket.send(self.rest)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        self.rest = self.rest[sent:]
        return len(self.rest) < 4_000_000


def read_commands(port, film, commands):
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "publish":
            query, name = arguments
            try:
                commands.put(Stream(film, rtmp.Publisher(port, query, name, timeout=30)))
            except (rtmp.Refused, OSError) as error:
                print(f"{name}: {error}", file=sys.stderr, flush=True)
        else:
            commands.put(command)
    commands.put("end")


def take_commands(commands, streams, figures):
    """False: the end."""
    while not commands.empty():
        command = commands.get()
        if command == "end":
            return False
        if command == "report":
            print(f"streams={len(streams)} lost={figures['lost']} late={figures['late'] * 1000:.0f}", flush=True)
            figures["late"] = 0
        else:
            heapq.heappush(streams, (command.due(), id(command), command))
    return True


def main():
    film = Film(sys.argv[2])
    commands, streams, figures = queue.Queue(), [], {"lost": 0, "late": 0}
    threading.Thread(target=read_commands, args=(int(sys.argv[1]), film, commands), daemon=True).start()
    while take_commands(commands, streams, figures):
        now = time.monotonic()
        while streams and streams[0][0] <= now:
            due, key, stream = streams[0]
            figures["late"] = max(figures["late"], now - due)
            if stream.send():
                heapq.heapreplace(streams, (stream.due(), key, stream))
            else:
                heapq.heappop(streams)
                figures["lost"] += 1
        time.sleep(0.004)


if __name__ == "__main__":
    main()
