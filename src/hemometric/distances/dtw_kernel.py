"""The compiled part of DTW: one anchor against sixteen partners at once, one partner in each lane of a vector.

Left alone, numba does not turn a loop over sixteen pairs into vector instructions: it cannot know that the arrays do
not overlap. So the vector is a type of its own here (`_Lanes`, sixteen float32) with the few operations that DTW needs,
each written in LLVM's language, which makes one AVX-512, two AVX or four NEON instructions of it.

The public functions are in `dtw.py`; nothing else calls this module. It is one file since numba keeps compiled code as
long as the file of the compiled function is unchanged.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.extending import intrinsic
from numpy.typing import NDArray

N_LANES = 16
CACHE_LINE_BYTES = 64

Floats = NDArray[np.float32]
Channels = tuple[float, ...]
"""One entry for each channel. Only the length matters: it is part of the type and unrolls the loop over channels."""

Untyped = Any
"""A value, type or function of numba or LLVM, which have no type stubs."""
Operation = tuple[Untyped, Callable[..., Untyped]]
"""What numba asks of an intrinsic: its signature, and a function that writes its LLVM code."""

_INFINITY = np.float32(np.inf)
_ZERO = np.float32(0.0)
_VECTOR = ir.VectorType(ir.FloatType(), N_LANES)
_ANYWHERE = 4  # bytes: a vector may begin at any float, which is merely slower


class _Lanes(types.Type):
    """Numba's type of a vector of sixteen float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_primitive_model: Untyped = models.PrimitiveModel
_tuple_of: Untyped = types.UniTuple
_declare: Untyped = cgutils.get_or_insert_function
register_default(_Lanes)(lambda manager, lanes: _primitive_model(manager, lanes, _VECTOR))
_LANES = _Lanes()


def _address(context: Untyped, builder: Untyped, array: tuple[Untyped, Untyped], index: Untyped) -> Untyped:
    """Pointer to array[index] of a flat array, which is given as (numba type, LLVM value); so is the index."""
    data = context.make_array(array[0])(context, builder, array[1]).data
    return builder.gep(data, [context.cast(builder, index[1], index[0], types.intp)])


def _shifted(builder: Untyped, address: Untyped, n_floats: int) -> Untyped:
    return builder.gep(address, [ir.Constant(ir.IntType(64), n_floats)])


def _load_from(builder: Untyped, address: Untyped) -> Untyped:
    return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=_ANYWHERE)


