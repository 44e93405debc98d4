import numpy as np
import torch

from al_bench.core.seeding import Stream, generator, torch_seeded


def test_streams_of_one_seed_differ_from_each_other_and_between_rounds_and_seeds():
    keys = [(seed, stream, round) for seed in (0, 1) for stream in Stream for round in (0, 1)]
    assert len({generator(*key).integers(2**63) for key in keys}) == len(keys)


def test_a_stream_is_a_pure_function_of_seed_purpose_and_round():
    assert np.array_equal(generator(3, Stream.QUERY, 2).random(5), generator(3, Stream.QUERY, 2).random(5))


def test_the_numbers_of_a_stream_never_change_between_versions():
    assert generator(0, Stream.SPLIT).integers(10**6, size=3).tolist() == SPLIT_0
    assert generator(5, Stream.QUERY, 7).integers(10**6, size=3).tolist() == QUERY_5_7


def test_what_streams_are_numbered_never_changes_and_new_ones_come_last():
    names = "SPLIT INITIAL WEIGHTS MINIBATCH AUGMENT UNLABELLED QUERY LAYERS VALIDATION PRETRAIN SUBSET SAMPLES DATA"
    assert {stream.name: stream.value for stream in Stream} == {name: n for n, name in enumerate(names.split())}


def test_members_of_an_ensemble_differ_and_the_first_is_what_there_is_without_any():
    assert len({generator(0, Stream.WEIGHTS, 1, member).integers(2**63) for member in range(4)}) == 4
    assert generator(0, Stream.WEIGHTS, 1, 0).random() == generator(0, Stream.WEIGHTS, 1).random()
    with torch_seeded(0, Stream.WEIGHTS, 1, member=2):
        member = torch.rand(3)
    with torch_seeded(0, Stream.WEIGHTS, 1):
        assert not torch.equal(torch.rand(3), member)


def test_seed_zero_is_a_seed_like_any_other():
    with torch_seeded(0, Stream.WEIGHTS, 0):
        first = torch.rand(3)
    with torch_seeded(0, Stream.WEIGHTS, 0):
        assert torch.equal(torch.rand(3), first)


def test_the_global_generator_is_left_as_it_was():
    torch.default_generator.manual_seed(7)
    expected = torch.rand(2)
    torch.default_generator.manual_seed(7)
    with torch_seeded(0, Stream.WEIGHTS, 0):
        torch.rand(10)
    assert torch.equal(torch.rand(2), expected)


SPLIT_0 = [17224, 565131, 909490]
QUERY_5_7 = [79254, 492889, 17150]
