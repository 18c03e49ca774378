"""An authority of our own, for tests with TLS."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from stack.ports import HOST


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of our own, and a certificate for this machine that it has signed."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"

    @property
    def keystore(self) -> Path:
        """Key and certificate in one file, as Kafka reads PEM."""
        return self.folder / "keystore.pem"


def make_certificates(folder: Path) -> Certificates:
    """Make them by openssl."""
    folder.mkdir(parents=True)
    made = Certificates(folder)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    authority_key = folder / "ca.key"
    _openssl(
        *("req", "-x509", *new, "-subj", "/CN=quindex test authority"),
        *("-keyout", authority_key, "-out", made.authority),
    )
    _openssl(
        *("req", "-x509", *new, "-subj", "/CN=localhost"),
        *("-CA", made.authority, "-CAkey", authority_key),
        *("-addext", f"subjectAltName=IP:{HOST},DNS:localhost"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
        *("-keyout", made.key, "-out", made.certificate),
    )
    made.keystore.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
    return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(  # noqa: S603  # a tool that is installed
        ["openssl", *arguments],  # noqa: S607  # as above
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
