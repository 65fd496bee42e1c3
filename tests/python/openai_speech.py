"""OpenAI's own client, unmodified, against the speech API, and what other Python clients do.

Argument: the port of a server that speaks a tone. Prints one JSON object of what it saw."""

import asyncio
import io
import json
import sys
import wave

import openai

port = sys.argv[1]
base = f"http://127.0.0.1:{port}/v1"
said = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}
found = {}


def failure(**fields):
    try:
        openai.OpenAI(api_key="key", base_url=base).audio.speech.create(**{**said, **fields})
    except openai.APIStatusError as error:
        return {
            "name": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "param": error.param,
            "type": error.type,
            "id": error.request_id,
        }


def blocking():
    client = openai.OpenAI(api_key="key", base_url=base)
    found["formats"] = {}
    for name in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        found["formats"][name] = len(client.audio.speech.create(**said, response_format=name).content)
    # As wyoming_openai reads a stream: the header out of the first 2,048 bytes.
    with client.audio.speech.with_streaming_response.create(**said, response_format="wav") as answer:
        pieces = answer.iter_bytes(2048)
        first = next(pieces)
        with wave.open(io.BytesIO(first)) as header:
            found["wave"] = [header.getframerate(), header.getnchannels(), header.getsampwidth()]
        found["wave_bytes"] = len(first) + sum(len(piece) for piece in pieces)
    found["models"] = [model.id for model in client.models.list()]
    found["model"] = client.models.retrieve("tts-1").id
    found["unknown_model"] = failure(model="none")
    found["unknown_voice"] = failure(voice="nobody")
    found["broken"] = failure(input="Break it.")


async def streaming():
    """As Pipecat: bare samples, 24,000 a second, read while they come."""
    client = openai.AsyncOpenAI(api_key="key", base_url=base)
    async with client.audio.speech.with_streaming_response.create(
        **said, response_format="pcm"
    ) as answer:
        found["pcm_status"] = answer.status_code
        found["pcm_bytes"] = 0
        async for chunk in answer.iter_bytes(1024):
            found["pcm_bytes"] += len(chunk)


blocking()
asyncio.run(streaming())
print(json.dumps(found))
