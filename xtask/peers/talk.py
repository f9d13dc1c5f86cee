"""What a Python client does for each of its users, side by side, and what came of it.

The work comes as JSON on standard input; for every step that is not a meeting, one line of JSON goes to standard
output. Nothing is judged here: whoever gave the work knows what has to come.
"""

import asyncio
import contextlib
import json
import sys


class Line:
    """One user's client at one route, as the steps see it."""

    def __init__(self, url, key, era):
        self.url, self.key, self.era = url, key, era
        self.asked, self.answer = [], None

    def ask(self, message):
        """What the user answers to a question: an object for the form, or nothing."""
        self.asked.append(message)
        return self.answer


async def call(client, line, step):
    """Calls a tool; tells its text, what was heard and asked on the way, and whether it ended otherwise."""
    line.asked, line.answer = [], step.get("answer")
    heard, begun = [], asyncio.Event()

    async def hear(progress, total=None, message=None):
        heard.append({"progress": progress, "total": total, "message": message})
        begun.set()

    follow = hear if step.get("follow") else None
    calling = asyncio.ensure_future(client.call(step["tool"], step["arguments"], follow))
    if step.get("cancel"):
        beginning = asyncio.ensure_future(begun.wait())
        await asyncio.wait([calling, beginning], return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        calling.cancel()
    came = {}
    try:
        came["text"] = await calling
    except asyncio.CancelledError:
        came["ended"] = "canceled"
    except Exception as error:  # Whatever a client says is what came.
        came["error"] = repr(error)
    if step.get("follow"):
        came["heard"] = heard
    if line.asked or "answer" in step:
        came["asked"] = line.asked
    return came


async def visit(connect, work, user, visit, meetings):
    line = Line(f"{work['url']}/{visit['route']}", user["key"], work["era"])
    async with connect(line) as client:
        for number, step in enumerate(visit["steps"]):
            if step["do"] == "meet":
                await meetings.wait()
                continue
            came = {"tools": await client.tools()} if step["do"] == "list" else await call(client, line, step)
            told = {"user": user["name"], "route": visit["route"], "step": number, "came": came}
            print(json.dumps(told), flush=True)


async def use(connect, work, user, meetings):
    for each in user["visits"]:
        await visit(connect, work, user, each, meetings)


async def talk(connect):
    work = json.load(sys.stdin)
    meetings = asyncio.Barrier(len(work["users"]))
    users = [asyncio.ensure_future(use(connect, work, user, meetings)) for user in work["users"]]
    done, _ = await asyncio.wait(users, return_when=asyncio.FIRST_EXCEPTION)
    for user in done:
        # One that failed leaves the others waiting for it; its error says why.
        user.result()


def run(connect):
    """Does the work with `connect`, which makes a client of a [`Line`]: an async context manager."""
    asyncio.run(talk(contextlib.asynccontextmanager(connect)))


def text(result):
    return "\n".join(part.text for part in result.content if part.type == "text")
