"""Recipes: YAML files of flags and credits, and what a dataset made with one says of its sources."""

import argparse
from pathlib import Path

import pytest

from symbolic_music.data.preparation.presentation.credits import Credit, Presentation, attribution
from symbolic_music.data.preparation.presentation.overview import Overview, century, overview_png
from symbolic_music.data.preparation.recipe import RecipeError, read_recipe
from symbolic_music.data.sources.licenses import is_accepted


def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    parser.add_argument("--archive", type=Path, action="append", default=[])
    parser.add_argument("--accept-license", action="append", default=[])
    parser.add_argument("--max-bars", type=int)
    parser.add_argument("--chords", choices=["keep", "sound"], default="keep")
    parser.add_argument("--private", action="store_true")
    return parser


def recipe(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    return read_recipe(tmp_path / "recipe.yaml", tmp_path / "root", parser())


def test_keys_are_flags_and_paths_begin_at_the_root(tmp_path):
    values, presentation = recipe(
        tmp_path,
        "title: Scores\narchive: [a/b.zip]\naccept_license: CC0\nmax_bars: 64\nprivate: true\n"
        "credits: {b: {title: The Bs, by: B, kind: songs}}\ncomposers: {A. Nonym: 1700-1750}\n",
    )
    archive = [tmp_path / "root" / "a" / "b.zip"]
    assert values == {"archive": archive, "accept_license": ["CC0"], "max_bars": 64, "private": True}
    assert presentation.title == "Scores"
    assert presentation.credits == (Credit("b", "The Bs", "B", kind="songs"),)
    assert presentation.composers == {"A. Nonym": "1700-1750"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("archives: [x]", "unknown key 'archives', did you mean 'archive'?"),
        ("max_bars: many", "max_bars is 'many'; expected int"),
        ("max_bars: [1, 2]", "max_bars is a list; expected one value"),
        ("chords: loud", "chords is 'loud'; expected one of keep, sound"),
        ("private: 3", "private is 3; expected true or false"),
        ("- a", "expected flags with their values, found list"),
        ("credits: [a]", "credits: expected a mapping, found list"),
        ("credits: {a: {name: A}}", "credits of a: unknown key 'name'; expected title, by, url, license, kind"),
        ("{", "cannot be read as YAML"),
    ],
)
def test_mistakes_in_a_recipe_are_one_line(tmp_path, text, complaint):
    with pytest.raises(RecipeError) as error:
        recipe(tmp_path, text)
    assert complaint in str(error.value)
    assert "recipe.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.yaml: no such file"):
        read_recipe(tmp_path / "none.yaml", tmp_path, parser())


@pytest.mark.parametrize(
    ("license", "accepted"),
    [
        ("CC0", True),
        ("OpenScore (CC0 1.0)", True),
        ("License CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0)", True),
        ("Creative Commons: cc by", True),
        ("CC BY-NC 4.0", False),
        ("CC-BY-SA", False),
        ("CC BY-ND 3.0", False),
        ("not stated; ask the owner of the files", False),
        ("GPL-3.0", False),
        ("", False),
    ],
)
def test_licences_are_accepted_by_the_words_that_name_them(license, accepted):
    assert is_accepted(license, ("CC0", "CC BY")) is accepted


def test_the_attribution_names_everyone_and_every_licence():
    credits = (Credit("music21/bach", "Chorales"), Credit("music21/", "Tune books", "Aird", "https://example.org"))
    rows = [
        {"source": "groove", "pieces": 7, "license": "CC BY 4.0"},
        {"source": "music21/airds", "pieces": 1200, "license": "public domain"},
        {"source": "music21/bach", "pieces": 3, "license": "public domain"},
        {"source": "music21/ryan", "pieces": 5, "license": "public domain"},
    ]
    text = attribution(Presentation(credits=credits), rows, 64)
    tunes = text[text.index("## Tune books") :].partition("\n## ")[0]
    assert "- by: Aird\n- from: https://example.org\n" in tunes
    assert "- music21/airds: 1,200 pieces, public domain\n- music21/ryan: 5 pieces" in tunes
    assert "music21/bach" not in tunes
    assert "## groove\n\n- groove: 7 pieces, CC BY 4.0" in text
    assert "parts of at most 64 bars" in text


@pytest.mark.parametrize(
    ("dates", "expected"),
    [("1810/03/01-1849/10/17", "19th"), ("~1553-1599", "16th"), ("<1724->1763", "18th"), ("1700-1750", "17th"),
     ("2001-", "21st"), ("", ""), ("unknown", ""), ("985-1050", "10th")],
)  # fmt: skip
def test_the_century_is_that_of_the_first_year(dates, expected):
    assert century(dates) == expected


def row(programs, composer="", dates="", bars=10):
    return {"source": "x", "programs": programs, "key": "C", "meter": "4/4", "composer": composer,
            "composer_dates": dates, "bars": bars}  # fmt: skip


def test_the_overview_counts_and_draws_the_same_bytes_again():
    overview = Overview({"B": "1800-1850"})
    overview.add([row([0, -1]), row([0], "A", "1685-1750"), row([40], "B", bars=1000)])
    content = overview.as_json()
    assert content["instruments"] == {"Acoustic Grand Piano": 2, "Violin": 1, "drums": 1}
    assert content["centuries"] == {"17th": 1, "18th": 1, "not stated": 1}
    assert content["bars"] == {"9 to 16": 2, "more than 512": 1}
    pictures = [overview_png(content) for _ in range(2)]
    assert pictures[0][:4] == b"\x89PNG"
    assert pictures[0] == pictures[1]
