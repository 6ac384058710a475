"""Sixteen numbers at a time inside numba functions: float32, int32 and truth values, with the usual operators.

A packet is 4 x 4 pixels. The operations are explicit LLVM vectors without relaxed float flags, so that a picture is the
same on every CPU, whatever the width of its registers. Scalars on one side of an operator are repeated.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

LANES = 16
inner = njit(nogil=True, error_model="numpy", forceinline=True)
"""For functions that are compiled into a kernel: division by zero gives infinity."""
INT = ir.IntType(32)
ELEMENTS = {"floats": ir.FloatType(), "ints": INT, "truths": ir.IntType(1)}


class Lanes(types.Type):
    """The numba type of a vector of sixteen."""


floats, ints, truths = (Lanes(name=name) for name in ELEMENTS)
SCALARS = {floats: types.float32, ints: types.int32}


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, ir.VectorType(ELEMENTS[lanes.name], LANES))


def _repeat(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(value.type, LANES)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(INT, 0))
    zeros = ir.Constant(ir.VectorType(INT, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _lanes(context: Any, builder: Any, value: Any, given: Any, wanted: Lanes) -> Any:
    if given is wanted:
        return value
    return _repeat(builder, context.cast(builder, value, given, SCALARS[wanted]))


def _operator(function: Callable[..., Any], kind: Lanes, result: Lanes, build: Callable[..., Any]) -> None:
    """Let numba apply a two-sided operator to lanes of one kind, or to lanes and a number."""

    def typer(context: Any) -> Any:
        def accept(left: Any, right: Any) -> Any:
            sides = (left, right)
            fits = all(side is kind or (kind in SCALARS and isinstance(side, types.Number)) for side in sides)
            return result if fits and kind in sides else None

        return accept

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pairs = zip(values, signature.args, strict=True)
        return build(builder, *(_lanes(context, builder, value, given, kind) for value, given in pairs))

    type_callable(function)(typer)
    for sides in ((kind, kind), (kind, types.Number), (types.Number, kind)):
        lower_builtin(function, *sides)(lower)


for _function, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, floats, floats, lambda b, x, y, name=_name: getattr(b, name)(x, y))
for _function, _name in (
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _operator(_function, ints, ints, lambda b, x, y, name=_name: getattr(b, name)(x, y))
for _function, _name in ((operator.and_, "and_"), (operator.or_, "or_")):
    _operator(_function, truths, truths, lambda b, x, y, name=_name: getattr(b, name)(x, y))
for _function, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">=")):
    _operator(_function, floats, truths, lambda b, x, y, sign=_sign: b.fcmp_ordered(sign, x, y))
_operator(operator.eq, ints, truths, lambda b, x, y: b.icmp_signed("==", x, y))


def _unary(argument: Any, wanted: Lanes, result: Any, build: Callable[..., Any]) -> Any:
    if argument is not wanted:
        return None
    return result(argument), lambda context, builder, signature, values: build(builder, values[0])


def _call(builder: Any, name: str, value: Any) -> Any:
    function = ir.FunctionType(value.type, [value.type])
    return builder.call(builder.module.declare_intrinsic(f"{name}.v{LANES}f32", (), function), [value])


@intrinsic
def root(typing: Any, x: Any) -> Any:
    """Square root of floats."""
    return _unary(x, floats, floats, lambda builder, value: _call(builder, "llvm.sqrt", value))


@intrinsic
def magnitude(typing: Any, x: Any) -> Any:
    """Absolute value of floats."""
    return _unary(x, floats, floats, lambda builder, value: _call(builder, "llvm.fabs", value))


@intrinsic
def floor(typing: Any, x: Any) -> Any:
    """Ints at or below floats, which must lie within the range of int32."""
    to_int = ir.VectorType(INT, LANES)
    return _unary(x, floats, ints, lambda builder, v: builder.fptosi(_call(builder, "llvm.floor", v), to_int))


@intrinsic
def real(typing: Any, x: Any) -> Any:
    """Floats equal to ints."""
    return _unary(x, ints, floats, lambda builder, v: builder.sitofp(v, ir.VectorType(ir.FloatType(), LANES)))


@intrinsic
def bits(typing: Any, x: Any) -> Any:
    """Truth values as the low sixteen bits of an int64, lane 0 lowest."""
    return _unary(x, truths, types.int64, lambda b, v: b.zext(b.bitcast(v, ir.IntType(LANES)), ir.IntType(64)))


@intrinsic
def opposite(typing: Any, x: Any) -> Any:
    """True where x is false."""
    return _unary(x, truths, truths, lambda builder, value: builder.not_(value))


@intrinsic
def lowest(typing: Any, x: Any) -> Any:
    """Number of the lowest set bit of an int64 that is not 0."""
    if x != types.int64:
        return None

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(x), build


@intrinsic
def repeat(typing: Any, x: Any) -> Any:
    """Sixteen times the same number: floats from a float, ints from an integer."""
    kind = floats if isinstance(x, types.Float) else ints
    return kind(x), lambda context, builder, signature, values: _lanes(context, builder, values[0], x, kind)


def _select(condition: Any, yes: Any, no: Any) -> Any:
    kind = yes if isinstance(yes, Lanes) else no if isinstance(no, Lanes) else None
    if condition is not truths or kind is None:
        return None

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = _lanes(context, builder, values[1], yes, kind)
        return builder.select(values[0], first, _lanes(context, builder, values[2], no, kind))

    return kind(condition, yes, no), build


@intrinsic
def where(typing: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Lane by lane the one or the other."""
    return _select(condition, yes, no)


