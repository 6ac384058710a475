import math

import numpy as np
import pytest
import torch

from loci.memories import state as states
from loci.memories.gated_transformer import Gate, GatedLayer, GatedTransformer, sinusoids, to_sources
from loci.memories.memory import Percept

B, T, D, W, HEADS = 2, 9, 6, 3, 2
NEVER = torch.zeros(B, T, dtype=torch.bool)


def memory(**arguments) -> GatedTransformer:
    """With weights large and gates open enough that every term counts, and biases u and v away from 0."""
    torch.manual_seed(0)
    sizes = {"input_dim": 5, "width": D, "window": W, "layers": 2, "heads": HEADS, "gate_bias": -1.0}
    built = GatedTransformer(**{**sizes, **arguments})
    with torch.no_grad():
        for layer in built.layers:
            for parameter in layer.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
    return built


def features(built: GatedTransformer, embed: torch.Tensor, reset: torch.Tensor) -> torch.Tensor:
    return built.unroll(built.initial(len(embed)), Percept(embed), reset)[1].feature


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def norm(x: np.ndarray, layer: torch.nn.LayerNorm) -> np.ndarray:
    weight, bias = (part.detach().numpy() for part in (layer.weight, layer.bias))
    return (x - x.mean()) / math.sqrt(x.var() + layer.eps) * weight + bias


def gate(x: np.ndarray, y: np.ndarray, by: Gate) -> np.ndarray:
    w_r, w_z, w_g = by.from_y.weight.detach().numpy().reshape(3, D, D)
    u_r, u_z = by.from_x.weight.detach().numpy().reshape(2, D, D)
    r, z = sigmoid(w_r @ y + u_r @ x), sigmoid(w_z @ y + u_z @ x - by.bias.detach().numpy())
    h = np.tanh(w_g @ y + by.from_reset.weight.detach().numpy() @ (r * x))
    return (1 - z) * x + z * h


