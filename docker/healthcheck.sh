#!/bin/bash
# The container's HEALTHCHECK: 0 if the worker lives and, where it serves HTTP, says that it is ready.
set -u
read -r pid port path 2>/dev/null <"${ECHO_HEALTH_FILE:-/tmp/echo-tts.health}" ||
  { echo "not started"; exit 1; }
[ -d "/proc/$pid" ] || { echo "the worker has ended"; exit 1; }
[ -n "${port:-}" ] || { echo "alive"; exit 0; }
exec 3<>"/dev/tcp/127.0.0.1/$port" || { echo "port $port is closed"; exit 1; }
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$path" >&3
read -r -t 5 _ status _ <&3 || { echo "no answer"; exit 1; }
case $status in
  200) echo "ready" ;;
  204) echo "loading"; exit 1 ;;
  *) echo "answered $status"; exit 1 ;;
esac
