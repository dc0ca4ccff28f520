#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run spread over jobs by GNU parallel, then merged:
#
#   parallel.sh SHARDS JOBS FOLDER [options of vkhrope-ppl: what to measure]
#
# SHARDS parts, JOBS of them at a time; FOLDER gets shard-*.json, the log of jobs, and results.html,
# .json and .csv. Started again with the same options, it computes the shards whose files are missing.
# With `--sshloginfile` in PARALLEL (see parallel's manual) the jobs run on other machines, which must
# see the same files.
set -euo pipefail
shards=$1 jobs=$2 folder=$3
shift 3
ppl=${VKHROPE_PPL:-vkhrope-ppl}
mkdir -p "$folder"
command=$(printf '%q ' "$shards" "$ppl" "$@")
if [ -e "$folder/command" ] && [ "$(cat "$folder/command")" != "$command" ]; then
    echo "$folder has the shards of another command (see $folder/command): name another folder" >&2
    exit 1
fi
printf '%s\n' "$command" >"$folder/command"
files=() missing=()
for i in $(seq "$shards"); do
    files+=("$folder/shard-$i.json")
    [ -e "$folder/shard-$i.json" ] || missing+=("$i")
done
if [ ${#missing[@]} -gt 0 ]; then
    parallel --jobs "$jobs" --joblog "$folder/jobs.log" --halt soon,fail=1 --quote \
        "$ppl" "$@" --quiet --shard "{}/$shards" --output "$folder/shard-{}.json" ::: "${missing[@]}"
fi
"$ppl" merge "${files[@]}" -o "$folder/results.html" -o "$folder/results.json" -o "$folder/results.csv"