def _extreme(x: Any, y: Any, sign: str) -> Any:
    if floats not in (x, y):
        return None

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first, second = (_lanes(context, builder, v, given, floats) for v, given in zip(values, (x, y), strict=True))
        return builder.select(builder.fcmp_ordered(sign, first, second), first, second)

    return floats(x, y), build


@intrinsic
def smaller(typing: Any, x: Any, y: Any) -> Any:
    """x where x < y, else y; so y where x is not a number."""
    return _extreme(x, y, "<")


@intrinsic
def larger(typing: Any, x: Any, y: Any) -> Any:
    """x where x > y, else y; so y where x is not a number."""
    return _extreme(x, y, ">")


def _reduce(x: Any, sign: str) -> Any:
    if x is not floats:
        return None

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector, width = values[0], LANES
        while width > 1:
            width //= 2
            other = ir.Constant(ir.VectorType(INT, LANES), [lane ^ width for lane in range(LANES)])
            moved = builder.shuffle_vector(vector, vector, other)
            vector = builder.select(builder.fcmp_ordered(sign, vector, moved), vector, moved)
        return builder.extract_element(vector, ir.Constant(INT, 0))

    return types.float32(x), build


@intrinsic
def least(typing: Any, x: Any) -> Any:
    """The smallest of sixteen floats."""
    return _reduce(x, "<")


@intrinsic
def greatest(typing: Any, x: Any) -> Any:
    """The largest of sixteen floats."""
    return _reduce(x, ">")


@intrinsic
def pointer(typing: Any, array: Any) -> Any:
    """Address of an array's first element. Unlike arrays, pointers are not counted, sliced or checked; who makes one
    keeps the array."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.make_array(array)(context, builder, values[0]).data

    return types.CPointer(array.dtype)(array), build


@intrinsic
def shift(typing: Any, start: Any, count: Any) -> Any:
    """The pointer `count` elements further on."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [values[1]])

    return start(start, types.intp), build


def _lanes_of(start: Any) -> Lanes:
    return floats if start.dtype == types.float32 else ints


@intrinsic
def load(typing: Any, start: Any, index: Any) -> Any:
    """Sixteen float32 or int32 from start[index] on."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = ir.VectorType(ELEMENTS[_lanes_of(start).name], LANES)
        return builder.load(builder.bitcast(builder.gep(values[0], [values[1]]), vector.as_pointer()), align=4)

    return _lanes_of(start)(start, types.intp), build


@intrinsic
def store(typing: Any, start: Any, index: Any, value: Any) -> Any:
    """Write sixteen float32 or int32 to start[index] and on."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = builder.bitcast(builder.gep(values[0], [values[1]]), values[2].type.as_pointer())
        builder.store(values[2], address, align=4)
        return context.get_dummy_value()

    return types.none(start, types.intp, value), build


@intrinsic
def gather(typing: Any, start: Any, index: Any) -> Any:
    """The float32 or int32 at sixteen places."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = ir.Constant(ir.VectorType(ELEMENTS[_lanes_of(start).name], LANES), ir.Undefined)
        for lane in range(LANES):
            number = ir.Constant(INT, lane)
            place = builder.sext(builder.extract_element(values[1], number), ir.IntType(64))
            result = builder.insert_element(result, builder.load(builder.gep(values[0], [place])), number)
        return result

    return _lanes_of(start)(start, index), build


@intrinsic
def store_rows(typing: Any, image: Any, index: Any, stride: Any, value: Any) -> Any:
    """Write a packet as four rows of four into an image: rows begin at index + row * stride."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _store_rows(builder, values[:3], values[3], 4)
        return context.get_dummy_value()

    return types.none(image, types.intp, types.intp, value), build


@intrinsic
def store_colours(typing: Any, image: Any, index: Any, stride: Any, value: Any) -> Any:
    """Write ints 0x00bbggrr as four rows of twelve bytes into an image of uint8."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        octets = builder.bitcast(values[3], ir.VectorType(ir.IntType(8), 4 * LANES))
        kept = ir.Constant(ir.VectorType(INT, 3 * LANES), [4 * (i // 3) + i % 3 for i in range(3 * LANES)])
        packed = builder.shuffle_vector(octets, octets, kept)
        _store_rows(builder, values[:3], builder.bitcast(packed, ir.VectorType(INT, 3 * LANES // 4)), 3)
        return context.get_dummy_value()

    return types.none(image, types.intp, types.intp, value), build


def _store_rows(builder: Any, place: Any, value: Any, length: int) -> None:
    image, start, stride = place
    row_type = ir.VectorType(value.type.element, length)
    for row in range(4):
        lanes = ir.Constant(ir.VectorType(INT, length), list(range(row * length, (row + 1) * length)))
        address = builder.bitcast(builder.gep(image, [start]), row_type.as_pointer())
        builder.store(builder.shuffle_vector(value, value, lanes), address, align=1)
        start = builder.add(start, stride)
