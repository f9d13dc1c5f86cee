"""A hub as fastmcp makes it: one proxy for each upstream, one key for each user, credentials as configured.

Usage: hub.py CONFIG.json PORT
"""

import contextlib
import json
import sys

import uvicorn
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.providers.proxy import FastMCPProxy, ProxyClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route


def credential(config, upstream):
    """The token that goes upstream: the caller's own, one for everybody, or none."""
    if config["credentials"] == "shared":
        return upstream["token"]
    if config["credentials"] == "per-user":
        caller = get_access_token()
        return caller and config["tokens"][caller.client_id].get(upstream["name"])
    return None


def proxy(config, upstream):
    def client():
        token = credential(config, upstream)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return ProxyClient(StreamableHttpTransport(upstream["url"], headers=headers))

    keys = {key: {"client_id": user, "scopes": []} for key, user in config["keys"].items()}
    server = FastMCPProxy(client_factory=client, name=upstream["name"], auth=StaticTokenVerifier(keys))
    return server.http_app(path="/mcp")


def main(path, port):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    apps = {upstream["name"]: proxy(config, upstream) for upstream in config["upstreams"]}

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with contextlib.AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.lifespan(app))
            yield

    routes = [Mount(f"/{name}", app=app) for name, app in apps.items()]
    routes.append(Route("/health", lambda _: PlainTextResponse("ready")))
    uvicorn.run(Starlette(routes=routes, lifespan=lifespan), host="127.0.0.1", port=int(port))


main(*sys.argv[1:])
