#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A run spread over a cluster by Slurm: a job array of shards, and a job that merges them once all
# are done.
#
#   slurm.sh SHARDS FOLDER [options of vkhrope-ppl: what to measure]
#
# FOLDER, which all nodes see, gets shard-*.json, the jobs' logs, and results.html, .json and .csv.
# SBATCH_PARTITION, SBATCH_ACCOUNT, … (see sbatch's manual) choose where. A shard that failed is run
# again by `sbatch --array=I` with the same command; merge tells which are missing.
set -euo pipefail
shards=$1 folder=$2
shift 2
ppl=${VKHROPE_PPL:-vkhrope-ppl}
mkdir -p "$folder"
# The task's index is put in on the node; everything else is quoted here.
shard=$(printf '%q ' "$ppl" "$@" --quiet)
array=$(sbatch --parsable --job-name=vkhrope --array="1-$shards" --gpus-per-task=1 --ntasks=1 \
    --output="$folder/shard-%a.log" --wrap="exec $shard --shard \$SLURM_ARRAY_TASK_ID/$shards \
--output $(printf '%q' "$folder")/shard-\$SLURM_ARRAY_TASK_ID.json")
files=()
for i in $(seq "$shards"); do
    files+=("$folder/shard-$i.json")
done
merge=$(printf '%q ' "$ppl" merge "${files[@]}" -o "$folder/results.html" -o "$folder/results.json" \
    -o "$folder/results.csv")
sbatch --parsable --job-name=vkhrope-merge --dependency="afterok:$array" --ntasks=1 \
    --output="$folder/merge.log" --wrap="exec $merge"
