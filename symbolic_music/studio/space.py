"""The studio as a Space that runs Python: models, this package as a wheel, and how a container starts them.

As the Hub has it, a container listens at one port and runs as user 1000 (huggingface.co/docs/hub/spaces-sdks-docker).
The models step in ONNX Runtime, so that nothing of torch is installed.
"""

import importlib.metadata
import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from symbolic_music.studio.site import SiteError
from symbolic_music.studio.wheel import NotInstalledError, installed, write_wheel

_NEEDED = (
    "brotli",
    "fonttools",
    "lxml",
    "matplotlib",
    "midirenderer",
    "numpy",
    "onnx",
    "onnxruntime",
    "pretty_midi",
    "python-multipart",
    "safetensors",
    "soundfile",
    "starlette",
    "symusic",
    "tokenizers",
    "uvicorn",
    "verovio",
)
"""What a server with models that need no torch imports; a test starts one where the rest cannot be imported."""
_MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_CREDITS = "ATTRIBUTION.md"
"""Of the music that a model has learnt from."""
PORT = 7860

_CARD = """---
title: symbolic_music studio
emoji: 🎼
colorFrom: blue
colorTo: green
sdk: docker
app_port: {port}
pinned: false
license: apache-2.0
suggested_hardware: cpu-basic
tags:
- music
- midi
---

# symbolic_music studio

Compose, continue and write bars anew with {models}: asked in words or by chords, key, meter, tempo, instruments,
density and ranges, under a grammar that lets nothing but music through. To be heard, seen as piano roll and score, and
taken away as MIDI, MusicXML, ABC, MP3, WAV, SVG or PNG. `/docs` says how programs ask the same.

It runs on the free CPU. On your own machine, `HOST=127.0.0.1 python app.py` in this folder serves the same at port
{port} once `pip install -r requirements.txt` and `pip install --no-deps {wheel}` were run.
"""

_DOCKERFILE = """FROM python:{python}-slim
# Spaces run containers as this user.
RUN useradd -m -u 1000 user
USER user
# The address of whoever asks is what the Hub's proxy says that it is.
ENV HOME=/home/user PATH=/home/user/.local/bin:$PATH FORWARDED_ALLOW_IPS=*
WORKDIR $HOME/app
COPY --chown=user requirements.txt *.whl ./
RUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir --no-deps *.whl
COPY --chown=user . .
CMD ["python", "app.py"]
"""

_APP = '''"""The studio: the models of this folder behind its page, at the port that the Hub looks at."""

import os
from functools import partial
from pathlib import Path

from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.start import serve
from symbolic_music.studio import PAGE

MODELS = {models}
LIMITS = ServerLimits(job_seconds=60.0, waiting=64, waiting_of_client=4)

if __name__ == "__main__":  # the models' processes import this file, too
    serve(
        [str(Path(__file__).parent / "models" / name) for name in MODELS],
        os.environ.get("HOST", "0.0.0.0"),
        int(os.environ.get("PORT", "{port}")),
        LIMITS,
        PAGE,
        partial(print, flush=True),
        public_hosts=[host for host in [os.environ.get("SPACE_HOST")] if host],
    )
'''


def build_space(folder: Path, names: Sequence[str], on_step: Callable[[str], None] = lambda text: None) -> None:
    """Write the Space's folder.

    Args:
        folder: which must not exist, or be empty.
        names: folders of models.
        on_step: called with what is done next.

    Raises:
        SiteError: when a model cannot run there, two have one name, the folder holds something, or this package is not
            installed.
    """
    from symbolic_music.serving.worker import short_name

    if folder.exists() and any(folder.iterdir()):
        raise SiteError(f"{folder} is not empty; name a new folder")
    called = [short_name(name) for name in names]
    twice = next((name for name in called if called.count(name) > 1), None)
    if twice is not None:
        raise SiteError(f"two models are called {twice}; give one folder another name")
    folder.mkdir(parents=True, exist_ok=True)
    for name, short in zip(names, called, strict=True):
        on_step(f"copying {name}")
        _copy_model(Path(name), folder / "models" / short)
    on_step("packing this package")
    try:
        requirements, wheel = _requirements(), write_wheel(folder)
    except NotInstalledError as error:
        raise SiteError(str(error)) from error
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    (folder / "app.py").write_text(_APP.format(models=json.dumps(called), port=PORT), encoding="utf-8")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(python=python), encoding="utf-8")
    card = _CARD.format(models=", ".join(called), port=PORT, wheel=wheel.name)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _copy_model(source: Path, target: Path) -> None:
    """The files that a model is read from."""
    from symbolic_music._extras import MissingExtraError
    from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
    from symbolic_music.generation.light import load_light

    if not source.is_dir():
        raise SiteError(f"{source} is no folder; a Space holds its models, so download it first")
    try:
        load_light(source)
    except MissingExtraError as error:
        raise SiteError(str(error)) from error
    except (UnsupportedModelError, OSError, ValueError, AttributeError, KeyError) as error:
        raise SiteError(f"{source} cannot be read without torch, which a Space does not have: {error}") from error
    target.mkdir(parents=True)
    for name in (*_MODEL_FILES, _CREDITS):
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def _requirements() -> str:
    """What the Space needs, in the versions that are installed here; else as this package asks for it."""
    lines = [line.partition(";")[0].strip() for line in installed().requires or []]
    asked = {re.split(r"[^\w.-]", line)[0]: line for line in lines}
    return "".join(f"{_pinned(name) or asked.get(name, name)}\n" for name in _NEEDED)


def _pinned(name: str) -> str | None:
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return None
