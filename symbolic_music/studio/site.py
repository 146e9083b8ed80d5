"""The page as a folder that any server of files can show: models in ONNX, and the runtime that steps them there."""

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from symbolic_music._extras import MissingExtraError
from symbolic_music.score.render.audio import SOUNDFONT, soundfont_bytes
from symbolic_music.studio import PAGE
from symbolic_music.studio.soundfont import vorbis_soundfont

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.tokenization.processing_music import MusicProcessor

PACKAGES = Path(__file__).parent / "packages.json"
"""Packages of npm that the page needs, with the hash of each, and what the files that are taken of it are called."""

# What the packages call each other.
_IMPORTS = {"spessasynth_core": "./vendor/spessasynth_core.js", "stb-vorbis": "./vendor/stb-vorbis.js"}
# By whose rules `static/local/infill/` moves notes to the grid; see `events.codec.EDITION`.
_EDITION_OF_FILLERS = 2
_CARD = """---
title: symbolic_music studio
emoji: 🎼
colorFrom: blue
colorTo: green
sdk: static
app_file: index.html
pinned: false
license: apache-2.0
tags:
- music
- midi
- onnx
---

# symbolic_music studio

Compose, continue, write bars anew and hear music in the browser: {models}, in ONNX with weights of 8 bits, stepped by
onnxruntime-web (MIT) under a grammar that lets nothing but music through, and played by SpessaSynth (Apache-2.0) with
Tim Brechbill's soundfont TimGM6mb (GPL-2.0), its samples as Vorbis. Nothing leaves the machine of whoever looks at the
page, and nothing is loaded from elsewhere. Any server of files shows the folder: `python -m http.server`.
"""


class SiteError(RuntimeError):
    """The folder cannot be made; the message is one line that says why."""


