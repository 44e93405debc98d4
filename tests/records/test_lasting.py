"""What is kept to the end is out of reach of collections, and these go on."""

import gc

import pytest

from al_bench.records.index.lasting import kept_to_the_end


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_what_was_made_is_left_alone_and_collections_go_on():
    frozen = gc.get_freeze_count()
    with kept_to_the_end():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.get_freeze_count() > frozen + len(made)
    assert gc.isenabled()


def test_they_go_on_after_an_error_and_stay_off_for_those_who_want_it_so():
    with pytest.raises(KeyError), kept_to_the_end():
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    with kept_to_the_end():
        pass
    assert not gc.isenabled()
