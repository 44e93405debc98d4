"""What an archive from elsewhere may hold, and what a run directory gives to one."""

import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from al_bench.core.errors import ResultsError
from al_bench.records.archive.moving import pack, restore
from al_bench.records.archive.safety import MAX_HEADER, Limits, members_of
from al_bench.records.identity import Identity
from tests.support.forks import python
from tests.support.made_results import write_run

RUN = "digits/mlp/badge/b10/s0"
SCRIPT = Path(__file__).parents[2] / "scripts" / "archive.py"
MB = 1_000_000


def write_archive(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_header(path: Path, size: int) -> Path:
    """An archive that begins with a file of this size, and has no more than its beginning."""
    info = tarfile.TarInfo(f"{RUN}/run.log")
    info.size = size
    path.write_bytes(lzma.compress(info.tobuf() + bytes(10240), preset=0))
    return path


def special(name: str, kind: bytes, leads_to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, leads_to
    return info


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def results(tmp_path) -> Path:
    write_run(tmp_path / "results", Identity("digits", "mlp", "badge", 10, "", 0), {10: 0.4, 20: 0.5})
    return tmp_path / "results"


@pytest.mark.parametrize(
    "name",
    [
        "../../../x/authorized_keys",
        "../mlp/badge/b10/s0/rounds.csv",
        "../../../x/mlp/badge/b10/s0/rounds.csv",
        "digits/../badge/b10/s0/rounds.csv",
        "digits/mlp/../b10/s0/rounds.csv",
        f"{RUN}/../../../../../x/y/z/b10/s0/rounds.csv",
        f"/{RUN}/rounds.csv",
        f"//{RUN}/rounds.csv",
        f"{RUN}/..",
        f"{RUN}/.bashrc",
        f"{RUN}/.lock",
        f"{RUN}/.environment.json.partial",
        f"{RUN}/more/rounds.csv",
        f"./{RUN}/rounds.csv",
        "digits//mlp/badge/b10/s0/rounds.csv",
        "rounds.csv",
    ],
)
def test_a_member_that_leads_elsewhere_is_refused_by_name_and_nothing_is_restored(tmp_path, name):
    archive = write_archive(tmp_path / "a.tar.xz", (f"{RUN}/queries.csv", b"1"), (name, b"1"))
    before = below(tmp_path)
    with pytest.raises(ResultsError) as raised:
        restore(archive, tmp_path / "in" / "here" / "and" / "there")
    assert name.removeprefix("./") in str(raised.value).replace("//", "/") or name in str(raised.value)
    assert "is no file of a run" in str(raised.value)
    assert below(tmp_path) == before


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a fifo"),
        (tarfile.DIRTYPE, "a folder"),
    ],
)
@pytest.mark.parametrize("leads_to", ["/etc/passwd", f"{RUN}/queries.csv", "nowhere"])
def test_what_is_no_file_is_refused_by_name(tmp_path, kind, told, leads_to):
    link = special(f"{RUN}/rounds.csv", kind, leads_to)
    archive = write_archive(tmp_path / "a.tar.xz", (f"{RUN}/queries.csv", b"1"), link)
    with pytest.raises(ResultsError, match=f"{RUN}/rounds.csv is no file of a run, but {told}"):
        restore(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_twice_is_refused(tmp_path):
    archive = write_archive(tmp_path / "a.tar.xz", (f"{RUN}/queries.csv", b"1"), (f"{RUN}/queries.csv", b"2"))
    with pytest.raises(ResultsError, match="queries.csv is there twice"):
        restore(archive, tmp_path / "out")


class TestSize:
    def test_a_file_that_unpacks_to_more_than_the_limit_is_refused_before_it_is_unpacked(self, tmp_path):
        archive = write_header(tmp_path / "a.tar.xz", 300 * MB)
        with pytest.raises(ResultsError, match=r"run.log has 300,000,000 bytes, more than 200,000,000; .*--max-bytes"):
            restore(archive, tmp_path / "out")

    def test_so_is_one_whose_files_are_too_much_together(self, tmp_path):
        archive = write_archive(tmp_path / "a.tar.xz", *((f"{RUN}/{n}.csv", bytes(MB)) for n in range(5)))
        assert len(list(members_of(archive, Limits(MB, 6 * MB)))) == 5
        with pytest.raises(ResultsError, match="unpacks to more than 3,000,000 bytes"):
            list(members_of(archive, Limits(MB, 3 * MB)))
        assert Limits(MB, 3 * MB).raised_to(5 * MB) == Limits(5 * MB, 5 * MB)
        assert Limits(MB, 3 * MB).raised_to(0) == Limits(MB, 3 * MB)

    @pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
    def test_a_name_may_not_be_as_long_as_a_file(self, tmp_path, kind):
        long = special("long", kind)
        long.size = 30 * MAX_HEADER
        content = long.tobuf() + bytes(long.size)
        (tmp_path / "a.tar.xz").write_bytes(lzma.compress(content, preset=0))
        with pytest.raises(ResultsError, match="cannot be read: more than 1,048,576 bytes between"):
            list(members_of(tmp_path / "a.tar.xz", Limits()))

    def test_nor_may_it_go_on_after_its_end(self, tmp_path):
        content = lzma.decompress(write_archive(tmp_path / "a.tar.xz", (f"{RUN}/queries.csv", b"1")).read_bytes())
        for more, told in ((bytes(3 * MAX_HEADER), "bytes between"), (b"more", "goes on after its end")):
            (tmp_path / "a.tar.xz").write_bytes(lzma.compress(content + more, preset=0))
            with pytest.raises(ResultsError, match=told):
                list(members_of(tmp_path / "a.tar.xz", Limits()))

    @pytest.mark.parametrize("size", [-1, 10**18])
    def test_a_size_that_cannot_be_is_refused(self, tmp_path, size):
        info = tarfile.TarInfo(f"{RUN}/queries.csv")
        info.size = size
        content = info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)
        (tmp_path / "a.tar.xz").write_bytes(lzma.compress(content, preset=0))
        with pytest.raises(ResultsError):
            list(members_of(tmp_path / "a.tar.xz", Limits()))

    @pytest.mark.command
    def test_the_script_takes_a_larger_one_when_told(self, tmp_path):
        archive = write_header(tmp_path / "a.tar.xz", 300 * MB)
        refused, taken = (
            python(SCRIPT, "restore", archive, tmp_path / "out", *options)
            for options in ((), ("--max-bytes", str(300 * MB)))
        )
        assert "--max-bytes 300000000" in refused.stderr
        assert "unexpected end of data" in taken.stderr
        for told in (refused, taken):
            assert told.returncode == 1
            assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.write_bytes(b"no xz"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(lzma.compress(b"no tar" * 1000)),
        lambda path: path.write_bytes(lzma.compress(bytes(10240))[:-20]),
        lambda path: path.write_bytes(
            lzma.compress(b"".join(_long_name() for _ in range(3000)) + tarfile.TarInfo("a").tobuf())
        ),
    ],
    ids=["fifo", "device", "no xz", "empty", "no tar", "cut", "names of names"],
)
def test_what_is_no_archive_is_a_message(tmp_path, make: Callable[[Path], object]):
    make(tmp_path / "a.tar.xz")
    with pytest.raises(ResultsError, match="a.tar.xz: cannot be read: "):
        restore(tmp_path / "a.tar.xz", tmp_path / "out")


