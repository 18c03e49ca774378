"""
Makes Elasticsearch's home of its published jars and of our few Java files.

The class path (lib) starts the node; each module (modules) has a class loader of its own, and a
class must not lie in both.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from zipfile import ZipFile

from runtime.errors import OperatorError
from stack.link import link_or_copy

JAVA_SOURCES = sorted((Path(__file__).parent / "java").glob("*.java"))
LAUNCHER = "quindex.stack.Launcher"

TRANSPORT = "transport-netty4"
STOCK = "stock"

MODULE_CLASSES = {
    TRANSPORT: "org.elasticsearch.transport.netty4.Netty4Plugin",
    STOCK: "quindex.stack.StockModule",
}


def make_home(folder: Path, *, jars: Path, compiler: Path, java: str) -> None:
    """
    Raises:
        OperatorError: the Java files do not compile; the message is the compiler's.
    """
    library = folder / "lib"
    modules = {name: folder / "modules" / name for name in MODULE_CLASSES}
    for place in (library, *modules.values()):
        place.mkdir(parents=True)
    for jar in sorted(jars.glob("*.jar")):
        in_transport = jar.name.startswith((TRANSPORT, "netty-"))
        link_or_copy(jar, (modules[TRANSPORT] if in_transport else library) / jar.name)
    with tempfile.TemporaryDirectory() as scratch:
        classes = Path(scratch)
        _compile(classes, jars=jars, compiler=compiler, java=java)
        _pack(library / "launcher.jar", classes, "Launcher*.class")
        _pack(modules[STOCK] / "stock.jar", classes, "StockModule*.class")
    version = version_of(jars)
    for name, module in modules.items():
        (module / "plugin-descriptor.properties").write_text(to_descriptor(name, version))


def version_of(jars: Path) -> str:
    """Elasticsearch's version, which its jar's name tells."""
    names = (
        re.fullmatch(r"elasticsearch-(\d+\.\d+\.\d+)\.jar", jar.name) for jar in jars.iterdir()
    )
    return next(match[1] for match in names if match)


def to_descriptor(module: str, version: str) -> str:
    return (
        f"name={module}\ndescription={module}\nversion={version}\n"
        f"elasticsearch.version={version}\njava.version=21\n"
        f"classname={MODULE_CLASSES[module]}\nextended.plugins=\nhas.native.controller=false\n"
    )


def _compile(classes: Path, *, jars: Path, compiler: Path, java: str) -> None:
    ecj = next(compiler.glob("ecj-*.jar"))
    class_path = os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))
    done = subprocess.run(  # noqa: S603  # nothing in it comes from outside
        [java, "-jar", ecj, "-25", "-nowarn", "-cp", class_path, "-d", classes, *JAVA_SOURCES],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperatorError(f"Elasticsearch's launcher does not compile:\n{done.stderr}")


def _pack(jar: Path, classes: Path, pattern: str) -> None:
    with ZipFile(jar, "w") as archive:
        for compiled in sorted(classes.rglob(pattern)):
            archive.write(compiled, compiled.relative_to(classes))
