"""Champion and challenger on the same samples: which of them each answers rightly, in FP32.

Here belongs running the ONNX files on the CPU. Not here: what the counts mean (`compare.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ascend_assets import evaluation
from ascend_assets.evaluation import EvaluationData, EvaluationError
from ascend_assets.training.compare import Paired
from resources import onnx_files
from resources.onnx_files import sessions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Right = NDArray[np.bool_]

BATCH = 64
METRIC = "top1"


class CannotCompare(Exception):
    """A model that does not take these samples, or gives no answer that can be judged."""


def right(path: Path, data: EvaluationData, *, batch: int = BATCH) -> "Right":
    """Which samples the model answers rightly, shape (samples,); an answer with a NaN is wrong.

    Labels that are none of the model's classes are wrong for it, too. Raises `CannotCompare`.
    """
    import numpy as np

    try:
        session = sessions.reference(onnx_files.load(path))
        parts = []
        for part in evaluation.batches(data, batch):
            output = session.run(part.inputs)[session.outputs[0]]
            classes = output.shape[1] if output.ndim > 1 else 0
            known = (part.labels >= 0) & (part.labels < classes)
            hits = evaluation.score(METRIC, output, np.where(known, part.labels, 0))
            parts.append(((hits == 1.0) & known)[: part.valid])
    except (ValueError, EvaluationError, onnx_files.OnnxFileError) as error:
        raise CannotCompare(str(error)) from error
    found: Right = np.concatenate(parts)
    return found


def paired(challenger: "Right", champion: "Right") -> Paired:
    """The counts of two models on the same samples."""
    return Paired(
        samples=len(challenger),
        both=int((challenger & champion).sum()),
        only_challenger=int((challenger & ~champion).sum()),
        only_champion=int((champion & ~challenger).sum()),
    )
