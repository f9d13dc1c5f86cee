"""Two users with the unmodified Python SDK: initialize, list and call, both at once, through the hub."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


def text(result):
    return "\n".join(part.text for part in result.content if part.type == "text")


async def use(url, user, key, others):
    headers = {"Authorization": f"Bearer {key}"}
    async with streamablehttp_client(f"{url}/mcp/db", headers=headers) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            assert "set_context" in tools, tools
            await session.call_tool("set_context", {"project": f"project-of-{user}"})
            await others.wait()
            data = text(await session.call_tool("get_data", {}))
            assert f"project project-of-{user} " in data, data
    async with streamablehttp_client(f"{url}/mcp/github", headers=headers) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            who = text(await session.call_tool("whoami", {}))
            assert f"you are {user} " in who, who
    print(f"{user}: initialize, list and call work, and answers are {user}'s own")


async def main():
    url, *users = sys.argv[1:]
    pairs = [user.split("=", 1) for user in users]
    # Each reads only when all have written: the order in which a shared session shows.
    others = asyncio.Barrier(len(pairs))
    await asyncio.gather(*(use(url, user, key, others) for user, key in pairs))


asyncio.run(main())
