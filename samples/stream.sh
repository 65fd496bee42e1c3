#!/bin/sh
# Hears a text while it is made, with curl: samples/stream.sh TEXT [VOICE] | aplay
# What comes is a wav; ECHO_FORMAT: mp3, opus, aac, flac or pcm instead.
#
# ECHO_BASE_URL: http://127.0.0.1:8000/v1; ECHO_API_KEY: the server's key, if it wants one.
# ECHO_PARAMETERS: more fields of the request, e.g. '"speed": 1.2, "seed": 7'.
set -eu
[ $# -ge 1 ] || { echo "usage: stream.sh TEXT [VOICE]" >&2; exit 2; }
# A text as JSON.
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | awk '{ printf "%s%s", n++ ? "\\n" : "", $0 }'; }
exec curl -sSN --fail-with-body "${ECHO_BASE_URL:-http://127.0.0.1:8000/v1}/audio/speech" \
  -H "Authorization: Bearer ${ECHO_API_KEY:-none}" -H 'Content-Type: application/json' \
  -d "{\"input\": \"$(quoted "$1")\", \"voice\": \"$(quoted "${2:-alloy}")\",
       \"response_format\": \"${ECHO_FORMAT:-wav}\"${ECHO_PARAMETERS:+, $ECHO_PARAMETERS}}"
