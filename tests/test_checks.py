"""One target of the Makefile is all that has to pass, and CI calls it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
NO_CHECKS = {"run", "test", "quick", "check", "all-checks", "small-checks", "clean"}  # or parts of others


def test_all_checks_are_all():
    targets = {*re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE)}
    assert targets == {*re.search(r"^.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()}
    listed = re.findall(r"\$\(filter-out \$\(LEAVE_OUT\),(.+)\)$", MAKEFILE, flags=re.MULTILINE)
    assert {name for names in listed for name in names.split()} == targets - NO_CHECKS


def test_ci_calls_them():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    for called in (workflow, (ROOT / ".ci" / "run").read_text()):
        assert re.search(r"make .*all-checks$", called, flags=re.MULTILINE)
    (left_out,) = re.findall(r"LEAVE_OUT: (.+)", workflow)
    assert {*re.findall(r"test-[a-z]+", left_out)} == {"test-cluster", "test-oldest"}
    assert "matrix.python == '3.11' && 'test-cluster' ||" in left_out
    assert re.search(r"run: sudo .* make test-cluster$", workflow, flags=re.MULTILINE)
