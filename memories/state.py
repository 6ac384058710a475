"""Operations over memory states: any nesting of dataclasses, lists, tuples, dicts, tensors and maps.

A leaf that is neither tensor nor container must offer `clone()` and `nbytes` itself (maps do).
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Bool, Int
from torch import Tensor

S = TypeVar("S")


def map_tensors(change: Callable[[Tensor], Tensor], state: S) -> S:
    """The same structure with `change` applied to every tensor; other leaves are shared."""
    return cast(S, _walk(state, change, lambda leaf: leaf))


def detach(state: S) -> S:
    """Cut the gradient at a window's border."""
    return map_tensors(Tensor.detach, state)


def clone(state: S) -> S:
    """An independent copy without gradient."""
    return cast(S, _walk(state, lambda t: t.detach().clone(), _clone_leaf))


def to(state: S, device: torch.device | str) -> S:
    """The state with its tensors on another device."""
    return map_tensors(lambda t: t.to(device), state)


def nbytes(state: Any) -> int:
    """Bytes held by tensors and by leaves that report their own `nbytes`."""
    total = 0

    def count(leaf: Any) -> Any:
        nonlocal total
        total += 0 if leaf is None or isinstance(leaf, (int, float, bool, str)) else int(leaf.nbytes)
        return leaf

    _walk(state, count, count)
    return total


def reset_rows(state: S, initial: S, reset: Bool[Tensor, " B"]) -> S:
    """Rows of `initial` where `reset` is true, of `state` elsewhere. Every tensor leads with B."""
    if not bool(reset.any()):
        return state
    return cast(S, _choose(state, initial, reset))


def rows(state: S, chosen: Int[Tensor, " n"]) -> S:
    """These rows of a state alone. Every tensor leads with B; a list of maps has one for each row, which is copied."""
    return cast(S, _take(state, chosen))


def latest_reset(reset: Bool[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """At each step of a window, the step at which its episode began; -1 where it began before the window."""
    steps = torch.arange(reset.shape[1], device=reset.device)
    return torch.where(reset, steps, -1).cummax(dim=1).values


def _clone_leaf(leaf: Any) -> Any:
    return leaf if leaf is None or isinstance(leaf, (int, float, bool, str)) else leaf.clone()


def _walk(node: Any, tensor: Callable[[Tensor], Any], other: Callable[[Any], Any]) -> Any:
    if isinstance(node, Tensor):
        return tensor(node)
    if is_dataclass(node) and not isinstance(node, type):
        parts = {f.name: _walk(getattr(node, f.name), tensor, other) for f in fields(node)}
        return replace(node, **parts)
    if isinstance(node, dict):
        return {key: _walk(value, tensor, other) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_walk(value, tensor, other) for value in node)
    return other(node)


PLAIN = (Tensor, dict, list, tuple, int, float, bool, str, type(None))


def _is_map(leaf: Any) -> bool:
    return not isinstance(leaf, PLAIN) and not is_dataclass(leaf)


def _take(node: Any, chosen: Tensor) -> Any:
    if isinstance(node, Tensor):
        return node[chosen]
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{f.name: _take(getattr(node, f.name), chosen) for f in fields(node)})
    if isinstance(node, dict):
        return {key: _take(value, chosen) for key, value in node.items()}
    if isinstance(node, list) and node and all(map(_is_map, node)):
        return [node[row].clone() for row in chosen.tolist()]
    if isinstance(node, (list, tuple)):
        return type(node)(_take(value, chosen) for value in node)
    return node


def _choose(old: Any, fresh: Any, reset: Tensor) -> Any:
    if isinstance(old, Tensor):
        return torch.where(reset.view(-1, *[1] * (old.dim() - 1)), fresh, old)
    if is_dataclass(old) and not isinstance(old, type):
        parts = {f.name: _choose(getattr(old, f.name), getattr(fresh, f.name), reset) for f in fields(old)}
        return replace(old, **parts)
    if isinstance(old, dict):
        return {key: _choose(value, fresh[key], reset) for key, value in old.items()}
    if isinstance(old, (list, tuple)):
        rows = zip(old, fresh, strict=True)
        return type(old)(_choose(a, b, reset) for a, b in rows)
    if old is None or isinstance(old, str):
        return old
    raise TypeError(f"reset_rows chooses rows of tensors; a {type(old).__name__} must be reset by its own memory")
