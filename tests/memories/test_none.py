import pytest
import torch

from loci.memories import state as states
from loci.memories.memory import Percept
from loci.memories.none import NoMemory


def test_the_past_changes_nothing():
    memory, embed = NoMemory(3, 4), torch.randn(2, 5, 3)
    reset = torch.zeros(2, 5, dtype=torch.bool)
    _, before = memory.unroll(memory.initial(2), Percept(embed), reset)
    _, alone = memory.step(memory.initial(2), Percept(embed[:, 4]), reset[:, 0])
    torch.testing.assert_close(before.feature[:, 4], alone.feature)


def test_the_state_is_empty_and_every_operation_takes_it():
    memory = NoMemory(3, 4)
    state = memory.initial(2)
    assert states.nbytes(state) == 0
    assert states.clone(state) == states.detach(state) == states.to(state, "cpu") == state
    assert states.reset_rows(state, state, torch.tensor([True, False])) == state


@pytest.mark.parametrize("name", ["input_dim", "width"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        NoMemory(**{"input_dim": 3, "width": 4, name: 0})
