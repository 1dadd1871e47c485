"""Whether a hub version's configuration goes with the one before it, and with what `defs.yaml` declares.

Here belong reading configuration files, which are not trusted, and finding what has changed incompatibly. Not here:
which fields decide (`fields.py`), or where the files are from. Nothing of a hub is executed or unpickled: JSON is read,
and vocabularies are compared by digest.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from ascend_assets.hub import fields
from ascend_assets.spec import Input
from resources.digests import NotCanonical, canonical_json, sha256_bytes, sha256_file

MAX_BYTES = 8 * 1024 * 1024
"""Of a JSON file whose fields are compared."""
_MAX_DEPTH = 50
_SHOWN = 10
_SHOWN_VALUE = 60
_IMAGE_RANK = 4
_TEXT_RANK = 2

Fields = Mapping[str, JsonValue]
"""`size.height` or `image_mean[0]` -> its value; of a file that is compared as a whole, `content` -> its sha256."""


class ConfigurationError(Exception):
    """Base of why a version's configuration is refused. The same version is refused tomorrow, too."""


class BadConfiguration(ConfigurationError):
    """A configuration file that cannot be read."""


class IncompatibleConfiguration(ConfigurationError):
    """A configuration that does not go with the version before, or with `defs.yaml`."""


@dataclass(frozen=True)
class Change:
    """A deciding field of another value. `before` and `now` as a person reads them."""

    file: str
    field: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field} was {self.before}, is {self.now}"


def compared(paths: Iterable[str]) -> tuple[str, ...]:
    """Those files of a version that are compared, sorted."""
    return tuple(sorted(path for path in paths if fields.is_configuration(path) or fields.is_vocabulary(path)))


def read(folder: Path, paths: Iterable[str]) -> dict[str, Fields]:
    """The deciding fields of each file that is compared and that the folder has. Raises `BadConfiguration`."""
    return {path: _fields(folder / path, path) for path in compared(paths) if (folder / path).is_file()}


