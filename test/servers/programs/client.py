"""Connects to the URL given, lists the tools, calls one, and prints both as JSON."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main(url: str, name: str, arguments: dict) -> None:
    async with streamablehttp_client(url) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            result = await session.call_tool(name, arguments)
            print(json.dumps({"tools": tools, "text": result.content[0].text}))


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
