"""The application of the operations port: is it alive, can it accept, what does it count."""

from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from runtime.metrics import REGISTRY, build_info


def create_operations_app(
    can_accept: Callable[[], dict[str, bool]], scraped: Callable[[], None] = lambda: None
) -> Starlette:
    """
    Return the application; *can_accept* says of each rung of the ladder whether it would hold.

    *scraped* is told whenever somebody reads the metrics.

    `/readyz` says "I can durably accept", and nothing about Kafka: one rung is enough.
    """
    build_info.labels(version("quindex")).set(1)

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        rungs = can_accept()
        is_ready = any(rungs.values())
        return JSONResponse({"ready": is_ready, **rungs}, 200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        scraped()
        return PlainTextResponse(generate_latest(REGISTRY))

    return Starlette(
        routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    )
