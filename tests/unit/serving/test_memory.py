"""What many callers that never finish cost: anybody in the cluster can be one."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from runtimeenv.crypto.certificates import issue_authority, issue_serving

CALLERS = 200
HALF = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" + b"a" * 400_000
ROOM = 64 * 1024 * 1024
"""The bodies that a server holds at once are 24 MiB; unbounded, these callers would take twice this."""

SERVER = """
import asyncio, pathlib, resource, sys
import uvloop
from runtimeenv.serving.http import Answer
from runtimeenv.serving.server import Server
from runtimeenv.serving.tls import Certificates

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def main():
    certificates = Certificates()
    certificates.load(pathlib.Path(sys.argv[1]))
    server = Server({("POST", "/echo"): lambda body: Answer(200, body)})
    print(await server.start("127.0.0.1", 0, certificates.context), flush=True)
    before = peak()
    await asyncio.to_thread(sys.stdin.readline)
    print(peak() - before, flush=True)
    server.close()

uvloop.run(main())
"""


async def test_callers_that_send_halves_cost_bounded_memory(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    serving = issue_serving(issue_authority(now), ["127.0.0.1"], now)
    (tmp_path / "tls.crt").write_bytes(serving.certificate)
    (tmp_path / "tls.key").write_bytes(serving.private_key)
    pipe = asyncio.subprocess.PIPE
    argv = (sys.executable, "-c", SERVER, str(tmp_path))
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, env={"PYTHONPATH": "operator"})
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    writers = [await half(port) for _ in range(CALLERS)]
    process.stdin.write(b"\n")
    grown = int(await process.stdout.readline())
    await process.wait()
    for writer in writers:
        writer.transport.abort()
    assert grown < ROOM


async def half(port: int) -> asyncio.StreamWriter:
    """Sends half a request as far as it is taken, and stays."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(HALF)
    with suppress(ConnectionError):
        await writer.drain()
    return writer
