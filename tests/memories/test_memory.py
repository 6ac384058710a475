import pytest
import torch

from loci.memories.dual_coding import DualCoding
from loci.memories.memory import Percept, Recall, stack


def test_stack_keeps_every_part_of_a_recall():
    one = Recall(torch.ones(2, 3), {"loss": torch.ones(2)}, torch.ones(2), {"rows": torch.ones(2, 4)})
    window = stack([one, one])
    assert window.feature.shape == (2, 2, 3)
    assert window.losses["loss"].shape == (2, 2)
    assert window.bonus is not None
    assert window.bonus.shape == (2, 2)
    assert window.at(1).trace["rows"].shape == (2, 4)
    assert window.at(1).losses["loss"].shape == (2,)


def test_a_moment_alone_is_a_window_of_one_step():
    moment = Percept(embed=torch.ones(2, 3), position=torch.zeros(2, 3))
    assert moment.alone().embed.shape == (2, 1, 3)
    assert torch.equal(moment.alone().at(0).position, moment.position)


def test_a_percept_without_what_is_read_is_refused_by_name():
    memory = DualCoding(4, 4, 4, rows=4, k=2, width=4)
    with pytest.raises(ValueError, match=r"reads \['language', 'vision'\], the percept lacks language"):
        memory.check(Percept(embed=torch.ones(2, 3), vision=torch.ones(2, 4)))
