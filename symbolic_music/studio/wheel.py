"""The package that runs, as a wheel, however it is installed: for where pip cannot get it. Knows no music."""

import base64
import hashlib
import importlib.metadata
import zipfile
from pathlib import Path

import symbolic_music

DISTRIBUTION = "symbolic-music-hf"
_OLDEST = (1980, 1, 1, 0, 0, 0)  # of what a zip can say
_WHEEL = "Wheel-Version: 1.0\nGenerator: symbolic_music\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class NotInstalledError(RuntimeError):
    """The package runs without having been installed, so that nothing says its version and what it needs."""


def installed() -> importlib.metadata.Distribution:
    """The package as it is installed.

    Raises:
        NotInstalledError: when it is not.
    """
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalledError(f"{DISTRIBUTION} is not installed; run: pip install -e .") from error


def write_wheel(folder: Path) -> Path:
    """The files of the package, with the installation's metadata; equal files give equal bytes.

    Args:
        folder: where to; there is one.

    Returns:
        The wheel's path.

    Raises:
        NotInstalledError: when the package is not installed.
    """
    distribution = installed()
    stem = f"{DISTRIBUTION.replace('-', '_')}-{distribution.version}"
    place = Path(symbolic_music.__file__).parent
    paths = sorted(path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    contents = {path.relative_to(place.parent).as_posix(): path.read_bytes() for path in paths}
    for name in ("METADATA", "entry_points.txt", "licenses/LICENSE"):
        text = distribution.read_text(name)
        if text is None and name == "METADATA":
            text = distribution.read_text("PKG-INFO")  # the same, of a checkout that is installed in place
        if text is not None:
            contents[f"{stem}.dist-info/{name}"] = text.encode()
    contents[f"{stem}.dist-info/WHEEL"] = _WHEEL.encode()
    record = f"{stem}.dist-info/RECORD"
    contents[record] = "".join([*map(_recorded, contents.items()), f"{record},,\n"]).encode()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return wheel


def _recorded(entry: tuple[str, bytes]) -> str:
    """A line of RECORD (PEP 376, 427)."""
    name, content = entry
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"{name},sha256={digest},{len(content)}\n"
