"""Building images with buildah on a base of Debian's own packages: no registry is asked.

Here belong the programs, a storage that is a test's own, the bases, and this machine's way to packages, which goes into
a build as a secret and as mounts and stays in no layer. Not here: what is built (`deploy/k8s/build.sh`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("buildah", "debootstrap", "git")
PACKAGES = ("buildah", "debootstrap", "git")
"""Debian's packages of them."""

_SECONDS = 1800
_RELEASE = "bookworm"


class ImagesMissing(Exception):
    """A program is not there, or this account may not use it."""


def require() -> None:
    """Raises `ImagesMissing`."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        install = " ".join(PACKAGES)
        raise ImagesMissing(f"{', '.join(missing)} not on PATH. On Debian: apt-get install {install}")
    if os.geteuid() != 0:
        raise ImagesMissing("building a base of Debian's packages needs root: run make test-images as root")


@dataclass(frozen=True)
class Builder:
    """A storage of images of its own, and the environment in which buildah uses it.

    `chroot` isolation and the `vfs` driver ask nothing of the kernel, and so work inside a container too.
    """

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        settings = self.folder / "storage.conf"
        if not settings.exists():
            lines = (
                "[storage]",
                'driver = "vfs"',
                f'graphroot = "{self.folder}/root"',
                f'runroot = "{self.folder}/run"',
            )
            settings.write_text("\n".join(lines) + "\n")
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(settings), "BUILDAH_ISOLATION": "chroot"}

    def buildah(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of buildah's. Raises `CalledProcessError`."""
        return self.run("buildah", *arguments, check=check)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run any command in buildah's environment. Raises `CalledProcessError`, with what it printed."""
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if check and result.returncode != 0:
            sys.stderr.write(result.stdout[-4000:] + result.stderr[-4000:])
            result.check_returncode()
        return result

    def debian(self, name: str) -> None:
        """Make an image of Debian's packages: the smallest, with Python and pip."""
        tree = self.folder / "debian"
        packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
        self.run("debootstrap", "--variant=minbase", packages, _RELEASE, str(tree), _mirror())
        container = self.buildah("from", "scratch").stdout.strip()
        self.buildah("add", "--quiet", container, str(tree))
        self.buildah("commit", "--quiet", "--rm", container, name)
        shutil.rmtree(tree)

    def with_file(self, base: str, name: str, path: str, content: str) -> None:
        """Make an image that has a file more than its base."""
        source = self.folder / "added"
        source.write_text(content)
        container = self.buildah("from", base).stdout.strip()
        self.buildah("copy", "--quiet", container, str(source), path)
        self.buildah("commit", "--quiet", "--rm", container, name)

    def build(self, project: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a project's own build.sh, with this machine's way to packages."""
        script = str(project / "deploy" / "k8s" / "build.sh")
        return self.run(script, *arguments, *self._packages(), check=check)

    def opened(self, name: str) -> "Image":
        """A container of an image, and its files."""
        container = self.buildah("from", "--pull-never", name).stdout.strip()
        return Image(self, name, container, Path(self.buildah("mount", container).stdout.strip()))

    def _packages(self) -> list[str]:
        settings = pip_settings()
        conf = self.folder / "pip.conf"
        conf.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
        folders = {part.removeprefix("file://") for value in settings.values() for part in value.split()}
        mounts = sorted(folder for folder in folders if folder.startswith("/") and Path(folder).exists())
        # Wheels of an index on disk lie beside its pages.
        mounts = sorted({str(Path(one).parent) if one.endswith("/simple") else one for one in mounts})
        return ["--pip-conf", str(conf), "--", *(f"--volume={one}:{one}:ro" for one in mounts)]


@dataclass(frozen=True)
class Image:
    """An image that was built, and a container of it to look into."""

    builder: Builder
    name: str
    container: str
    root: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command with the image's own account and environment, but not through its entry point."""
        return self.builder.buildah("run", self.container, "--", *command, check=check)


def pip_settings() -> dict[str, str]:
    """How pip of this machine finds packages, by file or environment."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    found = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in {"index-url", "extra-index-url", "find-links", "cert", "trusted-host"}:
            found[key] = value.strip("'").replace("\\n", " ").strip()
    return found


def _mirror() -> str:
    """Where apt of this machine gets this release of Debian; debootstrap's own default where it does not say."""
    listed = subprocess.run(
        ["/usr/bin/apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"],
        capture_output=True, text=True, check=False, timeout=60,
    ).stdout  # fmt: skip
    known = (line.partition(" ")[2] for line in listed.splitlines() if line.startswith(f"{_RELEASE} "))
    return next(known, "http://deb.debian.org/debian")
