"""The compiler of the market loops: numba with an on-disk cache that cannot go stale.

numba keys its cache on the file of the cached function alone, so a change in ``ledger.py`` would leave
an old copy of it inlined in a cached market.  We therefore stamp the cache with a hash of every source
file of this package that may be compiled in, and clear it when the hash changes.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic

PACKAGE = Path(__file__).parent
CACHE_LINE = 64  # bytes
AHEAD = 16  # visits between the hint and the use of a record
WITHOUT_LOOPS = ("experiments", "evidence")  # folders that compile nothing


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(PACKAGE.rglob("*.py")):
        if source.relative_to(PACKAGE).parts[0] not in WITHOUT_LOOPS:
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _clear_stale_cache() -> None:
    """Delete compiled loops that were built from other sources than today's."""
    stamp = PACKAGE / "__pycache__" / "sources.sha256"
    current = _source_hash()
    if stamp.exists() and stamp.read_text() == current:
        return
    if not os.access(PACKAGE, os.W_OK):
        return  # numba then caches in the user's own folder, under the path of this installation
    for compiled in [*PACKAGE.rglob("*.nbi"), *PACKAGE.rglob("*.nbc")]:
        compiled.unlink(missing_ok=True)
    stamp.parent.mkdir(exist_ok=True)
    temporary = stamp.with_suffix(f".{os.getpid()}")
    temporary.write_text(current)
    os.replace(temporary, stamp)


_clear_stale_cache()

# Compiled functions are typed as Any: their types are numba's business.
# error_model="numpy": a division by zero gives inf or NaN, which the month's own check then names.
jit: Any = numba.njit(cache=True, error_model="numpy", nogil=True)
# For small functions with many arrays in the hottest loops: handing the arrays over costs more than the work.
inlined: Any = numba.njit(cache=True, error_model="numpy", nogil=True, inline="always")

_intrinsic: Any = intrinsic


@_intrinsic
def prefetch(_: Any, records: Any, row: Any, byte: Any) -> Any:
    """Fetch the cache line ``byte`` bytes into ``records[row]`` ahead of its use: a hint that changes no result.

    Worth it where rows are visited in an order that the processor cannot foresee.
    """
    address, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    hint = ir.FunctionType(ir.VoidType(), [address, flag, flag, flag])
    whole = numba.types.intp

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(records)(context, builder, arguments[0])
        rows, bytes_in = (
            context.cast(builder, value, given, whole) for value, given in zip(arguments[1:], (row, byte), strict=True)
        )
        stride = unpack_tuple(builder, array.strides)[0]
        start = builder.ptrtoint(array.data, context.get_value_type(whole))
        place = builder.add(builder.add(start, builder.mul(rows, stride)), bytes_in)
        function = builder.module.declare_intrinsic("llvm.prefetch", [address], hint)
        to_write, into_all_levels, data = ir.Constant(flag, 1), ir.Constant(flag, 3), ir.Constant(flag, 1)
        builder.call(function, [builder.inttoptr(place, address), to_write, into_all_levels, data])
        return context.get_dummy_value()

    return numba.types.void(records, row, byte), generate
