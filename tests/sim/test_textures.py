import numpy as np
import pytest

from loci.sim.render import textures


def test_every_name_has_its_own_tile_and_plain_is_white():
    tiles = textures.atlas().reshape(len(textures.NAMES), -1)
    assert tiles.shape[1] == textures.SIZE**2
    assert (tiles[textures.index("")] == 0xFFFFFF).all()
    assert len({tile.tobytes() for tile in tiles}) == len(textures.NAMES)


def test_tiles_are_bright_enough_to_show_a_colour_and_not_flat():
    octets = textures.atlas().view(np.uint8).reshape(len(textures.NAMES), -1, 4)[1:, :, :3]
    assert (octets.mean(axis=(1, 2)) > 100).all()
    assert (octets.std(axis=1).max(axis=1) > 10).all()


def test_smooth_patterns_join_at_the_borders():
    """The step across a border is no larger than the steps inside."""
    for name in ("marble", "grass"):
        tile = getattr(textures, name)()
        tile = tile.mean(axis=-1) if tile.ndim == 3 else tile
        inside = np.abs(np.diff(tile, axis=0)).max()
        assert np.abs(tile[0] - tile[-1]).max() <= inside * 1.01
        inside = np.abs(np.diff(tile, axis=1)).max()
        assert np.abs(tile[:, 0] - tile[:, -1]).max() <= inside * 1.01


def test_patterns_are_the_same_every_time():
    assert all(np.array_equal(pattern(), pattern()) for pattern in textures.PATTERNS)


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(KeyError, match=r"no texture 'brick'.*'bricks', 'checker'"):
        textures.index("brick")
