"""A TLS connection is closed soon, whether or not the other side says goodbye."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.loop import Loop
from tests.certificates import Certificates, make_certificates

LONG_S = 20.0


@contextmanager
def silent_server(certificates: Certificates) -> Iterator[int]:
    """Listen with TLS, and never answer anything, not even a goodbye."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    over = threading.Event()

    def serve() -> None:
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True):
            over.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            thread.join()


def test_a_connection_without_a_goodbye_is_closed_soon(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "certificates")
    trusted = ssl.create_default_context(cafile=certificates.authority)

    async def close(port: int) -> float:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
        began_s = time.monotonic()
        writer.close()
        try:
            async with asyncio.timeout(LONG_S):
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        except TimeoutError:
            writer.transport.abort()
        return time.monotonic() - began_s

    with silent_server(certificates) as port, asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(close(port)) < LONG_S
