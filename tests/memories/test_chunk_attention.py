"""The block of Lampinen et al. 2021 (arXiv 2105.14039): which chunks are opened, what they give, gradient, weights."""

import math

import numpy as np
import pytest
import torch

from loci.memories.chunk_attention import ChunkAttention, _among_all, _opened, hcam_block, position_code

B, Q, M, C, E, D, F, K, HEADS = 3, 5, 7, 6, 10, 24, 12, 4, 3
MATRICES = {"query/w": (E, F), "key/w": (D, F), "within_mem_attn/query/w": (E, F), "within_mem_attn/key/w": (D, F)}
MATRICES |= {"within_mem_attn/value/w": (D, F), "within_mem_attn/linear/w": (F, F)}
BIASES = [f"within_mem_attn/{name}/b" for name in ("query", "key", "value", "linear")]


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights named as in the authors' code, the biases not 0."""
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(0, math.sqrt(2 / size[0]), size) for name, size in MATRICES.items()}
    return made | {name: rng.normal(0, 0.5, F) for name in BIASES}


def tensors(made: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(array, dtype=torch.float32) for name, array in made.items()}


def past(seed: int = 0) -> dict[str, torch.Tensor]:
    """Queries, chunks with their mean keys, and a mask under which every query sees something."""
    draw = torch.Generator().manual_seed(seed)
    contents = torch.randn(B, M, C, D, generator=draw)
    visible = torch.rand(B, Q, M, generator=draw) < 0.6
    visible[..., 0] = True
    return {"x": torch.randn(B, Q, E, generator=draw), "keys": contents.mean(2), "contents": contents} | {
        "visible": visible
    }


def block(given: dict[str, torch.Tensor], k: int = K, **switches: bool):
    return hcam_block(tensors(arrays()), **given, k=k, heads=HEADS, **switches)


def softmax(logits: np.ndarray) -> np.ndarray:
    share = np.exp(logits - logits.max())
    return share / share.sum()


