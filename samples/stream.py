#!/usr/bin/env python3
"""Writes a text's speech while it is made, with OpenAI's own client: pip install openai, then

    samples/stream.py TEXT [VOICE] | aplay

ECHO_BASE_URL: http://127.0.0.1:8000/v1; ECHO_API_KEY: the server's key, if it wants one.
ECHO_PARAMETERS: a JSON object of more fields of the request.
"""
import json
import os
import sys
import time

import openai

if len(sys.argv) < 2:
    sys.exit("usage: stream.py TEXT [VOICE] | aplay")
client = openai.OpenAI(
    base_url=os.environ.get("ECHO_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ECHO_API_KEY", "none"),
)
begin = time.monotonic()
with client.audio.speech.with_streaming_response.create(
    model="echo-tts",
    voice=sys.argv[2] if len(sys.argv) > 2 else "alloy",
    input=sys.argv[1],
    response_format="wav",
    extra_body=json.loads(os.environ.get("ECHO_PARAMETERS", "{}")),
) as answer:
    first = True
    for piece in answer.iter_bytes(4096):
        if first:
            print(f"first sound after {1000 * (time.monotonic() - begin):.0f} ms", file=sys.stderr)
            first = False
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
