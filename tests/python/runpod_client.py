"""The platform's own client, unmodified, against the local API, both of its ways.

Argument: port. The server's handler does what its input says. Prints one JSON object of what the
client saw."""

import asyncio
import json
import sys
import time

import runpod
from runpod import AsyncioEndpoint
from runpod.http_client import ClientSession

runpod.endpoint_url_base = f"http://127.0.0.1:{sys.argv[1]}/v2"
runpod.api_key = "key"
pieces = ["a", {"b": 2}, "c"]


def blocking():
    endpoint = runpod.Endpoint("ep")
    found = {"run_sync": endpoint.run_sync({"return": {"spoken": "sync"}})}
    job = endpoint.run({"input": {"return": "async"}, "policy": {"executionTimeout": 60000}})
    found["output"] = job.output(timeout=60)
    found["status"] = job.status()
    failed = endpoint.run({"error": "no voice"})
    failed.output(timeout=60)
    found["failed"] = failed.status()
    found["stream"] = list(endpoint.run({"stream": pieces}).stream())

    waiting = endpoint.run({"wait": True})
    while waiting.status() != "IN_PROGRESS":
        time.sleep(0.02)
    queued = endpoint.run({"return": 1})
    found["health_busy"] = endpoint.health()["jobs"]
    found["purge"] = endpoint.purge_queue()
    found["purged"] = queued.status()
    found["cancel"] = waiting.cancel()["status"]
    found["cancelled"] = waiting.status()
    found["health"] = endpoint.health()["jobs"]
    try:
        runpod.Endpoint("ep", api_key="wrong").run({"return": 1})
    except RuntimeError as error:
        found["wrong_key"] = str(error)
    return found


async def asynchronous():
    async with ClientSession() as session:
        endpoint = AsyncioEndpoint("ep", session)
        job = await endpoint.run({"return": "async"})
        found = {"output": await job.output(timeout=60), "status": await job.status()}
        streamed = await endpoint.run({"stream": pieces})
        found["stream"] = [piece async for piece in streamed.stream()]
        waiting = await endpoint.run({"wait": True})
        while await waiting.status() != "IN_PROGRESS":
            await asyncio.sleep(0.02)
        queued = await endpoint.run({"return": 1})
        found["purge"] = await endpoint.purge_queue()
        found["purged"] = await queued.status()
        found["cancel"] = (await waiting.cancel())["status"]
        found["cancelled"] = await waiting.status()
        found["health"] = (await endpoint.health())["jobs"]
        return found


print(json.dumps({"blocking": blocking(), "async": asyncio.run(asynchronous())}))
