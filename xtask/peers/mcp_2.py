"""The Python SDK, which speaks both eras."""

import httpx2
import mcp
import mcp_types as types
from mcp.client.streamable_http import streamable_http_client

from talk import run, text

MODES = {"stateful": "legacy", "stateless": "2026-07-28"}


class Client:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, tool, arguments, hear):
        return text(await self.client.call_tool(tool, arguments, progress_callback=hear))


async def connect(line):
    async def elicit(_, params):
        return types.ElicitResult(action="accept", content=line.ask(params.message))

    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {line.key}"}, timeout=30) as http:
        transport = streamable_http_client(line.url, http_client=http)
        async with mcp.Client(transport, mode=MODES[line.era], elicitation_callback=elicit) as client:
            yield Client(client)


run(connect)
