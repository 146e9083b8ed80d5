#!/bin/bash
# Training on several machines of a Slurm cluster; each starts one launcher, and they find each other by rendezvous.
#
#   sbatch --nodes 4 train/accelerate/slurm.sh --config train/configs/remi-ensemble.yaml --dataset DIR \
#       --tokenizer DIR --output /shared/runs/ensemble
#
# CONFIG=train/accelerate/fsdp.yaml takes shards instead of whole models. A run that is cut off goes on with `--resume
# true`; the output folder has to be one that all machines see.
#SBATCH --job-name=symbolic-music
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
set -euo pipefail

config=${CONFIG:-train/accelerate/several_gpus.yaml}
gpus=${SLURM_GPUS_ON_NODE:-8}
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun --kill-on-bad-exit=1 bash -c '
    exec accelerate launch --config_file "$0" --num_machines "$SLURM_NNODES" --machine_rank "$SLURM_NODEID" \
        --num_processes "$((SLURM_NNODES * $1))" --main_process_ip "$2" --main_process_port "${PORT:-29500}" \
        --rdzv_backend c10d train/pretrain.py "${@:3}"
' "$config" "$gpus" "$head" "$@"
