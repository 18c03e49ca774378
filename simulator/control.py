"""
The control API, below `/control/`: JSON in, JSON out. docs/simulator.md lists what there is.

It has no token: whoever reaches it can change everything, so it belongs on a loopback address.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import control_state as state
from simulator.control_changes import HANDLERS, Handler
from simulator.edits import EditRejected
from simulator.instance import NotThere
from simulator.simulation import Simulation

_STATE: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/idle", state.get_idle),
    ("GET", "/catalog", state.get_catalog),
    ("GET", "/resource", state.get_resource),
    ("GET", "/webhook", state.get_webhook),
    ("GET", "/webhook/notifications", state.get_notifications),
    ("POST", "/webhook/enable", state.enable_webhook),
    ("POST", "/webhook/disable", state.disable_webhook),
    ("GET", "/subscription", state.get_subscription),
    ("PUT", "/subscription", state.put_subscription),
    ("GET", "/webhook/options", state.get_options),
    ("PUT", "/webhook/options", state.put_options),
    ("GET", "/behaviour", state.get_behaviour),
    ("PUT", "/behaviour", state.put_behaviour),
    ("GET", "/faults", state.get_faults),
    ("DELETE", "/faults", state.delete_faults),
    ("PUT", "/faults/{fault}", state.put_fault),
    ("DELETE", "/faults/{fault}", state.delete_faults),
    ("GET", "/quota", state.get_quota),
    ("PUT", "/quota", state.put_quota),
    ("GET", "/requests", state.get_requests),
    ("DELETE", "/requests", state.delete_requests),
)


def control_routes(simulation: Simulation) -> list[Route]:
    """Return the routes of the control API."""
    changing = [("POST", path, handler) for path, handler in HANDLERS.items()]
    return [
        Route(f"/control{path}", _endpoint(simulation, handler), methods=[method])
        for method, path, handler in (*changing, *_STATE)
    ]


def _endpoint(simulation: Simulation, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            content = await handler(simulation, request)
        except NotThere as error:
            return _to_response({"error": str(error)}, status=404)
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            ]
            return _to_response({"error": "; ".join(problems)}, status=422)
        except (EditRejected, ValueError, KeyError) as error:
            return _to_response({"error": str(error)}, status=422)
        return content if isinstance(content, Response) else _to_response(content)

    return endpoint


def _to_response(content: object, *, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
