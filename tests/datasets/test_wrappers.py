"""What is done to the pool of any data set: each by a plain computation of it, and by how often it draws what."""

import numpy as np
import pytest
import torch
from scipy import stats

from al_bench.core.data import Dataset, Examples
from al_bench.core.errors import DataError
from al_bench.datasets.wrappers.duplicates import Duplicates
from al_bench.datasets.wrappers.label_noise import LabelNoise
from al_bench.datasets.wrappers.long_tail import LongTail
from al_bench.datasets.wrappers.max_pool_size import MaxPoolSize

RARE = 1e-6  # of a right draw that fails a test


def dataset(counts: tuple[int, ...]) -> Dataset:
    """Classes of these sizes, mixed; the only input of an example is its index."""
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    inputs = torch.arange(len(targets), dtype=torch.float32)[:, None]
    test = Examples(-torch.ones(len(counts), 1), torch.arange(len(counts)))
    return Dataset(Examples(inputs, torch.from_numpy(targets)), test, len(counts))


def indices(of: Dataset) -> list[int]:
    return of.train.inputs[:, 0].long().tolist()


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def counts_of(of: Dataset) -> list[int]:
    return of.train.targets.bincount(minlength=of.num_classes).tolist()


@pytest.mark.parametrize("wrapper", [MaxPoolSize(40), LongTail(0.1), Duplicates(0.7), LabelNoise(rate=0.3)])
def test_the_seed_decides_and_the_test_set_stays(wrapper):
    made = dataset((30, 20, 50))
    first, again, other = wrapper(made, rng(0)), wrapper(made, rng(0)), wrapper(made, rng(1))
    assert first.test is made.test
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert torch.equal(first.train.targets, again.train.targets)
    assert indices(first) != indices(other) or first.train.targets.tolist() != other.train.targets.tolist()
    assert indices(made) == list(range(100))


class TestMaxPoolSize:
    def test_so_many_are_kept_in_pool_order_with_their_targets(self):
        made = dataset((30, 20, 50))
        left = MaxPoolSize(40)(made, rng(0))
        kept = indices(left)
        assert len(set(kept)) == 40
        assert kept == sorted(kept)
        assert left.train.targets.tolist() == made.train.targets[kept].tolist()

    def test_a_smaller_one_is_part_of_a_larger_one_and_all_are_kept_of_a_smaller_pool(self):
        made = dataset((30, 20, 50))
        assert set(indices(MaxPoolSize(10)(made, rng(3)))) < set(indices(MaxPoolSize(11)(made, rng(3))))
        assert indices(MaxPoolSize(1000)(made, rng(3))) == list(range(100))

    def test_each_is_as_likely(self):
        made = dataset((5, 5))
        counts = np.bincount([each for seed in range(3000) for each in indices(MaxPoolSize(4)(made, rng(seed)))])
        assert stats.chisquare(counts).pvalue > RARE


class TestLongTail:
    @pytest.mark.parametrize("ratio", [1.0, 0.5, 0.1, 0.02, 1e-9])
    @pytest.mark.parametrize("counts", [(100, 100, 100, 100), (30, 70, 1, 8, 200), (5, 3)])
    def test_a_class_keeps_its_share_of_the_largest(self, counts, ratio):
        left = LongTail(ratio)(dataset(counts), rng(0))
        expected = [
            min(count, max(1, round(max(counts) * ratio ** (k / (len(counts) - 1))))) for k, count in enumerate(counts)
        ]
        assert counts_of(left) == expected
        assert indices(left) == sorted(set(indices(left)))

    def test_of_equal_classes_the_last_has_the_ratio_of_the_first(self):
        assert counts_of(LongTail(0.02)(dataset((500,) * 10), rng(0))) == [
            *(500, 324, 210, 136, 88, 57, 37, 24, 15, 10),
        ]

    def test_a_smaller_ratio_keeps_part_of_a_larger_one(self):
        made = dataset((50, 50, 50))
        assert set(indices(LongTail(0.1)(made, rng(3)))) < set(indices(LongTail(0.2)(made, rng(3))))

    def test_each_of_a_class_is_as_likely(self):
        made = dataset((6, 6))
        rows = np.flatnonzero(made.train.targets.numpy() == 1)
        kept = [each for seed in range(3000) for each in indices(LongTail(0.5)(made, rng(seed))) if each in rows]
        assert stats.chisquare([kept.count(row) for row in rows]).pvalue > RARE


