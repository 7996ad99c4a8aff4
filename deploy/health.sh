#!/usr/bin/env bash
# Asks the plain health listener of this machine: exit 0 when the answer is 200, 1 otherwise, with the reasons on stderr.
# `pix-stream-health live` tells whether the process is to be restarted, `ready` whether it is to be given requests.
# For probes inside a container: that listener exists on loopback alone, and asks for no certificate.
set -uo pipefail

what=${1:-ready}
address=${PIX_STREAM_LISTEN_PLAIN_HEALTH_LISTEN:-127.0.0.1:9080}
case $what in
live | ready) ;;
*)
    echo "usage: pix-stream-health live|ready" >&2
    exit 2
    ;;
esac

if ! exec 3<>"/dev/tcp/${address%:*}/${address##*:}"; then
    exit 1
fi
printf 'GET /health/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$what" >&3
IFS= read -r -t 3 status <&3 || exit 1
case $status in
*' 200'*) exit 0 ;;
esac
cat <&3 >&2
exit 1
