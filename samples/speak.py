#!/usr/bin/env python3
"""Speaks a text through an endpoint with the standard library: speak.py TEXT FILE [VOICE]

ECHO_URL: https://api.runpod.ai/v2/ENDPOINT, or a server of one's own such as
http://127.0.0.1:8000/v2/local; RUNPOD_API_KEY: its key, if it wants one. To try it without weights,
`echo-tts worker --rp_serve_api` in another terminal speaks with a small voice; VOICE: rms.flac.
ECHO_PARAMETERS: a JSON object of the sampler's parameters.
"""
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("ECHO_URL", "http://127.0.0.1:8000/v2/local")


def call(path, body=None):
    request = urllib.request.Request(
        URL + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + os.environ.get("RUNPOD_API_KEY", "none"),
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.code} {error.read().decode(errors='replace')}")


def main():
    if len(sys.argv) < 3:
        print("usage: speak.py TEXT FILE [VOICE]", file=sys.stderr)
        return 2
    text, file, voice = (sys.argv[1:] + [None])[:3]
    parameters = json.loads(os.environ.get("ECHO_PARAMETERS", "{}"))
    job = call("/run", {"input": {"text": text, "speaker_voice": voice, "parameters": parameters}})
    while job["status"] in ("IN_QUEUE", "IN_PROGRESS"):
        time.sleep(float(os.environ.get("ECHO_POLL_SECONDS", "2")))
        job = call("/status/" + job["id"])
    if job["status"] != "COMPLETED":
        sys.exit(f"{job['status']}: {job.get('error')}")
    with urllib.request.urlopen(job["output"]["url"], timeout=60) as audio, open(file, "wb") as out:
        shutil.copyfileobj(audio, out)
    print(f"{file}: {job['output']['metadata']['duration']} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
