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

PACKAGE = Path(__file__).parent
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
