"""Folders that can be published, of a few bytes each: what the checks read is there, and nothing can be loaded."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CARD = """---
library_name: transformers
model-index:
- name: Walker
  results:
  - task:
      type: text-generation
    dataset:
      name: walks
      type: symbolic-music
    metrics:
    - type: bits_per_note
      value: 3.5
---

# Walker

| measure | value |
|---|---:|
| bits per note | 3.5 |
| otherwise | none |
"""
DATASET_CARD = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# Walks
"""
SPACE_CARD = """---
title: Steps
sdk: gradio
app_file: app.py
tags: [evaluate, metric]
---

# Steps
"""
MODELING = "from .configuration_walker import WalkerConfig\n\n\nclass WalkerForCausalLM:\n    config = WalkerConfig\n"
ADAPTER_CARD = CARD.replace("library_name: transformers", "library_name: peft\nbase_model: user/walker")


def safetensors_bytes(*names: str, value: int = 0) -> bytes:
    """A file of one byte for each tensor."""
    rows = {name: {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i, name in enumerate(names)}
    header = json.dumps(rows).encode()
    return len(header).to_bytes(8, "little") + header + bytes([value]) * len(names)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def model(folder: Path) -> Path:
    """Of a family with code of its own."""
    auto_map = {
        "AutoConfig": "configuration_walker.WalkerConfig",
        "AutoModelForCausalLM": "modeling_walker.WalkerForCausalLM",
    }
    return write(
        folder,
        {
            "README.md": CARD,
            "config.json": json.dumps({"model_type": "walker", "auto_map": auto_map}),
            "configuration_walker.py": "class WalkerConfig:\n    pass\n",
            "modeling_walker.py": MODELING,
            "generation_config.json": "{}",
            "model.safetensors": safetensors_bytes("head", "body"),
            "tokenizer.json": "{}",
            "tokenizer_config.json": "{}",
            "processor_config.json": "{}",
        },
    )


def adapter(folder: Path, base: str = "user/walker") -> Path:
    return write(
        folder,
        {
            "README.md": ADAPTER_CARD,
            "adapter_config.json": json.dumps({"base_model_name_or_path": base}),
            "adapter_model.safetensors": safetensors_bytes("lora_A"),
            "tokenizer.json": "{}",
            "tokenizer_config.json": "{}",
            "processor_config.json": "{}",
        },
    )


def dataset(folder: Path, files: int = 1) -> Path:
    (folder / "data").mkdir(parents=True)
    for number in range(files):
        rows = pa.table({"midi": [b"MThd", b"MTrk"]})
        pq.write_table(rows, folder / "data" / f"train-{number:05d}-of-{files:05d}.parquet")
    counts = {"splits": {"train": {"pieces": 2 * files}}}
    return write(folder, {"README.md": DATASET_CARD, "prepare.json": json.dumps(counts)})


def space(folder: Path, name: str = "steps") -> Path:
    return write(
        folder,
        {
            "README.md": SPACE_CARD,
            f"{name}.py": "import evaluate\n",
            "app.py": "import evaluate\n",
            "requirements.txt": "evaluate\n",
        },
    )
