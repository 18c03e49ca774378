"""nginx as docs/examples/nginx.conf has it, but for addresses, TLS and five times its patience."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stack.ports import HOST, free_port

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "nginx.conf"
START_WITHIN_S = 20.0
_WHOLE = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""


def to_configuration(example: str, folder: Path, port: int, upstreams: tuple[int, int]) -> str:
    """Return the example with these ports, without the certificate that a test has not."""
    changed = {
        "listen 443 ssl;": f"listen {HOST}:{port};",
        "127.0.0.1:8080": f"{HOST}:{upstreams[0]}",
        "127.0.0.1:8082": f"{HOST}:{upstreams[1]}",
        "    ssl_certificate ": "    # ssl_certificate ",
        "    ssl_certificate_key ": "    # ssl_certificate_key ",
        # A shared machine is slow at times: what is proven here is that no call is lost.
        "proxy_connect_timeout 1s;": "proxy_connect_timeout 5s;",
        "proxy_read_timeout 2400ms;": "proxy_read_timeout 12s;",
        "proxy_next_upstream_timeout 2600ms;": "proxy_next_upstream_timeout 13s;",
        "limit_conn quindex_callers 1000;": "limit_conn quindex_callers 4000;",
    }
    for old, new in changed.items():
        assert example.count(old) == 1, f"the example has no {old!r} any more"
        example = example.replace(old, new)
    return _WHOLE.format(folder=folder, example=example)


@asynccontextmanager
async def nginx_before(upstreams: tuple[int, int], folder: Path) -> AsyncIterator[int]:
    """Run nginx before two ports; yield its own."""
    command = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert command, "nginx is not installed; apt-get install nginx-light, as .ci/run does"
    port, configuration = free_port(), folder / "nginx.conf"
    configuration.write_text(to_configuration(EXAMPLE.read_text(), folder, port, upstreams))
    process = await asyncio.create_subprocess_exec(
        command, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)
    )
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while not await _listens(port):
                assert process.returncode is None, (folder / "error.log").read_text()
                await asyncio.sleep(0.05)
        yield port
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        return True
    return False
