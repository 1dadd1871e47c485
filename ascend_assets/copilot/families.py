"""Well-known models: what they do, and what they take where no file says it.

Here belongs the table, each row as the models' own export documents it. Not here: anything about how a model fares on a
card: that is measured. Used for drafts alone, which a person reviews.
"""

from dataclasses import dataclass

from ascend_assets.new_model import Declared

_IMAGE = (Declared("input", "float32", ("batch", 3, 224, 224)),)
_TOKENS = tuple(Declared(name, "int64", ("batch", 128)) for name in ("input_ids", "attention_mask", "token_type_ids"))


@dataclass(frozen=True)
class Family:
    """`pattern`: how it is spelt. `inputs`: as its usual export names and shapes them. `metric`: of its task."""

    pattern: str
    task: str
    inputs: tuple[Declared, ...]
    source: str
    metric: str = ""


FAMILIES = (
    Family(
        r"yolo[\s_-]?(?:v|x)?\d{0,2}[nsmlx]?(?![A-Za-z])",
        "object detection",
        (Declared("images", "float32", ("batch", 3, 640, 640)),),
        "Ultralytics' export: images, 3x640x640",
    ),
    Family(
        r"(?:resnet|resnext|wide[\s_-]?resnet|mobilenet|efficientnet|densenet|vgg|shufflenet|squeezenet|googlenet|"
        r"inception|convnext|regnet)[\s_-]?(?:v?\d{0,3})",
        "image classification",
        _IMAGE,
        "torchvision's models: 3x224x224",
        "top1",
    ),
    Family(r"(?:deit|swin|vit)(?![A-Za-z])", "image classification", _IMAGE, "timm's models: 3x224x224", "top1"),
    Family(r"(?:roberta|albert|bert)(?:[\s_-](?:base|large))?", "text encoding", _TOKENS, "transformers' ONNX export"),
)
"""The first that matches is taken."""
