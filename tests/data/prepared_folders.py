"""Datasets of folders of files, and all that is in them."""

from symbolic_music.data.preparation.prepare import PrepareSettings, prepare_dataset
from symbolic_music.data.sources.folders import list_directory


def prepared(folder, output, num_workers=1, **settings):
    units = list_directory(folder, license="made up")
    return prepare_dataset(units, output, PrepareSettings(**settings), num_workers=num_workers, progress=False)


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
