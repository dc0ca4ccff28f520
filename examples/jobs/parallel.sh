#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run spread over jobs by GNU parallel, then merged:
#
#   parallel.sh SHARDS JOBS FOLDER [options of vkhrope-ppl: what to measure]
#
# SHARDS parts, JOBS of them at a time; FOLDER gets shard-*.json, the log of jobs, and results.html,
# .json and .csv. Started again, it computes what is missing only. With `--sshloginfile` in PARALLEL
# (see parallel's manual) the jobs run on other machines, which must see the same files.
set -euo pipefail
shards=$1 jobs=$2 folder=$3
shift 3
ppl=${VKHROPE_PPL:-vkhrope-ppl}
mkdir -p "$folder"
parallel --jobs "$jobs" --joblog "$folder/jobs.log" --resume-failed --halt soon,fail=1 --quote \
    "$ppl" "$@" --quiet --shard "{}/$shards" --output "$folder/shard-{}.json" ::: $(seq "$shards")
files=()
for i in $(seq "$shards"); do
    files+=("$folder/shard-$i.json")
done
"$ppl" merge "${files[@]}" -o "$folder/results.html" -o "$folder/results.json" -o "$folder/results.csv"