def _spread(builder: Untyped, value: Untyped) -> Untyped:
    """The same float in all lanes."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), N_LANES), [0] * N_LANES))


def _define_load(_typing: Untyped, array: Untyped, index: Untyped) -> Operation:
    def emit(context: Untyped, builder: Untyped, signature: Untyped, values: Untyped) -> Untyped:
        typed = list(zip(signature.args, values, strict=True))
        return _load_from(builder, _address(context, builder, typed[0], typed[1]))

    return _LANES(array, index), emit


def _define_store(_typing: Untyped, array: Untyped, index: Untyped, lanes: Untyped) -> Operation:
    def emit(context: Untyped, builder: Untyped, signature: Untyped, values: Untyped) -> Untyped:
        typed = list(zip(signature.args, values, strict=True))
        address = _address(context, builder, typed[0], typed[1])
        builder.store(values[2], builder.bitcast(address, _VECTOR.as_pointer()), align=_ANYWHERE)
        return context.get_dummy_value()

    return types.void(array, index, lanes), emit


def _define_constant(_typing: Untyped, _value: Untyped) -> Operation:
    return _LANES(types.float32), lambda _context, builder, _signature, values: _spread(builder, values[0])


def _define_channels(_typing: Untyped, array: Untyped, index: Untyped, like: Untyped) -> Operation:
    lanes_of_channels = _tuple_of(_LANES, like.count)

    def emit(context: Untyped, builder: Untyped, signature: Untyped, values: Untyped) -> Untyped:
        typed = list(zip(signature.args, values, strict=True))
        start = _address(context, builder, typed[0], typed[1])
        loaded = [builder.load(_shifted(builder, start, channel)) for channel in range(like.count)]
        return context.make_tuple(builder, lanes_of_channels, [_spread(builder, value) for value in loaded])

    return lanes_of_channels(array, index, like), emit


def _define_add(_typing: Untyped, _left: Untyped, _right: Untyped) -> Operation:
    return _LANES(_LANES, _LANES), lambda _context, builder, _signature, values: builder.fadd(*values)


def _define_least(_typing: Untyped, _left: Untyped, _right: Untyped) -> Operation:
    def emit(_context: Untyped, builder: Untyped, _signature: Untyped, values: Untyped) -> Untyped:
        return builder.select(builder.fcmp_ordered("<", *values), *values)

    return _LANES(_LANES, _LANES), emit


def _define_cost(_typing: Untyped, anchor: Untyped, group: Untyped, index: Untyped) -> Operation:
    def emit(context: Untyped, builder: Untyped, signature: Untyped, values: Untyped) -> Untyped:
        typed = list(zip(signature.args, values, strict=True))
        start = _address(context, builder, typed[1], typed[2])
        name = f"llvm.fmuladd.v{N_LANES}f32"
        multiply_add = _declare(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), name)
        # Two sums, of even and of odd channels: half as long a chain of additions that wait for each other.
        sums = [ir.Constant(_VECTOR, [0.0] * N_LANES)] * 2
        for channel in range(anchor.count):
            partner = _load_from(builder, _shifted(builder, start, channel * N_LANES))
            difference = builder.fsub(builder.extract_value(values[0], channel), partner)
            sums[channel % 2] = builder.call(multiply_add, [difference, difference, sums[channel % 2]])
        return builder.fadd(*sums)

    return _LANES(anchor, group, index), emit


_load: Untyped = intrinsic(_define_load)  # (array, index): array[index : index + 16] as lanes
_store: Untyped = intrinsic(_define_store)  # (array, index, lanes): the reverse
_constant: Untyped = intrinsic(_define_constant)  # (value): one float in all lanes
_channels: Untyped = intrinsic(_define_channels)  # (array, index, like): for each channel, its float in all lanes
_add: Untyped = intrinsic(_define_add)  # (left, right), lane by lane
_least: Untyped = intrinsic(_define_least)  # (left, right), lane by lane; nothing here is ever NaN
_cost: Untyped = intrinsic(_define_cost)  # (anchor, group, index): sum of squared differences over channels, by lane


def _begin(anchor: Floats, group: Floats, channels: Channels, band: int, row: Floats) -> None:
    """Set `row` to what precedes the first pair of rows: the origin, or the first row where their number is odd."""
    step = len(channels) * N_LANES
    n_samples = len(group) // step
    for cell in range(n_samples + 1):
        _store(row, cell * N_LANES, _constant(_INFINITY))
    if n_samples % 2 == 0:
        _store(row, 0, _constant(_ZERO))
        return
    left = _constant(_ZERO)
    for j in range(min(band + 1, n_samples)):
        left = _add(left, _cost(_channels(anchor, 0, channels), group, j * step))
        _store(row, (j + 1) * N_LANES, left)


_compiled_begin: Untyped = njit(nogil=True)(_begin)


def _sweep(anchor: Floats, group: Floats, channels: Channels, band: int, row: Floats) -> None:
    """Accumulate the cost of the best paths from one anchor to sixteen partners into the last cell of `row`.

    `row` is one row of the table of accumulated costs: for the cell before the first sample and for every sample of the
    partners, sixteen lanes. Two rows of the table (`upper`, `lower`) are computed in one pass, so each sample of the
    partners is loaded once for both.

    Args:
        anchor: Flat (n_samples, n_channels).
        group: Flat (n_samples, n_channels, 16).
        channels: n_channels entries.
        band: |i - j| <= band, >= 0.
        row: Flat (n_samples + 1, 16), overwritten.
    """
    n_channels = len(channels)
    step = n_channels * N_LANES
    n_samples = len(group) // step
    _compiled_begin(anchor, group, channels, band, row)
    for i in range(n_samples % 2, n_samples, 2):
        upper = _channels(anchor, i * n_channels, channels)
        lower = _channels(anchor, (i + 1) * n_channels, channels)
        first = max(0, i - band)
        above = _load(row, (first + 1) * N_LANES)
        upper_left = _add(_cost(upper, group, first * step), _least(above, _load(row, first * N_LANES)))
        # This cell may lie outside the band, by one. It changes nothing: the diagonal step past it is never dearer.
        lower_left = _add(_cost(lower, group, first * step), upper_left)
        _store(row, (first + 1) * N_LANES, lower_left)
        if first == 0:
            _store(row, 0, _constant(_INFINITY))
        for j in range(first + 1, min(i + band + 1, n_samples)):
            diagonal = above
            above = _load(row, (j + 1) * N_LANES)
            here = _add(_cost(upper, group, j * step), _least(_least(above, diagonal), upper_left))
            lower_left = _add(_cost(lower, group, j * step), _least(_least(here, upper_left), lower_left))
            upper_left = here
            _store(row, (j + 1) * N_LANES, lower_left)
        last = i + 1 + band
        if last < n_samples:
            lower_left = _add(_cost(lower, group, last * step), _least(upper_left, lower_left))
            _store(row, (last + 1) * N_LANES, lower_left)


_compiled_sweep: Untyped = njit(nogil=True)(_sweep)


def _compare(
    anchors: Floats, groups: Floats, tasks: NDArray[np.int64], band: int, channels: Channels, out: Floats
) -> None:
    """Write to `out` the distances of some anchors, each to the first so many groups.

    Args:
        anchors: Shape (n, n_samples * n_channels), each as in `_sweep`.
        groups: Shape (n_groups, n_samples * n_channels * 16), each as in `_sweep`.
        tasks: Shape (n_tasks, 2): a row of `anchors`, and with how many groups it is compared.
        band: In samples, 0 <= band < n_samples.
        channels: n_channels entries.
        out: Shape (n, n_groups * 16).
    """
    cells = (anchors.shape[1] // len(channels) + 1) * N_LANES
    room = np.empty(cells + CACHE_LINE_BYTES // 4, dtype=np.float32)
    skip = (CACHE_LINE_BYTES - room.ctypes.data % CACHE_LINE_BYTES) // 4
    row = room[skip : skip + cells]
    for task in range(len(tasks)):
        anchor = tasks[task, 0]
        for group in range(tasks[task, 1]):
            _compiled_sweep(anchors[anchor], groups[group], channels, band, row)
            for lane in range(N_LANES):
                out[anchor, group * N_LANES + lane] = np.sqrt(row[cells - N_LANES + lane])


def _kept(function: Callable[..., None]) -> Untyped:
    """Compile on the first call; keep the result on disk or, where no folder can be written, for this process only."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


compare: Untyped = _kept(_compare)
