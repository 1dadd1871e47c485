"""Options that do not fit: a SoC that is misspelt, a mode that it has not, shapes and names that the file has not.

Here belong grafts that leave the file alone. Not here: anything in the file.
"""

from benchmarks.repair.faults import Sample
from benchmarks.repair.faults_conversion import Graft


def given(*argv: str) -> Graft:
    """Options besides."""
    return lambda sample: sample.edited(sample.model, *argv)


def wrong_sizes(factor: int) -> Graft:
    """An --input-shape with other sizes than the file is made for."""

    def graft(sample: Sample) -> Sample:
        value = sample.model.graph.input[0]
        dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        dims[-1] *= factor
        return sample.edited(sample.model, "--input-shape", f"{value.name}:{','.join(map(str, dims))}")

    return graft


def wrong_name(name: str) -> Graft:
    """An --input-shape that names no input of the file."""

    def graft(sample: Sample) -> Sample:
        dims = [dim.dim_value for dim in sample.model.graph.input[0].type.tensor_type.shape.dim]
        return sample.edited(sample.model, "--input-shape", f"{name}:{','.join(map(str, dims))}")

    return graft


def wrong_rank(sample: Sample) -> Sample:
    """An --input-shape with a dimension too few: the batch was forgotten."""
    value = sample.model.graph.input[0]
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:]
    return sample.edited(sample.model, "--input-shape", f"{value.name}:{','.join(map(str, dims))}")
