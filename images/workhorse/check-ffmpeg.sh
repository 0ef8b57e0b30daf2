#!/bin/bash
# Proves ffmpeg.sh: a second of test tone is encoded, and read back as one second.
set -euo pipefail

die() {
  echo "check-ffmpeg.sh: $*" >&2
  exit 1
}

main() {
  local said
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  ffmpeg -nostdin -loglevel error -f lavfi -i sine=frequency=440:duration=1 -c:a aac "$work/tone.m4a" ||
    die "ffmpeg encodes no test tone"
  said=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$work/tone.m4a") || die "ffprobe does not read the tone"
  echo "$said" | awk '{ exit !($1 > 0.9 && $1 < 1.2) }' || die "one second of tone became $said"
  echo "ok    FFmpeg encodes a tone"
}

main </dev/null
