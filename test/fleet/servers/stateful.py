"""A stateful Streamable HTTP server of the SDK for Python or of FastMCP, and how many sessions it holds.

Run by the Python of its packages: python stateful.py
"""

import gc
import json
import socket
import sys

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import JSONResponse

try:
    import fastmcp

    server = fastmcp.FastMCP("stateful")
except ImportError:
    try:
        from mcp.server.fastmcp import FastMCP

        server = FastMCP("stateful")
    except ImportError:
        from mcp.server import MCPServer

        server = MCPServer("stateful")


@server.tool()
def ping() -> str:
    return "pong"


app = server.http_app() if hasattr(server, "http_app") else server.streamable_http_app()

# The manager names every session it ever registered here, whatever became of it.
SESSIONS = "_server_instances"


async def sessions(_request: Request) -> JSONResponse:
    managers = [found for found in gc.get_objects() if isinstance(found, StreamableHTTPSessionManager)]
    held = [found for manager in managers for found in getattr(manager, SESSIONS)]
    return JSONResponse({"open": len(held), "managers": len(managers)})


app.add_route("/sessions", sessions)

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(json.dumps({"listening": listener.getsockname()[1]}, separators=(",", ":")), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
sys.exit(0)
