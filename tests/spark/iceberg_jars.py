"""The Java archives that add Iceberg tables to Spark: tables with DELETE, UPDATE and MERGE.

Spark's own tables have none of these. The archive of Iceberg that is on PyPI lacks one library that
it uses under a name of its own, Jackson. Spark brings Jackson under its usual name; it is copied
under the other name into a second archive.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGE: Final = "com/fasterxml/jackson"
PREFIX: Final = "org/apache/iceberg/shaded/"

_TEXT: Final = 1
_LONG_OR_DOUBLE: Final = (5, 6)
_SIZES: Final = (
    dict.fromkeys((7, 8, 16, 19, 20), 2)
    | {15: 3}
    | dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4)
    | dict.fromkeys(_LONG_OR_DOUBLE, 8)
)
"""The length of each constant of a class file, by its tag, without the tag."""
_CONSTANTS: Final = 10
"""Where the constants begin; their number plus one stands in the two bytes before."""


def iceberg_jars(folder: Path) -> list[Path]:
    """The archives; the second one is written into `folder`."""
    jackson = folder / "jackson-for-iceberg.jar"
    with zipfile.ZipFile(jackson, "w") as archive:
        for name, content in _jackson_classes():
            archive.writestr(PREFIX + name, renamed(content))
    return [iceberg_archive(), jackson]


def iceberg_archive() -> Path:
    """Iceberg for the Scala of PySpark 3.5."""
    (iceberg,) = _jars("snowpark_connect_deps_iceberg", "iceberg-spark-runtime-*_2.12-*.jar")
    return iceberg


def _jackson_classes() -> Iterator[tuple[str, bytes]]:
    for part in ("core", "databind", "annotations"):
        (jar,) = _jars("pyspark", f"jackson-{part}-[0-9]*.jar")
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.startswith(PACKAGE) and name.endswith(".class"):
                    yield name, archive.read(name)


def _jars(package: str, pattern: str) -> list[Path]:
    spec = find_spec(package)
    assert spec
    assert spec.origin
    return list((Path(spec.origin).parent / "jars").glob(pattern))


def renamed(content: bytes) -> bytes:
    """A class file with Iceberg's prefix before each name of Jackson's in its constants."""
    (count,) = struct.unpack_from(">H", content, _CONSTANTS - 2)
    parts, position, number = [content[:_CONSTANTS]], _CONSTANTS, 1
    while number < count:
        tag, start = content[position], position + 1
        if tag == _TEXT:
            (length,) = struct.unpack_from(">H", content, start)
            position = start + 2 + length
            text = _with_prefix(content[start + 2 : position])
            parts.append(struct.pack(">BH", _TEXT, len(text)) + text)
        else:
            position = start + _SIZES[tag]
            parts.append(content[start - 1 : position])
        number += 2 if tag in _LONG_OR_DOUBLE else 1
    return b"".join([*parts, content[position:]])


def _with_prefix(text: bytes) -> bytes:
    """Names are separated by slashes, and by dots where a program asks for a class by name."""
    name, prefix = PACKAGE.encode(), PREFIX.encode()
    dotted, dotted_prefix = name.replace(b"/", b"."), prefix.replace(b"/", b".")
    return text.replace(name, prefix + name).replace(dotted, dotted_prefix + dotted)
