"""Corpora by name: what the registry says, whose terms are accepted, and one that is fetched and read."""

import dataclasses
import zipfile

import pytest
from programs import run_script
from test_download import Server

from symbolic_music.data.preparation.presentation.credits import Presentation, attribution
from symbolic_music.data.sources.named.fetched import credit_of, list_fetched, parse_archives
from symbolic_music.data.sources.named.registry import named_corpora
from symbolic_music.data.sources.units import CorpusError

ASKED_FOR = {
    *("lakh", "lakh-clean", "groove", "openscore-lieder", "openscore-quartets", "polish-scores", "maestro", "pop909"),
}


def test_the_registry_says_all_there_is_to_know():
    corpora = named_corpora()
    assert set(corpora) >= ASKED_FOR
    for corpus in corpora.values():
        for field in ("title", "by", "url", "license", "shipping", "citation", "kind"):
            assert getattr(corpus, field).strip(), (corpus.name, field)
        assert corpus.download.startswith(("http://", "https://"))
        assert corpus.download.startswith("https://github.com/") or corpus.sha256 or corpus.name == "lakh-clean"
        assert corpus.sha256 is None or len(bytes.fromhex(corpus.sha256)) == 32
    assert len({corpus.file_name for corpus in corpora.values()}) == len(corpora)
    assert {name for name, corpus in corpora.items() if corpus.is_non_commercial} == {"maestro"}


def test_a_licence_that_forbids_commerce_must_be_accepted_by_name():
    maestro = named_corpora()["maestro"]
    for words in ([], ["CC BY"], ["CC0", "public domain"]):
        with pytest.raises(CorpusError, match='say --accept-license "CC BY-NC-SA"'):
            maestro.check_accepted(words)
    maestro.check_accepted(["CC0", "CC BY-NC-SA"])
    named_corpora()["lakh"].check_accepted([])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one:\n  title: One\n", "one: .*missing"),
        ("one:\n  colour: red\n", "one: unknown key 'colour'; expected by, citation"),
        ("one: 3\n", "one: expected a mapping, found int"),
    ],
)
def test_an_entry_that_is_none_is_named(tmp_path, text, said):
    path = tmp_path / "registry.yaml"
    path.write_text(text)
    with pytest.raises(CorpusError, match=said):
        named_corpora(path)


@pytest.fixture
def published(ten_tunes, tmp_path):
    """A corpus that a server on this machine publishes."""
    archive = tmp_path / "tunes.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(ten_tunes.glob("*.mid")):
            file.write(path, f"tunes-main/{path.name}")
        file.writestr("tunes-main/readme.txt", "ten tunes")
    server = Server()
    server.content = archive.read_bytes()
    lieder = named_corpora()["openscore-lieder"]
    yield dataclasses.replace(lieder, name="tunes", download=server.url), archive, server
    server.http.shutdown()


def test_a_corpus_is_fetched_once_its_terms_are_shown_and_read_under_its_name(published, tmp_path):
    corpus, _, server = published
    told = []
    for _ in range(2):
        listing = list_fetched(corpus, {}, told.append, tmp_path / "cache")
    assert len(server.asked) == 1
    assert len(told) == 1
    assert "licence: CC0" in told[0]
    assert len(listing.units) == 10
    assert {(unit.source, unit.license) for unit in listing.units} == {("tunes", "CC0")}
    assert listing.ignored == {".txt": 1}
    text = attribution(
        Presentation(credits=(credit_of(corpus),)), [{"source": "tunes", "pieces": 10, "license": "CC0"}], None
    )
    assert "## OpenScore Lieder Corpus" in text


def test_the_users_own_archive_is_read_instead(published, tmp_path):
    corpus, archive, server = published
    own = parse_archives([f"tunes={archive}"], {"tunes": corpus})
    assert len(list_fetched(corpus, own, pytest.fail, tmp_path / "cache").units) == 10
    with pytest.raises(CorpusError, match="expected 0000"):
        list_fetched(dataclasses.replace(corpus, sha256="0" * 64), own, pytest.fail, tmp_path / "cache")
    assert server.asked == []
    for text in ("tunes", "tunes=", f"nothing={archive}"):
        with pytest.raises(CorpusError, match="expected NAME=FILE, NAME being one of tunes"):
            parse_archives([text], {"tunes": corpus})


def test_a_named_corpus_becomes_a_dataset_from_ones_own_archive(published, tmp_path):
    _, archive, _ = published
    output = tmp_path / "dataset"
    flags = ["--corpus", "openscore-lieder", "--corpus-archive", f"openscore-lieder={archive}", "--output", output]
    done = run_script("prepare_dataset", *flags, "--num-workers", "1", expected=0, fresh=True)
    assert "files of other types: .txt (1)" in done.stdout
    assert "OpenScore and its transcribers" in (output / "ATTRIBUTION.md").read_text()
    refused = run_script("prepare_dataset", "--corpus", "maestro", "--output", output, expected=2)
    assert "maestro is CC BY-NC-SA 4.0" in refused.stderr
    listed = run_script("prepare_dataset", "--corpus", "list", expected=0)
    assert {line.split(":")[0] for line in listed.stdout.splitlines()} >= ASKED_FOR
