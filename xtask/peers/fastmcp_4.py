"""The client of fastmcp, which speaks both eras."""

import fastmcp
from fastmcp.client.transports import StreamableHttpTransport

from talk import run, text

MODES = {"stateful": "legacy", "stateless": "2026-07-28"}


class Client:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, tool, arguments, hear):
        return text(await self.client.call_tool(tool, arguments, progress_handler=hear))


async def connect(line):
    async def elicit(message, _type, _params, _context):
        return line.ask(message)

    transport = StreamableHttpTransport(line.url, headers={"Authorization": f"Bearer {line.key}"})
    async with fastmcp.Client(transport, mode=MODES[line.era], elicitation_handler=elicit) as client:
        yield Client(client)


run(connect)