def changes(
    before: Mapping[str, Fields], now: Mapping[str, Fields], accepted: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Every deciding field whose value differs, but for the accepted (`file:field`), in the order of their names.

    A field that has come or gone differs, too: nobody here knows what a library takes in its place. A file that one of
    the two does not have is not compared: `source.files` says which there are.
    """
    passed = frozenset(accepted)
    return tuple(
        Change(file, field, _value(before[file], field), _value(now[file], field))
        for file in sorted(set(before) & set(now))
        for field in sorted(set(before[file]) | set(now[file]))
        if not _same(before[file], now[file], field) and not _accepted(file, field, passed)
    )


def contradictions(now: Mapping[str, Fields], inputs: Iterable[Input]) -> tuple[str, ...]:
    """In what the configuration speaks against the declared inputs: image size, channels, length of a text."""
    declared = tuple(inputs)
    images = [i for i in declared if len(i.shape) == _IMAGE_RANK]
    texts = [i for i in declared if len(i.shape) == _TEXT_RANK and i.dtype in {"int64", "int32"}]
    return (*_of_images(now, images), *_of_texts(now, texts))


def require(
    before: Mapping[str, Fields],
    now: Mapping[str, Fields],
    accepted: Iterable[str],
    inputs: Iterable[Input],
    version: str,
) -> None:
    """Refuse a version whose configuration has changed incompatibly. Raises `IncompatibleConfiguration`."""
    changed = changes(before, now, accepted)
    wrong = contradictions(now, inputs)
    if changed:
        shown = "; ".join(map(str, changed[:_SHOWN]))
        more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        names = ", ".join(f"'{c.file}:{c.field}'" for c in changed[:_SHOWN])
        raise IncompatibleConfiguration(
            f"{version}: {shown}{more}. What the model is given has changed: look at it, correct whoever sends the "
            f"inputs, and then list it in source.accepts of defs.yaml: [{names}]"
        )
    if wrong:
        raise IncompatibleConfiguration(f"{version}: {'; '.join(wrong)}: correct `inputs` in defs.yaml")


def _fields(path: Path, name: str) -> Fields:
    if not fields.is_configuration(name):
        return {"content": _content(path, name)}
    found = dict(_flat(_json(path, name), "", 0, name))
    return {field: value for field, value in found.items() if fields.decides(field)}


def _content(path: Path, name: str) -> str:
    """Digest of a vocabulary; of JSON by its values, so that another indentation is not another vocabulary."""
    if name.endswith(".json") and path.stat().st_size <= MAX_BYTES:
        try:
            return sha256_bytes(canonical_json(_json(path, name)))
        except NotCanonical:
            pass  # it is compared byte by byte
    return sha256_file(path)


def _json(path: Path, name: str) -> JsonValue:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BadConfiguration(f"{name} has {size:,} bytes, which no configuration has: at most {MAX_BYTES:,}")
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadConfiguration(f"{name} is no JSON ({error}), so that nobody can say what it changes") from error
    if not isinstance(document, dict):
        raise BadConfiguration(f"{name} holds no JSON object, so that nobody can say what it changes")
    return document


def _flat(value: JsonValue, at: str, depth: int, name: str) -> Iterator[tuple[str, JsonValue]]:
    if depth > _MAX_DEPTH:
        raise BadConfiguration(f"{name} is nested deeper than {_MAX_DEPTH}")
    if isinstance(value, dict) and value:
        parts = ((f"{at}.{key}" if at else key, child) for key, child in value.items())
    elif isinstance(value, list) and value:
        parts = ((f"{at}[{index}]", child) for index, child in enumerate(value))
    else:
        yield at, value
        return
    for field, child in parts:
        yield from _flat(child, field, depth + 1, name)


def _same(before: Fields, now: Fields, field: str) -> bool:
    if (field in before) != (field in now):
        return False
    one, other = before[field], now[field]
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _accepted(file: str, field: str, accepted: frozenset[str]) -> bool:
    """Whether the field, or one above it (`size` for `size.height`), is accepted."""
    return any(f"{file}:{field}" == each or f"{file}:{field}".startswith((f"{each}.", f"{each}[")) for each in accepted)


def _value(found: Fields, field: str) -> str:
    if field not in found:
        return "not there"
    if field == "content":
        return f"sha256 {str(found[field])[:12]}..."
    text = json.dumps(found[field], ensure_ascii=False)
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}..."


def _of_images(now: Mapping[str, Fields], images: list[Input]) -> Iterator[str]:
    if len(images) != 1:
        return  # with several nobody can say which of them the configuration is about
    (image,) = images
    dims = image.shape[1:]
    for file, found in now.items():
        size = _image_size(found)
        if size is not None and not _fits(size, dims):
            yield f"{file}: images are {size[0]} by {size[1]}, but input {image.name!r} is declared {_shape(image)}"
        for field in ("num_channels", "in_chans"):
            channels = found.get(field)
            ends = (dims[0], dims[-1])
            if _whole(channels) and all(isinstance(d, int) for d in ends) and channels not in ends:
                yield f"{file}: {field} is {channels}, but input {image.name!r} is declared {_shape(image)}"


def _image_size(found: Fields) -> tuple[int, int] | None:
    """Height and width that the model is given; None where the file does not say, or leaves them to the image."""
    cropped = found.get("do_center_crop") is not False
    names = (*(("crop_size",) if cropped else ()), "size", "image_size", "img_size", "input_size")
    for name in names:
        whole, height, width = found.get(name), found.get(f"{name}.height"), found.get(f"{name}.width")
        if isinstance(height, int) and isinstance(width, int):
            return height, width
        if isinstance(whole, int) and not isinstance(whole, bool):
            return whole, whole
        listed = [found.get(f"{name}[{index}]") for index in range(4)]
        numbers = [n for n in listed if isinstance(n, int)][-2:]
        if len(numbers) == 2:  # noqa: PLR2004 - height and width
            return numbers[0], numbers[1]
        if f"{name}.shortest_edge" in found:
            return None
    return None


def _fits(size: tuple[int, int], dims: tuple[int | str, ...]) -> bool:
    """Whether an image of that height and width goes in, channels first or last; an open dimension takes any."""
    return any(
        all(isinstance(dim, str) or dim == want for want, dim in zip(size, place, strict=True))
        for place in (dims[1:], dims[:-1])
    )


def _of_texts(now: Mapping[str, Fields], texts: list[Input]) -> Iterator[str]:
    for file, found in now.items():
        for field in ("max_position_embeddings", "n_positions"):
            most = found.get(field)
            for text in texts:
                length = text.shape[1]
                if isinstance(length, int) and isinstance(most, int) and 0 < most < length:
                    yield f"{file}: {field} is {most}, but input {text.name!r} is declared with length {length}"


def _shape(given: Input) -> str:
    return f"[{', '.join(map(str, given.shape))}]"


def _whole(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
