"""Optional dependencies: imported in one place, with the pip extra to install in the message."""

from importlib import import_module
from types import ModuleType

EXTRA_OF_MODULE = {
    "accelerate": "train",
    "brotli": "engrave",
    "datasketch": "corpus",
    "datatrove": "cluster",
    "evaluate": "metrics",
    "fontTools": "engrave",
    "matplotlib": "audio",
    "midirenderer": "audio",
    "ml_dtypes": "fast",
    "music21": "corpus",
    "onnx": "fast",
    "onnxruntime": "fast",
    "peft": "train",
    "pretty_midi": "audio",
    "pydivsufsort": "metrics",
    "python_multipart": "serve",
    "ray": "ray",
    "scipy": "train",
    "soundfile": "audio",
    "starlette": "serve",
    "typst": "engrave",
    "upath": "cluster",
    "uvicorn": "serve",
    "verovio": "engrave",
}


class MissingExtraError(ImportError):
    """A feature needs a package that the user's install left out; the message names the extra that brings it."""


def require(module_name: str) -> ModuleType:
    """Import an optional module.

    Args:
        module_name: dotted name; its top package must be listed in `EXTRA_OF_MODULE`.

    Raises:
        MissingExtraError: when the package is not installed.
    """
    package = module_name.partition(".")[0]
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        extra = EXTRA_OF_MODULE[package]
        raise MissingExtraError(
            f"{package} is not installed; run: pip install 'symbolic-music-hf[{extra}]'"
        ) from error
