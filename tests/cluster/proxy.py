# SPDX-License-Identifier: MIT
"""Doors on 127.0.0.1 that can be silenced: bytes go through to a port behind until a cut, then nothing does, either way, and no
socket closes; connections made meanwhile are taken and stay mute. A heal lets what waits go on.

    with Doors({"tokyo-1": [5432, 5433]}) as doors:      # a process of its own
        doors.ports["tokyo-1"]                           # [a port for each behind]
        doors.cut("tokyo-1"); doors.heal("tokyo-1")
"""

import asyncio
import json
import subprocess
import sys
import threading

CHUNK = 65536


class Doors:
    def __init__(self, behind):
        self.process = subprocess.Popen([sys.executable, "-B", __file__, json.dumps(behind)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.process.stdout.readline())
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)

    def _say(self, *words):
        """Done when it is answered."""
        with self._lock:
            self.process.stdin.write(json.dumps(words) + "\n")
            self.process.stdin.flush()
            self.process.stdout.readline()

    def cut(self, name):
        self._say("cut", name)

    def heal(self, name):
        self._say("heal", name)


# --- the process --------------------------------------------------------------------------------------------------------

async def pump(reader, writer, opened):
    try:
        while True:
            data = await reader.read(CHUNK)
            await opened.wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def door(port, opened):
    async def enter(reader, writer):
        await opened.wait()
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, behind_writer, opened), pump(behind_reader, writer, opened), return_exceptions=True)
    return enter


async def serve(behind):
    opened, ports = {}, {}
    servers = []
    for name, targets in behind.items():
        opened[name] = asyncio.Event()
        opened[name].set()
        for target in targets:
            server = await asyncio.start_server(door(target, opened[name]), "127.0.0.1", 0)
            servers.append(server)
            ports.setdefault(name, []).append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        what, name = json.loads(line)
        opened[name].clear() if what == "cut" else opened[name].set()
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
