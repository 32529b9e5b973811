"""Compiles the modules of the package, as Lambda keeps nothing that it compiles: each cold start would compile anew.

In: the package's files that are no user's. Out: files beside them that Python takes without a look at the sources. Only
the functions' own version of Python can make them: deployed with another one, the functions compile their modules.
"""

from __future__ import annotations

import marshal
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import MAGIC_NUMBER, source_hash

from slips.deploy.member import Member

_UNCHECKED = (1).to_bytes(4, "little")  # a hash of the source follows, and is not compared: PEP 552


def compiled(runtime: str, files: Mapping[str, Member]) -> Iterator[tuple[str, Member]]:
    """Yield the compiled form of each Python module, by the path at which Python looks for it."""
    if sys.implementation.name != "cpython" or runtime != f"python3.{sys.version_info.minor}":
        return
    for name, file in files.items():
        if name.endswith(".py") and (data := _compiled(name, file.read()[0])) is not None:
            folder, _, module = name.rpartition("/")
            cache = f"__pycache__/{module.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
            yield f"{folder}/{cache}" if folder else cache, Member(content=data)


@lru_cache(maxsize=1024)
def _compiled(name: str, source: bytes) -> bytes | None:
    """Return the compiled form of a module; None for one that is of another Python, as templates in libraries are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code = compile(source, name, "exec", dont_inherit=True, optimize=0)  # importing it sets its path
        except (SyntaxError, ValueError):
            return None
    return MAGIC_NUMBER + _UNCHECKED + source_hash(source) + marshal.dumps(code)
