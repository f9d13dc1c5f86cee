"""The Python SDK in its first line, which speaks the stateful era."""

from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client

from talk import run, text


class Client:
    def __init__(self, session):
        self.session = session

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, tool, arguments, hear):
        return text(await self.session.call_tool(tool, arguments, progress_callback=hear))


async def connect(line):
    async def elicit(_, params):
        return types.ElicitResult(action="accept", content=line.ask(params.message))

    headers = {"Authorization": f"Bearer {line.key}"}
    async with streamablehttp_client(line.url, headers=headers) as (read, write, _):
        async with ClientSession(read, write, elicitation_callback=elicit) as session:
            await session.initialize()
            yield Client(session)


run(connect)
