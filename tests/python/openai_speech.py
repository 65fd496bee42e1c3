"""OpenAI's own client, unmodified, against the speech API.

Arguments: the port of a server that speaks a tone, the port of one whose queue is full, a folder
for the files. Prints one JSON object of what it saw."""

import asyncio
import base64
import json
import sys
import time
import urllib.request

import openai

port, full_port, folder = sys.argv[1:]
host = f"http://127.0.0.1:{port}"
client = openai.OpenAI(api_key="key", base_url=f"{host}/v1")
said = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}
# Two chunks: the server holds the second until nobody listens any more.
two_chunks = {
    "model": "echo-tts",
    "voice": "anna",
    "input": "Leave me after these words. Nobody waits to hear these.",
    "response_format": "pcm",
    "extra_body": {
        "max_chars_per_chunk": 30,
        "normalize_boundaries": False,
        "enable_crossfade": False,
    },
}
found = {}


def failure(asked=client, **fields):
    try:
        asked.audio.speech.create(**{**said, **fields})
    except openai.APIStatusError as error:
        return {
            "name": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "param": error.param,
            "type": error.type,
            "id": error.request_id,
            "again": error.response.headers.get("retry-after-ms"),
        }


def wait_until_left(count):
    """Until the server has noticed that so many of its listeners are gone."""
    end = time.monotonic() + 300
    request = urllib.request.Request(f"{host}/metrics", headers={"Authorization": "Bearer key"})
    line = f'echotts_cancelled_total{{cause="disconnect"}} {count}\n'
    while line not in urllib.request.urlopen(request).read().decode():
        if time.monotonic() > end:
            raise TimeoutError("the server speaks on to nobody")
        time.sleep(0.02)


def formats():
    found["types"] = {}
    for name in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        answer = client.audio.speech.with_raw_response.create(**said, response_format=name)
        found["types"][name] = answer.headers["content-type"]
        answer.parse().write_to_file(f"{folder}/speech.{name}")


def events():
    fields = {**said, "response_format": "pcm", "extra_body": {"seed": 7}}
    kinds, audio = [], b""
    with client.audio.speech.with_streaming_response.create(**fields, stream_format="sse") as answer:
        found["events_type"] = answer.headers["content-type"]
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line[6:])
            kinds.append(event["type"])
            audio += base64.b64decode(event.get("audio", ""))
            found["usage"] = event.get("usage")
    found["events"] = sorted(set(kinds))
    found["events_are_the_file"] = audio == client.audio.speech.create(**fields).content


def lists():
    found["models"] = [model.id for model in client.models.list()]
    found["model"] = client.models.retrieve("tts-1").id
    found["prefixes"] = {}
    for prefix in ("/v1", "/openai/v1", "/v2/any/openai/v1"):
        other = openai.OpenAI(api_key="key", base_url=host + prefix)
        answer = other.audio.speech.create(**said, response_format="pcm")
        found["prefixes"][prefix] = len(answer.content)


def failures():
    found["unknown_model"] = failure(model="none")
    found["unknown_voice"] = failure(voice="nobody")
    found["bad_speed"] = failure(speed=9)
    found["broken"] = failure(input="Break it.")
    found["wrong_key"] = failure(openai.OpenAI(api_key="wrong", base_url=f"{host}/v1"))
    asked = []
    full = openai.OpenAI(
        api_key="key",
        base_url=f"http://127.0.0.1:{full_port}/v1",
        http_client=openai.DefaultHttpxClient(event_hooks={"request": [asked.append]}),
    )
    found["full"] = failure(full)
    found["full_asked"] = len(asked)
    begin = time.monotonic()
    answer = client.audio.speech.create(**{**said, "input": "Try again.", "response_format": "pcm"})
    found["retried_bytes"] = len(answer.content)
    found["retried_after"] = time.monotonic() - begin


def leaving():
    with client.audio.speech.with_streaming_response.create(**two_chunks) as answer:
        next(answer.iter_bytes(1024))
    wait_until_left(1)

    async def cancelled():
        some = openai.AsyncOpenAI(api_key="key", base_url=f"{host}/v1")
        heard = asyncio.Event()

        async def listen():
            async with some.audio.speech.with_streaming_response.create(**two_chunks) as answer:
                async for _ in answer.iter_bytes(1024):
                    heard.set()

        task = asyncio.create_task(listen())
        await heard.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    wait_until_left(2)
    found["left"] = 2


formats()
events()
lists()
failures()
leaving()
print(json.dumps(found))
