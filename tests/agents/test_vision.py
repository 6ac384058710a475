"""The cell encoder: every block of cells is seen with the same eyes, and its wall is not seen."""

import pytest
import torch

from loci.agents.encoder import Decoder, Encoder
from loci.agents.vision import Cells


def board(seed: int = 0, side: int = 11) -> torch.Tensor:
    return torch.randint(0, 256, (2, side, side, 3), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def test_two_blocks_that_change_places_change_places_in_the_map() -> None:
    sight, picture = Cells(11, 11, 4, 8), board().permute(0, 3, 1, 2).float()[:, :, 1:-1, 1:-1]
    moved = picture.clone()
    moved[..., :3, :3], moved[..., 3:6, 6:9] = picture[..., 3:6, 6:9], picture[..., :3, :3]
    seen, swapped = sight.blocks(picture), sight.blocks(moved)
    torch.testing.assert_close(swapped[..., 0, 0], seen[..., 1, 2])
    torch.testing.assert_close(swapped[..., 1, 2], seen[..., 0, 0])


def test_the_wall_around_is_left_out_where_there_is_one() -> None:
    walled, bare = Cells(11, 11, 4, 8), Cells(9, 9, 4, 8)
    bare.load_state_dict(walled.state_dict())
    picture = board()
    torch.testing.assert_close(walled(picture), bare(picture[:, 1:-1, 1:-1]))


@pytest.mark.parametrize("black", [0.0, -1.0])
def test_darkness_is_the_number_it_is_said_to_be(black: float) -> None:
    sight, night = Cells(9, 9, 4, 8, black=black), torch.zeros(1, 9, 9, 3, dtype=torch.uint8)
    seen = []
    sight.blocks.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    sight(night), sight(night + 255)
    assert (seen[0] == black).all()
    assert (seen[1] == 1.0).all()


def test_sides_that_hold_no_blocks_are_refused() -> None:
    for height, width, pixels, wrong in ((10, 11, 1, 10), (9, 4, 1, 4), (2, 9, 1, 2), (9, 11, 3, 11), (30, 33, 3, 30)):
        with pytest.raises(ValueError, match=f"3 n cells, or 3 n .* of {pixels} pixels each, got {wrong} pixels"):
            Cells(height, width, 4, 8, pixels)


def test_large_cells_are_seen_as_small_ones() -> None:
    """Weights spread evenly over the pixels of a cell see the same."""
    small, large, picture = Cells(11, 11, 4, 8), Cells(33, 33, 4, 8, pixels=3), board()
    state = small.state_dict()
    spread = state["blocks.0.weight"].repeat_interleave(3, 2).repeat_interleave(3, 3) / 9
    large.load_state_dict(state | {"blocks.0.weight": spread})
    drawn = picture.repeat_interleave(3, 1).repeat_interleave(3, 2)
    torch.testing.assert_close(large(drawn), small(picture), atol=1e-5, rtol=1e-4)


def test_the_decoder_draws_every_cell() -> None:
    encoder = Encoder(11, 11, 8, vision_dim=8, language_dim=8, embed_dim=8, channels=4, word_dim=8, sight=Cells)
    decoder, pictures = Decoder(encoder), board()
    codes = torch.randn(2, 8, requires_grad=True)
    optimiser = torch.optim.Adam([codes, *decoder.parameters()], 0.01)
    for _ in range(300):
        optimiser.zero_grad()
        loss = decoder.image_loss(codes, pictures)
        loss.backward()
        optimiser.step()
    assert loss.item() < 1e-3