class TestDuplicates:
    @pytest.mark.parametrize(("share", "num"), [(0, 0), (0.255, 26), (1, 100), (2.5, 250)])
    def test_copies_stand_behind_the_pool_and_none_is_copied_again_before_all_are(self, share, num):
        made = dataset((30, 20, 50))
        found = Duplicates(share)(made, rng(0))
        assert indices(found)[:100] == list(range(100))
        copied = indices(found)[100:]
        assert len(copied) == num
        assert set(np.bincount(copied, minlength=100).tolist()) <= {num // 100, num // 100 + 1}
        assert found.train.targets.tolist() == made.train.targets[indices(found)].tolist()

    def test_each_is_as_likely(self):
        made = dataset((5, 5))
        counts = np.bincount([each for seed in range(3000) for each in indices(Duplicates(0.3)(made, rng(seed)))[10:]])
        assert stats.chisquare(counts).pvalue > RARE


class TestLabelNoise:
    def confusion(self, noise: LabelNoise, made: Dataset, seed: int) -> np.ndarray:
        given = noise(made, rng(seed)).train.targets
        return np.array(
            [given[made.train.targets == k].bincount(minlength=made.num_classes).numpy() for k in range(3)], dtype=float
        )

    @pytest.mark.parametrize(
        ("noise", "matrix"),
        [
            (LabelNoise(rate=0.3), [[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]]),
            (
                LabelNoise(matrix=[[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]]),
                [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]],
            ),
        ],
    )
    def test_labels_are_given_as_often_as_the_matrix_says(self, noise, matrix):
        counts = self.confusion(noise, dataset((20_000, 10_000, 5_000)), 0)
        for row, expected in zip(counts, matrix, strict=True):
            assert stats.chisquare(row, np.array(expected) * row.sum()).pvalue > RARE

    def test_inputs_and_their_order_stay(self):
        made = dataset((30, 20, 50))
        assert LabelNoise(rate=0.3)(made, rng(0)).train.inputs is made.train.inputs

    @pytest.mark.parametrize("noise", [LabelNoise(rate=0.0), LabelNoise(), LabelNoise(matrix=np.eye(3).tolist())])
    def test_of_no_noise_all_labels_are_right(self, noise):
        made = dataset((30, 20, 50))
        assert torch.equal(noise(made, rng(0)).train.targets, made.train.targets)

    def test_of_a_rate_of_1_all_are_wrong(self):
        made = dataset((30, 20, 50))
        assert not (LabelNoise(rate=1.0)(made, rng(0)).train.targets == made.train.targets).any()

    def test_what_cannot_be_given_is_not(self):
        """In spite of sums that are not 1 by rounding."""
        cycle = [[0.9, 0.1, 0.0], [0.0, 0.3333333, 0.6666666], [1.0, 0.0, 0.0]]
        counts = self.confusion(LabelNoise(matrix=cycle), dataset((3000, 3000, 3000)), 0)
        assert ((counts > 0) == (np.array(cycle) > 0)).all()

    def test_what_is_wrong_at_one_rate_is_wrong_at_a_higher_one(self):
        made = dataset((300, 200, 500))
        low, high = (
            set(np.flatnonzero(LabelNoise(rate=rate)(made, rng(3)).train.targets != made.train.targets).tolist())
            for rate in (0.1, 0.2)
        )
        assert low < high

    def test_a_matrix_of_other_classes_is_refused(self):
        with pytest.raises(DataError, match="it has 2 rows, and the data set 3 classes"):
            LabelNoise(matrix=[[1.0, 0.0], [0.0, 1.0]])(dataset((3, 3, 3)), rng(0))
