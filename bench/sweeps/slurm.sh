#!/bin/sh
# The runs of an experiment as a Slurm array, one GPU each, in a folder that all nodes see:
#   npx simclr experiment temperature --scale small --data photos/ --plan --json > sweep.json
#   sbatch --array=0-$(($(jq '.jobs | length' sweep.json) - 1)) bench/sweeps/slurm.sh
#   sh -c "$(jq -r .gather sweep.json)"        # when all are done
#SBATCH --job-name=simclr
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --output=sweep-%a.log
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
set -eu
# Slurm's signal before the time is over, and before a requeue, ends the run after its step; the same command goes on from there.
sh -c "exec $(jq -r ".jobs[$SLURM_ARRAY_TASK_ID].command" sweep.json)" &
trap 'kill -TERM $!' TERM
wait $! || { code=$?; [ "$code" -le 128 ] || wait $!; }
