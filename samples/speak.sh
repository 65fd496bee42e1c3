#!/bin/sh
# Speaks a text through an endpoint with curl: samples/speak.sh TEXT FILE [VOICE]
#
# ECHO_URL: https://api.runpod.ai/v2/ENDPOINT, or a server of one's own such as
# http://127.0.0.1:8000/v2/local; RUNPOD_API_KEY: its key, if it wants one. To try it without weights,
# `echo-tts worker --rp_serve_api` in another terminal speaks with a small voice; VOICE: rms.flac.
# ECHO_PARAMETERS: a JSON object of the sampler's parameters.
set -eu
[ $# -ge 2 ] || { echo "usage: speak.sh TEXT FILE [VOICE]" >&2; exit 2; }
url=${ECHO_URL:-http://127.0.0.1:8000/v2/local}
call() { curl -sS --fail-with-body -H "Authorization: Bearer ${RUNPOD_API_KEY:-none}" "$@"; }
# A text as JSON, and a field's text out of an answer.
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | awk '{ printf "%s%s", n++ ? "\\n" : "", $0 }'; }
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

voice=null
[ -z "${3:-}" ] || voice="\"$(quoted "$3")\""
job=$(call "$url/run" -H 'Content-Type: application/json' -d "{\"input\": {\"text\": \"$(quoted "$1")\",
  \"speaker_voice\": $voice, \"parameters\": ${ECHO_PARAMETERS:-{\}}}}" | field id)
while :; do
  answer=$(call "$url/status/$job")
  case $(printf '%s' "$answer" | field status | head -n 1) in
    IN_QUEUE | IN_PROGRESS) sleep "${ECHO_POLL_SECONDS:-2}" ;;
    *) break ;;
  esac
done
link=$(printf '%s' "$answer" | field url)
[ -n "$link" ] || { printf '%s\n' "$answer" >&2; exit 1; }
curl -sS --fail -o "$2" "$link"
echo "$2"