def code(frames: int, width: int) -> np.ndarray:
    table = np.zeros((frames, width))
    for c in range(frames):
        for i, f in enumerate(range(0, width, 2)):
            angle = (frames - 1 - c) / 10000 ** (f / width)
            table[c, i], table[c, width // 2 + i] = math.sin(angle), math.cos(angle)
    return table


def stated_block(p: dict, x: np.ndarray, keys: list, contents: list, k: int, heads: int) -> np.ndarray:
    """One query over the chunks it sees, written out from the equations with every bias."""
    features = p["key/w"].shape[1]
    if not keys:
        return np.zeros(features)
    relevance = np.array([(x @ p["query/w"]) @ (key @ p["key/w"]) / math.sqrt(features) for key in keys])
    best = np.argsort(-relevance)[:k]
    total, part = np.zeros(features), features // heads
    for weight, m in zip(softmax(relevance[best]), best, strict=True):
        frames = contents[m] + code(*contents[m].shape)
        q, key, value = (
            source @ p[f"within_mem_attn/{name}/w"] + p[f"within_mem_attn/{name}/b"]
            for name, source in (("query", x), ("key", frames), ("value", frames))
        )
        heads_out = []
        for h in range(heads):
            cut = slice(h * part, (h + 1) * part)
            heads_out.append(softmax(key[:, cut] @ q[cut] / math.sqrt(part)) @ value[:, cut])
        joined = np.concatenate(heads_out)
        total += weight * (joined @ p["within_mem_attn/linear/w"] + p["within_mem_attn/linear/b"])
    return total


@pytest.mark.parametrize("k", [1, K, M, M + 3])
def test_block_equals_its_statement_in_numpy(k):
    given = past()
    x, keys, contents = (given[name].double().numpy() for name in ("x", "keys", "contents"))
    expected = np.zeros((B, Q, F))
    for b in range(B):
        for q in range(Q):
            seen = np.flatnonzero(given["visible"][b, q])
            expected[b, q] = stated_block(arrays(), x[b, q], list(keys[b, seen]), list(contents[b, seen]), k, HEADS)
    assert np.abs(expected).max() > 2
    np.testing.assert_allclose(block(given, k).feature, expected, atol=1e-5)


def test_nothing_visible_reads_exactly_zero():
    given = past()
    given["visible"][1] = False
    read = block(given)
    assert torch.equal(read.feature[1], torch.zeros(Q, F))
    assert not read.frames[1].any()
    assert read.chunks[1].eq(-1).all()
    assert read.feature[0].abs().amax(-1).min() > 0


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_no_gradient_reaches_keys_and_contents_when_stopped(stop_gradient):
    given = past()
    given |= {name: given[name].clone().requires_grad_() for name in ("x", "keys", "contents")}
    block(given, stop_gradient=stop_gradient).feature.square().sum().backward()
    assert given["x"].grad.any()
    for name in ("keys", "contents"):
        assert (given[name].grad is None) is stop_gradient
        assert stop_gradient or given[name].grad.any()


def test_order_inside_a_chunk_counts_and_the_order_of_chunks_does_not():
    given, turn, frames = past(), torch.randperm(M), torch.arange(C).flip(0)
    before = block(given).feature
    others = {name: given[name][:, turn] for name in ("keys", "contents")} | {"visible": given["visible"][..., turn]}
    torch.testing.assert_close(block(given | others).feature, before, atol=1e-5, rtol=0)
    backwards = block(given | {"contents": given["contents"][:, :, frames]}).feature  # the means stay
    assert (backwards - before).abs().amax(-1).min() > 1e-3


def test_all_chunks_opened_is_the_softmax_over_all():
    given = past()
    weights = tensors(arrays())
    relevance = (given["x"] @ weights["query/w"]) @ (given["keys"] @ weights["key/w"]).transpose(1, 2) / math.sqrt(F)
    full = relevance.masked_fill(~given["visible"], -torch.inf).softmax(-1)
    for k in (M, M + 1):
        read = block(given, k)
        spread = torch.zeros(B, Q, M).scatter_add(2, read.chunks.clamp(min=0), read.frames.sum(-1))
        torch.testing.assert_close(spread, full, atol=1e-6, rtol=0)


def test_only_the_chosen_chunks_count_and_what_the_others_hold_does_not():
    given = past()
    given["visible"][:] = True
    given["x"], given["visible"] = given["x"][:, :1], given["visible"][:, :1]
    before = block(given)
    assert before.frames.sum((-1, -2)).allclose(torch.ones(B, 1))
    chosen = torch.zeros(B, M, dtype=torch.bool).scatter(1, before.chunks[:, 0], True)
    assert chosen.sum(1).eq(K).all()
    noise = torch.randn(B, M, C, D)
    unopened = torch.where(chosen[:, :, None, None], given["contents"], noise)
    assert torch.equal(block(given | {"contents": unopened}).feature, before.feature)
    opened = torch.where(chosen[:, :, None, None], noise, given["contents"])
    assert (block(given | {"contents": opened}).feature - before.feature).abs().amax(-1).min() > 1e-3


def test_positions_count_down_to_the_newest_frame_sines_first():
    table = position_code(C, D)
    np.testing.assert_allclose(table, code(C, D), atol=1e-6)
    assert table[-1].tolist() == [0.0] * (D // 2) + [1.0] * (D // 2)
    assert table[-2, 0].item() == pytest.approx(math.sin(1))


def test_weights_start_with_twice_the_inverse_of_fan_in_cut_at_two_deviations_and_biases_at_zero():
    torch.manual_seed(0)
    width = 256
    for name, weight in ChunkAttention(width, K, 4).weights.items():
        if name.endswith("/b"):
            assert not weight.any()
            continue
        # 65,536 draws: the variance of the sample has a relative s.e. below sqrt(2 / 65536) = 0.0055
        assert weight.var().item() == pytest.approx(2 / width, rel=0.03), name
        assert weight.abs().max().item() == pytest.approx(2 * math.sqrt(2 / width) / 0.8796, rel=0.01), name


def square(width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = {name: rng.normal(0, 1 / math.sqrt(width), (width, width)).astype(np.float32) for name in MATRICES}
    return made | {name: rng.normal(0, 1, width).astype(np.float32) for name in BIASES}


def test_loaded_weights_read_as_the_plain_function_does_and_come_back():
    module, made, given = ChunkAttention(D, K, HEADS), square(D), past()
    given["x"] = torch.randn(B, Q, D)
    module.load(made)
    expected = hcam_block(tensors(made), **given, k=K, heads=HEADS).feature
    assert torch.equal(module(**given).feature, expected)
    for name, weight in module.weights.items():
        np.testing.assert_array_equal(weight.detach(), made[name])
    again = ChunkAttention(D, K, HEADS)
    again.load({name: weight.detach().numpy() for name, weight in module.weights.items()})
    assert torch.equal(again(**given).feature, expected)


def test_loading_names_what_is_wrong():
    module, made = ChunkAttention(D, K, HEADS), square(D)
    with pytest.raises(ValueError, match="query/w must have shape \\(24, 24\\), got \\(24, 5\\)"):
        module.load(made | {"query/w": made["query/w"][:, :5]})
    with pytest.raises(ValueError, match="arrays must be .*key/w"):
        module.load({name: array for name, array in made.items() if name != "key/w"})


def test_copying_what_is_opened_and_looking_into_all_read_the_same() -> None:
    torch.manual_seed(4)
    query, contents, to_key, to_value = (torch.randn(*size) for size in ((2, 9, 3, 4), (2, 5, 4, 8), (8, 12), (8, 12)))
    chosen = torch.stack([torch.randperm(5)[:3] for _ in range(18)]).view(2, 9, 3)
    weights = torch.rand(2, 9, 3) * torch.tensor([1.0, 1.0, 0.0])
    ways = [way(query, contents, to_key, to_value, chosen, weights) for way in (_opened, _among_all)]
    for one, other in zip(*ways, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("k", [1, K, M])
def test_chunks_that_no_query_sees_have_no_influence_and_keep_their_numbers(k):
    given = past()
    given["visible"][..., [0, 3, 4]] = False
    read = block(given, k)
    for b in range(B):
        for q in range(Q):
            alone = {name: part[b : b + 1] for name, part in given.items()}
            alone |= {name: alone[name][:, q : q + 1] for name in ("x", "visible")}
            one = block(alone, k)
            assert one.chunks[0, 0].tolist() == read.chunks[b, q].tolist()
            torch.testing.assert_close(one.feature[0, 0], read.feature[b, q], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(one.frames[0, 0], read.frames[b, q], atol=1e-6, rtol=0)
    unseen = given["contents"].clone()
    unseen[:, [0, 3, 4]] = 1e3
    assert torch.equal(block(given | {"contents": unseen}, k).feature, read.feature)
