"""What is noted of a start."""

from importlib.metadata import PackageNotFoundError

import pytest

from al_bench.job import environment


@pytest.mark.parametrize("is_installed", [True, False])
def test_versions_are_of_what_computes_and_of_extractors_that_are_there(monkeypatch, is_installed):
    def version(package: str) -> str:
        if package in environment.EXTRACTORS and not is_installed:
            raise PackageNotFoundError(package)
        return f"1 of {package}"

    monkeypatch.setattr(environment, "version", version)
    environment._versions.cache_clear()
    found = environment.describe("cpu")["versions"]
    environment._versions.cache_clear()
    assert found["scipy"] == "1 of scipy"  # whose L-BFGS fits every probe
    assert found["numpy"] == "1 of numpy"
    assert ("timm" in found, "sentence-transformers" in found) == (is_installed, is_installed)
    assert found.keys() == {*environment.PACKAGES, *(environment.EXTRACTORS if is_installed else ())}
