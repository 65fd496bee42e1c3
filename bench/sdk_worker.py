"""The platform's own SDK with a handler that sleeps as long as each job says: the yardstick of
echo_sdk_bench. Argument: how many jobs it takes at once."""

import asyncio
import sys

import runpod

at_once = int(sys.argv.pop())


async def handler(job):
    seconds = job["input"].get("sleep", 0)
    if seconds:
        await asyncio.sleep(seconds)
    return {"status": "completed"}


runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda _: at_once})