def wave(distance: int) -> np.ndarray:
    angles = [distance / 10000 ** (2 * i / D) for i in range(D // 2)]
    return np.array([math.sin(a) for a in angles] + [math.cos(a) for a in angles])


def attend(attention: torch.nn.Module, xs: list[np.ndarray]) -> np.ndarray:
    """What the last of the normed `xs` reads from all of them, head by head and pair by pair."""
    part = {name: parameter.detach().numpy() for name, parameter in attention.named_parameters()}
    w_k, w_v = part["key_value.weight"].reshape(2, D, D)
    size, reads = D // HEADS, []
    for head in range(HEADS):
        of = slice(head * size, (head + 1) * size)
        q, u, v = part["query.weight"][of] @ xs[-1], part["content_bias"][head, 0], part["position_bias"][head, 0]
        logits = [
            ((q + u) @ (w_k[of] @ x) + (q + v) @ (part["position.weight"][of] @ wave(len(xs) - 1 - j))) / size**0.5
            for j, x in enumerate(xs)
        ]
        weights = np.exp(logits) / np.exp(logits).sum()
        reads.append(sum(weight * (w_v[of] @ x) for weight, x in zip(weights, xs, strict=True)))
    return part["out.weight"] @ np.concatenate(reads)


def slow_layer(layer: GatedLayer, xs: np.ndarray) -> np.ndarray:
    """One layer over an episode (T, D), from the equations, one step after the other."""
    outs = []
    w_in, b_in, w_out, b_out = (parameter.detach().numpy() for parameter in layer.feed.parameters())
    for t in range(len(xs)):
        seen = [norm(x, layer.norm_attention) for x in xs[max(0, t - W) : t + 1]]
        y = gate(xs[t], np.maximum(attend(layer.attention, seen), 0), layer.gate_attention)
        fed = w_out @ np.maximum(w_in @ norm(y, layer.norm_feed) + b_in, 0) + b_out
        outs.append(gate(y, np.maximum(fed, 0), layer.gate_feed))
    return np.stack(outs)


@pytest.mark.parametrize(("layers", "piece"), [(1, T), (2, T), (2, 1), (2, 5)])
@torch.no_grad()
def test_equals_the_equations_worked_out_one_by_one(layers, piece):
    """Whole or in windows of `piece` steps, with a reset inside."""
    built, embed, reset = memory(layers=layers).double(), torch.randn(B, T, 5).double(), NEVER.clone()
    reset[:, 4] = True
    state, given = built.initial(B), []
    for part, starts in zip(embed.split(piece, dim=1), reset.split(piece, dim=1), strict=True):
        state, recall = built.unroll(state, Percept(part), starts)
        given.append(recall.feature)
    for row in range(B):
        for episode in (slice(0, 4), slice(4, T)):
            x = built.enter(embed[row, episode]).numpy()
            for layer in built.layers:
                x = slow_layer(layer, x)
            torch.testing.assert_close(torch.cat(given, dim=1)[row, episode], torch.from_numpy(x), atol=1e-6, rtol=1e-5)


def test_a_gate_without_weights_keeps_the_logistic_share_of_its_bias():
    """h = 0 and z = σ(-b), so that (1 - z) x = σ(b) x."""
    by, x = Gate(D, 2.0), torch.randn(4, D)
    for parameter in (by.from_y.weight, by.from_x.weight, by.from_reset.weight):
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(by(x, torch.randn(4, D)), x / (1 + math.exp(-2)))


def distance_to_the_identity(gate_bias: float) -> float:
    """Mean relative change that a fresh layer of the default size makes to its input."""
    torch.manual_seed(1)
    layer, x = GatedLayer(64, 4, W, gate_bias), torch.randn(16, T, 64)
    visible = torch.ones(T, W + T, dtype=torch.bool).tril(W).triu().expand(16, 1, -1, -1)
    with torch.no_grad():
        out, _ = layer(x, torch.cat([torch.randn(16, W, 64), x], dim=1), visible)
    return float(((out - x).norm(dim=-1) / x.norm(dim=-1)).mean())


def test_a_fresh_layer_is_near_the_identity_because_of_the_gate_bias():
    assert distance_to_the_identity(2.0) < 0.3
    assert distance_to_the_identity(0.0) > 0.6
    assert distance_to_the_identity(50.0) < 1e-6


def test_closed_gates_leave_an_unnormed_path_from_input_to_feature():
    built, embed = memory(gate_bias=100.0), torch.randn(B, T, 5)
    assert torch.equal(features(built, embed, NEVER), built.enter(embed))


def test_only_distances_count_so_a_later_beginning_changes_nothing():
    built, embed = memory(), torch.randn(B, T, 5)
    early = features(built, embed, NEVER)[:, :5]
    late, reset = torch.randn(B, T, 5), NEVER.clone()
    late[:, 4:], reset[:, 4] = embed[:, :5], True
    torch.testing.assert_close(features(built, late, reset)[:, 4:], early, atol=1e-5, rtol=1e-4)


def test_order_counts():
    """Without the sinusoids a step would read the same from the steps before it in any order."""
    built, embed = memory(layers=1), torch.randn(1, W + 1, 5)
    swapped, never = embed[:, [1, 0, 2, 3]], NEVER[:1, : W + 1]
    assert not torch.allclose(features(built, swapped, never)[:, -1], features(built, embed, never)[:, -1], atol=1e-3)
    for layer in built.layers:
        torch.nn.init.zeros_(layer.attention.position.weight)
    torch.testing.assert_close(features(built, swapped, never)[:, -1], features(built, embed, never)[:, -1])


@pytest.mark.parametrize("layers", [1, 2])
def test_each_layer_reaches_one_window_back_within_the_episode_and_never_ahead(layers):
    built, embed, reset = memory(layers=layers), torch.randn(1, T, 5, requires_grad=True), NEVER[:1].clone()
    reset[0, 2] = True
    feature = features(built, embed, reset)[0]
    for t in range(T):
        (gradient,) = torch.autograd.grad(feature[t] @ torch.randn(D), embed, retain_graph=True)
        begin = 2 if t >= 2 else 0
        seen = (gradient[0].abs().sum(-1) > 0).tolist()
        assert seen == [begin <= s <= t and t - s <= layers * W for s in range(T)]


def test_the_cache_is_read_but_no_gradient_flows_into_it():
    built, embed = memory(), torch.randn(B, T, 5)
    earlier = torch.randn(B, T, 5, requires_grad=True)
    state, _ = built.unroll(built.initial(B), Percept(earlier), NEVER)
    feature = built.unroll(state, Percept(embed), NEVER)[1].feature
    assert not torch.allclose(feature, features(built, embed, NEVER))
    assert torch.autograd.grad(feature.sum(), earlier, allow_unused=True) == (None,)


def test_the_empty_cache_is_never_read():
    built, embed = memory(), torch.randn(B, T, 5)
    state = built.initial(B)
    state.cache.fill_(1e3)
    _, dirty = built.unroll(state, Percept(embed), NEVER)
    assert torch.equal(dirty.feature, features(built, embed, NEVER))


@torch.no_grad()
def test_the_trace_holds_the_weights_of_the_last_layer_on_the_last_steps():
    built, embed = memory(), torch.randn(B, T, 5)
    attention, weights = built.layers[-1].attention, []
    attention.register_forward_hook(lambda module, given, got: weights.append(got[1].mean(2)))
    trace = built.unroll(built.initial(B), Percept(embed), NEVER)[1].trace
    assert trace["rows"][0, 5].tolist() == [2, 3, 4, 5]
    assert trace["rows"][0, 1].tolist() == [-1, -1, 0, 1]
    block, row = divmod(5, weights[0].shape[2])
    torch.testing.assert_close(trace["weights"][:, 5], weights[0][:, block, row, row : row + W + 1])
    torch.testing.assert_close(trace["weights"].sum(-1), torch.ones(B, T))


def test_a_recall_made_with_gradients_is_not_drawn():
    built = memory()
    state, recall = built.step(built.initial(B), Percept(torch.randn(B, 5)), NEVER[:, 0])
    with pytest.raises(ValueError, match="take the step under torch.no_grad"):
        built.draw(state, recall, 0)


def test_distances_go_where_their_sources_lie():
    by_distance = torch.arange(1.0, 4)[[2, 1, 0]].expand(1, 1, 2, 3)  # distance 2 1 0 holds 3 2 1
    assert to_sources(by_distance)[0, 0].tolist() == [[3, 2, 1, 0], [0, 3, 2, 1]]


def test_sinusoids_of_the_distances_from_far_to_near():
    expected = torch.from_numpy(np.stack([wave(distance) for distance in (3, 2, 1, 0)])).float()
    torch.testing.assert_close(sinusoids(3, D), expected)


def test_the_state_is_the_stated_number_of_bytes():
    assert states.nbytes(memory().initial(B)) == B * (2 * W * D * 4 + 8)
    assert memory().attended == W


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"heads": 4}, "even and a positive multiple of heads, got width=6, heads=4"),
        ({"width": 3, "heads": 1}, "even and a positive multiple of heads, got width=3, heads=1"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        memory(**arguments)
