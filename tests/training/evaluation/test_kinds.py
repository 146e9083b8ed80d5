"""Kinds of sources, from a mapping or from a dataset's recipe."""

import json

import pytest

from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.evaluation.kinds import kinds_of, read_kinds


def test_a_mapping_in_yaml_or_json(tmp_path):
    (tmp_path / "kinds.yaml").write_text("lieder: songs\nmusic21/: folk tunes\n")
    kinds = read_kinds(tmp_path / "kinds.yaml")
    assert kinds == {"lieder": "songs", "music21/": "folk tunes"}
    (tmp_path / "kinds.json").write_text(json.dumps(kinds))
    assert read_kinds(tmp_path / "kinds.json") == kinds


def test_a_recipe_that_says_the_kinds_of_its_sources(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "title: Ensembles\ncredits:\n  lieder:\n    by: OpenScore\n    kind: songs\n  other:\n    by: somebody\n"
    )
    assert read_kinds(tmp_path / "recipe.yaml") == {"lieder": "songs"}


def test_the_longest_name_that_fits_gives_the_kind():
    kinds = {"music21/": "folk tunes", "music21/bach/": "chorales", "music21/bach/one": "a chorale", "lieder": "songs"}
    sources = ["music21/aird", "music21/bach/two", "music21/bach/one", "lieder", "lieder"]
    assert kinds_of(sources, kinds) == ["folk tunes", "chorales", "a chorale", "songs", "songs"]


def test_a_source_without_a_kind_is_named():
    with pytest.raises(TrainingError, match="no kind is given for jazz, lieder 2; there are kinds for lieder"):
        kinds_of(["lieder", "lieder 2", "jazz"], {"lieder": "songs"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- songs\n", "expected lines 'source: kind'"),
        ("", "expected lines 'source: kind'"),
        ("credits: 3\n", "expected lines 'source: kind'"),
        ("lieder: 3\n", "expected the name of a kind for 'lieder', found 3"),
        ("lieder: [\n", "cannot be read as YAML"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path, text, said):
    (tmp_path / "kinds.yaml").write_text(text)
    with pytest.raises(TrainingError, match=said):
        read_kinds(tmp_path / "kinds.yaml")
    with pytest.raises(TrainingError, match=r"missing\.yaml: no such file"):
        read_kinds(tmp_path / "missing.yaml")
