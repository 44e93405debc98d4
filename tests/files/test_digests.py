"""Digests of a user's files: what makes them others, and what has none."""

import os

from al_bench.files.digests import digest_of_paths


def test_a_file_is_another_by_its_bytes_and_a_folder_by_names_and_sizes(tmp_path):
    file, folder = tmp_path / "data.npz", tmp_path / "images"
    file.write_bytes(b"one")
    folder.mkdir()
    (folder / "a.png").write_bytes(b"one")
    before = digest_of_paths([str(file), str(folder)])
    assert before == digest_of_paths([str(file), str(folder)])
    file.write_bytes(b"two")
    other_bytes = digest_of_paths([str(file), str(folder)])
    (folder / "a.png").rename(folder / "b.png")
    other_name = digest_of_paths([str(file), str(folder)])
    (folder / "b.png").unlink()
    (folder / "b.png").write_bytes(b"longer")
    other_size = digest_of_paths([str(file), str(folder)])
    assert len({before, other_bytes, other_name, other_size, None}) == 5


def test_what_is_no_file_has_none_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path / "nowhere", "/dev/zero"):
        assert digest_of_paths([str(path)]) is None
    assert digest_of_paths([]) is None
