#!/bin/sh
# The runs of an experiment, two at a time on this machine:
#   sh bench/sweeps/local.sh color-shortcut --scale smoke
# With GNU parallel, on several machines that see this folder under the same path, in place of the line with xargs:
#   parallel --sshlogin node1,node2 --workdir . --joblog sweep.log < "$jobs"
# Given again after a stop, what is done is not done again, and what was begun goes on.
set -eu
simclr=${SIMCLR:-npx simclr}
jobs=$(mktemp)
trap 'rm -f "$jobs" "$jobs.json"' EXIT
$simclr experiment "$@" --plan --json > "$jobs.json"
jq -r '.jobs[].command' "$jobs.json" > "$jobs"
xargs -d '\n' -P "${WORKERS:-2}" -I {} sh -c '{} --quiet' < "$jobs"
sh -c "$(jq -r .gather "$jobs.json")"
