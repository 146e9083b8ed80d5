"""Archives as they come: every kind and compression, odd names, and those that were cut off or made to harm."""

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import time
import zipfile
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from symbolic_music.data.sources.archive import members
from symbolic_music.data.sources.archive.member import ArchiveError
from symbolic_music.data.sources.archive.members import iter_members
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.storage import MAX_FILE_BYTES

FILES = {"a/one.mid": b"MThd one", "two.txt": b"words " * 400, "a/b/three.krn": b"**kern\n" * 3}
COMPRESS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def tar_bytes(files, format=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_bytes(files, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def kept(tmp_path, data, name="x.bin"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def contents(path):
    return {member.name: read() for member, read in iter_members(path)}


def refusals(path):
    return {member.name: member.refusal for member, _ in iter_members(path)}


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_tar_archives_of_every_compression_whatever_their_name(tmp_path, suffix, format):
    assert contents(kept(tmp_path, COMPRESS[suffix](tar_bytes(FILES, format)))) == FILES


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zip_archives_of_every_compression(tmp_path, compression):
    assert contents(kept(tmp_path, zip_bytes(FILES, compression))) == FILES


def test_members_may_be_passed_over(tmp_path):
    for data in (zip_bytes(FILES), lzma.compress(tar_bytes(FILES))):
        found = [read() for member, read in iter_members(kept(tmp_path, data)) if member.index == 2]
        assert found == [FILES["a/b/three.krn"]]


def test_several_xz_streams_with_padding_are_one_archive(tmp_path):
    data = tar_bytes(FILES)
    assert contents(kept(tmp_path, lzma.compress(data[:700]) + bytes(8) + lzma.compress(data[700:]))) == FILES


@given(
    names=st.lists(st.binary(min_size=1, max_size=60).filter(lambda name: b"\0" not in name), min_size=1, max_size=4)
)
@settings(max_examples=40, deadline=None)
def test_tar_names_of_any_bytes_come_back(tmp_path_factory, names):
    text = [f"n{number}-" + name.decode("utf-8", "surrogateescape").rstrip("/") for number, name in enumerate(names)]
    files = dict.fromkeys(text, b"x")
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for name in files:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    assert contents(kept(tmp_path_factory.mktemp("t"), buffer.getvalue())) == files


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
def test_an_archive_cut_off_anywhere_is_an_error_that_says_where(tmp_path, kind):
    noise = random.Random(0).randbytes
    files = {f"{number}.mid": noise(3_000) for number in range(8)}
    whole = zip_bytes(files) if kind == "zip" else COMPRESS[kind](tar_bytes(files))
    # Of plain tar's padding behind the end marker nothing is missed.
    last = len(whole) - 1 if kind else len(tar_bytes(files).rstrip(b"\0")) + 500
    for length in {1, 5, 100, 512, 1024, len(whole) // 2, 10_752, last}:
        with pytest.raises(ArchiveError, match=r"x\.bin: .*(cut off or damaged|expected \.tar)"):
            contents(kept(tmp_path, whole[:length]))


def test_damage_in_the_middle_says_what_was_whole(tmp_path):
    data = bytearray(tar_bytes({f"{number}.mid": b"M" * 600 for number in range(4)}))
    start = data.index(b"2.mid")
    data[start : start + 5] = b"WRONG"
    with pytest.raises(ArchiveError, match=r"cut off or damaged after 2 whole files, the last being '1\.mid'"):
        contents(kept(tmp_path, bytes(data)))


def test_a_member_that_is_damaged_costs_itself_alone(tmp_path):
    data = bytearray(zip_bytes(FILES, zipfile.ZIP_STORED))
    start = data.index(b"MThd one")
    data[start : start + 4] = b"XXXX"
    found = {}
    for member, read in iter_members(kept(tmp_path, bytes(data))):
        try:
            found[member.name] = read()
        except ScoreError as error:
            found[member.name] = error.refusal
    assert found == FILES | {"a/one.mid": Refusal.UNREADABLE}


def test_links_devices_large_and_empty_members_are_refused_by_name(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind in (
            ("s", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("f", tarfile.FIFOTYPE),
            ("d", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name, size in (("empty", 0), ("large", MAX_FILE_BYTES + 1)):
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, io.BytesIO(bytes(size)))
    assert refusals(kept(tmp_path, buffer.getvalue())) == {
        "s": Refusal.LINK,
        "h": Refusal.LINK,
        "f": Refusal.UNREADABLE,
        "empty": Refusal.EMPTY_FILE,
        "large": Refusal.FILE_TOO_LARGE,
    }


def test_zip_links_and_encrypted_members_are_refused_by_name(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.mid")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.mid", b"MThd")
        archive.writestr("folder/", b"")
    data = bytearray(buffer.getvalue())
    place = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[place + 8] |= 1
    assert refusals(kept(tmp_path, bytes(data))) == {"link.mid": Refusal.LINK, "secret.mid": Refusal.ENCRYPTED}


def test_a_zip_member_larger_than_it_says_is_never_read_beyond(tmp_path):
    data = bytearray(zip_bytes({"bomb.mid": bytes(MAX_FILE_BYTES * 4)}))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(magic) + offset
        data[place : place + 4] = struct.pack("<L", 1_000)
    ((member, read),) = iter_members(kept(tmp_path, bytes(data)))
    assert member.refusal is None
    with pytest.raises(ScoreError, match="unreadable"):
        read()


@pytest.mark.parametrize("compress", [lambda data: gzip.compress(data, 9, mtime=0), bz2.compress, lzma.compress])
def test_a_bomb_is_refused_while_it_unpacks(tmp_path, compress, monkeypatch):
    from symbolic_music.data.sources.archive import tar_members

    monkeypatch.setattr(tar_members, "_RATIO_COUNTS_FROM", 2**20)
    info = tarfile.TarInfo("zeros.bin")
    info.size = 2**25
    path = kept(tmp_path, compress(info.tobuf() + bytes(info.size + 1024)))
    began = time.monotonic()
    with pytest.raises(ArchiveError, match="decompression bomb"):
        contents(path)
    assert time.monotonic() - began < 5


def test_headers_that_claim_gigabytes_are_not_believed(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**33
    with pytest.raises(ArchiveError, match="a header of"):
        contents(kept(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)))


def test_long_names_chained_without_end_are_one_error(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2
    block = info.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")
    with pytest.raises(ArchiveError, match="cut off or damaged"):
        contents(kept(tmp_path, block * 3_000 + bytes(1024)))


def test_an_xz_dictionary_beyond_all_memory_is_refused(tmp_path):
    packed = bytearray(lzma.compress(tar_bytes(FILES), preset=0))
    # Byte 16 is the dictionary's size in the block's header, whose check sum follows (xz file format 1.2, 3.1).
    packed[16] = 38
    packed[20:24] = struct.pack("<L", zlib.crc32(bytes(packed[12:20])))
    path = tmp_path / "x.xz"
    path.write_bytes(packed)
    with pytest.raises(ArchiveError, match="cut off or damaged from its beginning"):
        contents(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found an empty file"),
        (b"7z\xbc\xaf\x27\x1c...", "found 7z"),
        (b"Rar!...", "found rar"),
        (b"\x28\xb5\x2f\xfd...", "found zstd"),
        (b"X:1\nK:C\nCDEF|\n" * 100, "expected .tar, .tar.gz"),
        (gzip.compress(b"no archive in here " * 100, mtime=0), "expected .tar, .tar.gz"),
        (b"PK\x05\x06" + bytes(8) + struct.pack("<L", 2**31) + bytes(6), "a list of members of at most"),
    ],
)
def test_what_is_no_archive_is_one_clear_line(tmp_path, data, message):
    with pytest.raises(ArchiveError) as caught:
        contents(kept(tmp_path, data))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_members_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    with pytest.raises(ArchiveError, match="at most 2 files"):
        contents(kept(tmp_path, zip_bytes(FILES)))


def test_a_folder_and_nothing_are_named(tmp_path):
    with pytest.raises(ArchiveError, match="no such archive"):
        contents(tmp_path / "absent.zip")
    with pytest.raises(ArchiveError, match="expected an archive file"):
        contents(tmp_path)


@given(data=st.binary(max_size=3_000), kind=st.sampled_from([*COMPRESS, "zip"]), place=st.integers(0, 10**6))
@example(data=b"@", kind="zip", place=3076)  # a version that nobody has heard of
@settings(max_examples=60, deadline=None)
def test_no_flipped_bytes_give_a_traceback(tmp_path_factory, data, kind, place):
    whole = bytearray(zip_bytes(FILES) if kind == "zip" else COMPRESS[kind](tar_bytes(FILES)))
    start = place % len(whole)
    whole[start : start + len(data) % 40] = data[: len(data) % 40]
    try:
        for _, read in iter_members(kept(tmp_path_factory.mktemp("t"), bytes(whole))):
            try:
                read()
            except ScoreError:
                continue
    except ArchiveError:
        pass