def build_site(folder: Path, names: Sequence[str], on_step: Callable[[str], None] = lambda text: None) -> None:
    """Write the page with models into a folder.

    Args:
        folder: which must not exist, or be empty.
        names: of models that compose in REMI or fill in bars of track text: folders or Hub ids.
        on_step: called with what is done next.

    Raises:
        SiteError: when a model cannot run in a page, the folder holds something, or a package cannot be had.
        LoadError: when there is no such model.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SiteError(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    _make_alone(folder / "index.html")
    on_step("fetching packages of npm")
    fetch_packages(folder / "vendor")
    for binary in sorted((folder / "vendor").glob("*.wasm")):
        _pack(binary)
    soundfont = _add_soundfont(folder / "vendor", on_step)
    described = []
    for name in names:
        on_step(f"exporting {name}")
        described.append(_add_model(folder / "models", name))
    (folder / "README.md").write_text(_CARD.format(models=", ".join(entry["name"] for entry in described)))
    (folder / "models.json").write_text(
        json.dumps({"models": described, "soundfont": soundfont}, indent=1) + "\n", encoding="utf-8"
    )


def _make_alone(page: Path) -> None:
    """Tell the page that its models are beside it, and its modules what their packages are called."""
    text = page.read_text(encoding="utf-8").replace('data-models="server"', 'data-models="page"')
    names = f'<script type="importmap">{json.dumps({"imports": _IMPORTS})}</script>'
    page.write_text(text.replace("</title>\n", f"</title>\n  {names}\n", 1), encoding="utf-8")


def _add_soundfont(folder: Path, on_step: Callable[[str], None]) -> str | None:
    """The soundfont that WAV and MP3 are made with, where it is installed; its path on the page."""
    try:
        data = vorbis_soundfont(soundfont_bytes())
    except MissingExtraError as error:
        on_step(f"the page has no soundfont: {error}")
        return None
    folder.mkdir(exist_ok=True)
    path = (folder / SOUNDFONT).with_suffix(".sf3")
    path.write_bytes(data)
    return f"{folder.name}/{_pack(path).name}"


def _add_model(folder: Path, name: str) -> dict:
    from symbolic_music.export.folder import export_model
    from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
    from symbolic_music.generation.loading import load_model
    from symbolic_music.serving.controls.description import describe
    from symbolic_music.serving.worker import short_name

    model, processor = load_model(name, "cpu")
    refusal = _why_not(model, processor)
    if refusal is not None:
        raise SiteError(f"{name} {refusal}")
    called = short_name(name)
    try:
        export_model(model, processor, folder / called, int8=True)
    except UnsupportedModelError as error:
        raise SiteError(f"{name} cannot be exported: {error}") from error
    _pack_files(folder / called, steps_by_tables=processor.codec.codec_type == "remi")
    credits = Path(name) / "ATTRIBUTION.md"  # of the music that a model has learnt from
    if credits.exists():
        shutil.copy(credits, folder / called / credits.name)
    return describe(called, model, processor, has_controls=False).to_json()


def _why_not(model: "PreTrainedModel", processor: "MusicProcessor") -> str | None:
    """Why a page without a server cannot run a model; None where it can."""
    from symbolic_music.events.voices.track_text import TrackTextCodec

    codec = processor.codec
    if codec.codec_type == "remi":
        return None
    if not isinstance(codec, TrackTextCodec) or not codec.settings.max_masks:
        return f"writes {codec.codec_type}; a page without a server composes in REMI, and fills in bars of track text"
    if model.config.is_encoder_decoder:
        return "has an encoder; a page without a server fills in with causal models alone"
    if codec.settings.edition != _EDITION_OF_FILLERS:
        return f"rounds by rules of edition {codec.settings.edition}; the page knows those of {_EDITION_OF_FILLERS}"
    if processor.grammar().token_events != [(event,) for event in range(len(processor.tokenizer))]:
        return "has tokens of several events; the page fills in with one event each"
    return None


def _pack_files(folder: Path, steps_by_tables: bool) -> None:
    """Pack an exported model's files, and name them in what the page reads.

    Args:
        folder: of the model.
        steps_by_tables: False where the page makes the grammar of each request by itself, and reads no tokenizer.
    """
    from symbolic_music.export.folder import STEP_FILE

    step = folder / STEP_FILE
    said = json.loads(step.read_text(encoding="utf-8"))
    for kind in ("grammar", "tokenizer"):
        if steps_by_tables:
            said["files"][kind] = _pack(folder / said["files"][kind]).name
        else:
            (folder / said["files"].pop(kind)).unlink()
    said["files"]["graph"] = _pack(folder / said["files"]["graph"]).name
    step.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _pack(path: Path) -> Path:
    """A file as gzip in its place, which the page unpacks: servers of files send them as they lie."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    return packed


def fetch_packages(folder: Path, packages: Path = PACKAGES) -> None:
    """Files of pinned packages, from the registry that npm is set up for.

    Args:
        folder: for the files.
        packages: names them, as `PACKAGES` does.

    Raises:
        SiteError: without npm or the registry, or when a package is not the one that was pinned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in json.loads(packages.read_text(encoding="utf-8")):
        with TemporaryDirectory() as place:
            archive = _packed(package, Path(place))
            with tarfile.open(archive) as members:
                for file, name in package["files"].items():
                    content = members.extractfile(f"package/{file}")
                    if content is None:
                        raise SiteError(f"{package['name']} holds no {file}")
                    (folder / name).write_bytes(content.read())


def _packed(package: dict, place: Path) -> Path:
    wanted = f"{package['name']}@{package['version']}"
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(f"npm is not installed; it fetches {wanted}")
    done = subprocess.run([npm, "pack", wanted, "--silent"], cwd=place, capture_output=True, text=True, check=False)
    found = sorted(place.glob("*.tgz"))
    if done.returncode or not found:
        raise SiteError(f"{wanted} cannot be fetched: {(done.stderr.strip().splitlines() or ['npm failed'])[0]}")
    digest = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package["integrity"]:
        raise SiteError(f"{wanted} is not what was pinned: its hash is sha512-{digest}")
    return found[0]