def _long_name() -> bytes:
    return special("long", tarfile.GNUTYPE_LONGNAME).tobuf()


SECRET = "root:x:0:0"


@pytest.mark.parametrize("name", ["stolen", "curve.png", "run.log", "error.json", "wandb_id", ".hidden"])
@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_only_the_files_of_a_run_are_packed_and_no_links(results, tmp_path, name, kind):
    (tmp_path / "passwd").write_text(SECRET)
    path = results / RUN / name
    if kind == "link":
        path.symlink_to(tmp_path / "passwd")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
        (path / "passwd").write_text(SECRET)
    moved = pack(results, tmp_path / "a.tar.xz")
    assert moved.num_added == 1
    content = lzma.decompress((tmp_path / "a.tar.xz").read_bytes())
    assert SECRET.encode() not in content
    assert path.name.encode() not in content
    is_known = name not in ("stolen", ".hidden")
    assert [line.partition(" is ")[0] for line in moved.left] == [f"{path}: {name}"] * is_known


def test_an_unknown_file_of_any_kind_is_not_packed(results, tmp_path):
    (results / RUN / "notes.txt").write_text(SECRET)
    pack(results, tmp_path / "a.tar.xz")
    assert SECRET.encode() not in lzma.decompress((tmp_path / "a.tar.xz").read_bytes())


@pytest.mark.parametrize("name", ["rounds.csv", "queries.csv", "environment.json"])
def test_a_run_that_needs_a_link_is_not_packed_and_told(results, tmp_path, name):
    (results / RUN / name).rename(tmp_path / name)
    (results / RUN / name).symlink_to(tmp_path / name)
    write_run(results, Identity("digits", "mlp", "badge", 10, "", 1), {10: 0.4, 20: 0.5})
    moved = pack(results, tmp_path / "a.tar.xz")
    assert moved.num_added == 1
    assert any(f"{name} is a link" in line for line in moved.left)


def test_what_a_killed_process_left_may_be_a_link(results, tmp_path):
    pack(results, tmp_path / "a.tar.xz")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".restored-x").symlink_to(tmp_path / "precious")
    assert restore(tmp_path / "a.tar.xz", tmp_path / "out").num_added == 1
    assert (tmp_path / "precious" / "file").exists()
    assert not (tmp_path / "out" / ".restored-x").is_symlink()
