import math

import pytest
import torch

from loci.memories import novelty


def test_bonus_has_its_closed_form():
    squared = torch.tensor([0.5, 1.5])
    kernel = [1e-3 / (d / 2.0 - 0.008 + 1e-3) for d in (0.5, 1.5)]
    expected = 1 / math.sqrt(sum(kernel) + 1e-3)
    assert novelty.bonus(squared, torch.tensor(2.0)).item() == pytest.approx(expected, rel=1e-5)


def test_a_repeated_moment_is_worth_least_and_nothing_to_compare_with_is_worth_zero():
    mean = torch.ones(3)
    repeated, strange, first = torch.zeros(10), torch.full((10,), 4.0), torch.full((10,), torch.inf)
    bonus = novelty.bonus(torch.stack([repeated, strange, first]), mean)
    assert bonus[0].item() == pytest.approx(1 / math.sqrt(10 + 1e-3), rel=1e-5)
    assert bonus[1] > 10 * bonus[0]
    assert bonus[2] == 0


def test_neighbours_are_the_nearest_visible_rows():
    code, stored = torch.zeros(1, 1, 2), torch.tensor([[[3.0, 0], [1, 0], [2, 0]]])
    visible = torch.tensor([[[True, False, True]]])
    assert novelty.neighbour_distances(code, stored, visible).tolist() == [[[4.0, 9.0, math.inf]]]
    assert novelty.mean_distance(torch.tensor([4.0, 9.0, math.inf])).item() == 6.5


def test_running_sum_begins_anew_with_each_episode():
    reset = torch.tensor([[False, False, True, False]])
    total = novelty.running_sum(torch.tensor([10.0]), torch.tensor([[1.0, 2.0, 3.0, 4.0]]), reset)
    assert total.tolist() == [[11.0, 13.0, 3.0, 7.0]]
