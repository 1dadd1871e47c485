"""The git tag of a release: `<model>/v<version>` at the commit that it was built from.

Here belongs what the tag says. Not here: writing it (`resources/git.py`).
"""

from ascend_assets.cli.console import Unusable, progress
from ascend_assets.stage import Tools
from resources import git


def write(tools: Tools, model: str, version: str) -> str:
    """Write the annotated tag of a release; its name. One that is there and right is left.

    Raises `Unusable` for a release of no commit, `git.TagExists` where the name is taken by another commit.
    """
    release = tools.registry.get(model, version)
    name = f"{model}/v{version}"
    if not release.commit or release.dirty:
        raise Unusable(
            f"{model} {version} is released, but not tagged: it was built from files that no commit has. Commit them, "
            f"then: ascend run {model}"
        )
    message = f"{model} {version}\n\nmanifest sha256:{release.digest}\ncandidate {release.candidate}\n"
    new = git.tag(tools.repository, name, release.commit, message)
    progress(
        f"tag {name}: {'written' if new else 'was there'}, at {release.commit[:12]}. Share it: git push REMOTE {name}"
    )
    return name
