"""The page: one HTML file that fetches nothing, runs nothing, and shows hostile names as what they are.

Here belongs the assembly of sections, style sheet and content security policy. Not here: texts (`views`) or drawings
(`charts`). A page of a model with 5,000 layers stays below 2 MB, because tables and drawings are bounded.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ascend_assets.dossier import views
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.quantities import short
from ascend_assets.dossier.text import clean
from ascend_assets.dossier.views.evidence import evidence
from ascend_assets.dossier.views.head import head
from ascend_assets.dossier.views.lint import findings
from ascend_assets.dossier.views.origin import changed_verdicts, command, conversions, provenance
from ascend_assets.dossier.views.repair import cause_rows, repaired
from ascend_assets.dossier.views.verdicts import LEGEND, groups, unknowns

_WHOLE = 20_000


def render(content: Content) -> str:
    """The dossier as HTML, complete or of a refused candidate. Encode it as UTF-8."""
    style = _style()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            policy=policy(style),
            content=content,
            head=head(content),
            repaired=repaired(content),
            causes=cause_rows(content),
            groups=groups(content),
            legend=LEGEND,
            unknowns=unknowns(content),
            changes=content.changes,
            changed_verdicts=changed_verdicts(content),
            evidence=evidence(content),
            conversions=conversions(content),
            findings=findings(content),
            provenance=provenance(content),
            commands=[(target.key, command(content, target.key)) for target in content.spec.targets],
        )
    )


def policy(style: str) -> str:
    """Content security policy: nothing may be fetched or run, and only this style sheet applies."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return files(views.__package__.rpartition(".")[0]).joinpath("templates/style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ascend_assets.dossier"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["short"] = short
    environment.filters["whole"] = _whole
    return environment


def _shown(value: object) -> object:
    """Every expression passes here: texts are cleaned and bounded, our own markup is not."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _whole(value: str) -> Markup:
    """A text of many lines, such as a log or a command, that the usual bound would cut."""
    return escape(clean(value, _WHOLE))
