"""Every figure of README.md here, one benchmark after the other; each prints a table and writes a JSON file.

    python tests/benchmarks/run_all.py [--only bench_cache …]

Needs `runs/folk-chorales` (see train/README.md) for those that read the dataset, and `runs/lieder`,
a dataset of songs for voice and piano, for `bench_atoms`; for `bench_memorisation`, `runs/folk`, a dataset of folk
tunes, and the folder of real music that the tests use.
"""

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
MODEL = "model_cards/remi-transformer-folk"
DATASET = "runs/folk-chorales"
SONGS = "runs/lieder"
TUNES = "runs/folk"
BENCHMARKS = {
    "bench_cache": [],
    "bench_lstm_cost": [],
    "bench_training_speed": [],
    "bench_grammar_cost": ["--model", MODEL],
    "bench_control_cost": ["--model", MODEL],
    "bench_particles": ["--model", MODEL],
    "bench_sampling": ["--model", MODEL],
    "bench_encoding": [],
    "bench_precision": ["--model", MODEL, "--dataset", DATASET],
    "bench_abc_export": [],
    "bench_round_trip": [],
    "bench_codec_losses": [],
    "bench_kneser_ney": ["--dataset", DATASET, "--model", MODEL],
    "bench_groups": ["--dataset", DATASET, "--sizes", "2000", "10000"],
    "bench_leakage_groups": ["--dataset", DATASET],
    "bench_atoms": ["--dataset", SONGS],
    "bench_lora": [],
    "bench_metrics": [],
    "bench_memorisation": ["--dataset", TUNES],
    "bench_serving": ["--model", MODEL],
    "bench_studio": [],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    failed = []
    for name in parser.parse_args().only:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, str(FOLDER / f"{name}.py"), *BENCHMARKS[name]]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
