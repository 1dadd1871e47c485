"""Every criterion: what it means, its unit and sense, and its default limit with the limit's source.

Here belongs the table alone. Not here: how a value is found or judged, or the limits of an environment
(`environments.yaml`).
"""

from ascend_assets.gates.criterion import Criterion

_NONE = 0.0

_LINT = (
    Criterion(
        "onnx_checker",
        "<=",
        "violations",
        "Violations of the ONNX specification that onnx.checker reports, shape inference included.",
        "Project requirement: a model passes onnx.checker before anything else looks at it.",
        _NONE,
    ),
    Criterion(
        "opset",
        ">=",
        "opset",
        "Operator set of the default domain that the file declares. Above 18 see operators_registered.",
        "Project requirement: opset 11 or later. CANN's parsers register operators for opsets 8 to 18.",
        11.0,
    ),
    Criterion(
        "operators_registered",
        "<=",
        "nodes",
        "Nodes whose operator CANN has no parser for at the opset that the file declares. CANN looks up the exact "
        "opset, so beyond opset 18 nearly every node counts. ATC would stop with E19010.",
        "CANN's ONNX operator plugins. One unregistered node stops ATC.",
        _NONE,
    ),
    Criterion(
        "dynamic_dims",
        "<=",
        "findings",
        "Inputs that differ from the model's defs.yaml: a dynamic dimension that it does not declare, an input that it "
        "does not name, another rank, size or type.",
        "Project requirement: no undeclared dynamic shape. ATC compiles for the shapes that it is given.",
        _NONE,
    ),
    Criterion(
        "model_safety",
        "<=",
        "findings",
        "What makes the ONNX file dangerous or doubtful: external data outside its folder, unknown domains, absurd "
        "sizes, nesting too deep, control flow, weights that are NaN or infinite.",
        "An ONNX file is input from outside. A model's limit can tolerate what is doubtful; what is unsafe or broken "
        "is never loaded, whatever the limit.",
        _NONE,
    ),
    Criterion(
        "code_style",
        "<=",
        "findings",
        "What ruff finds in the model's own Python with this pipeline's rules. Configuration files and suppression "
        "comments in the folder change nothing; an exception is a limit in defs.yaml, where a reviewer sees it.",
        "Project requirement: the model's code passes ruff.",
        _NONE,
    ),
    Criterion(
        "pinned_dependencies",
        "<=",
        "requirements",
        "Requirements of the model's own code that are not pinned to one version with ==. A Python source without a "
        "requirements file counts as one.",
        "Project requirement: dependencies are pinned, so that a candidate can be built again.",
        _NONE,
    ),
    Criterion(
        "cann_version",
        "<=",
        "toolchains",
        "1 when the toolchain's CANN version lies outside the range that the model declares, else 0.",
        "Project requirement: the CANN version is pinned to a range (requirements.cann in defs.yaml).",
        _NONE,
    ),
    Criterion(
        "cve_high",
        "<=",
        "CVEs",
        "Known vulnerabilities of severity HIGH or CRITICAL in the model's dependencies, by trivy's database on this "
        "machine. Not judged where trivy is missing or could not look.",
        "Project requirement: no high CVE.",
        _NONE,
    ),
)

_CONVERSION = (
    Criterion(
        "conversion_errors",
        "<=",
        "errors",
        "Nodes and options that the compiler refused; a reason that names no node is one error, a warning is none.",
        "A refused model has no compiled file. A model cannot change this limit.",
        _NONE,
        negotiable=False,
    ),
)

_MSIT = "Default of msit's result analyser, which calls an operator beyond it a precision error."
_OF_OUTPUTS = "on the worst of the model's outputs, device against FP32, by msaccucmp's definition"

_PRECISION = (
    Criterion(
        "cosine_similarity",
        ">=",
        "",
        f"Cosine of the angle between the flattened tensors {_OF_OUTPUTS}.",
        f"{_MSIT} CANN's development guide calls less than 0.95 a problem.",
        0.99,
    ),
    Criterion(
        "relative_euclidean_distance",
        "<=",
        "",
        f"|x - y| / |y| in the Euclidean norm, {_OF_OUTPUTS}.",
        _MSIT,
        0.05,
    ),
    Criterion(
        "kullback_leibler_divergence",
        "<=",
        "nats",
        f"Divergence of the two tensors read as distributions after min-max scaling, {_OF_OUTPUTS}.",
        _MSIT,
        0.005,
    ),
    Criterion(
        "root_mean_square_error",
        "<=",
        "output units",
        f"Root of the mean squared difference, {_OF_OUTPUTS}. It grows with the output's scale: a model whose output "
        "is large or small gives its own limit.",
        _MSIT,
        1.0,
    ),
    Criterion(
        "mean_relative_error",
        "<=",
        "",
        f"Mean of |x/y - 1|, elements with |y| below 2.2e-16 counted as 0, {_OF_OUTPUTS}. An element near 0 weighs as "
        "much as any other: where such elements carry no meaning (a heat map's background), give a limit in defs.yaml.",
        f"{_MSIT} It gates here too: a mean beyond 1 says that elements are off by their own size on average, which is "
        "rare by rounding alone, and when it fails the sentence says whether cosine and distance hold.",
        1.0,
    ),
    Criterion(
        "non_finite_outputs",
        "<=",
        "elements",
        "Output elements that are NaN or infinite on the device and finite in FP32.",
        "An answer that is not a number is no answer.",
        _NONE,
    ),
    Criterion(
        "overflow_layers",
        "<=",
        "layers",
        "Layers with an element that is finite in FP32 and not on the device (FP16 ends at 65504), whether or not the "
        "outputs show it on these inputs. An attention mask of -1e9 counts: -1e4 masks as well.",
        "CANN's development guide: an operator whose FP32 result passes 65504 is kept in FP32 (keep_dtype).",
        _NONE,
    ),
    Criterion(
        "underflow_layers",
        "<=",
        "layers",
        "Layers that lose what they compute to underflow: elements or a constant fall below FP16's smallest normal "
        "number (6.1e-5) and the layer's own result, from exact inputs, is more than 5 % off (relative Euclidean "
        "distance). Tiny values beside large ones, such as a softmax's tail, do not count.",
        "The 5 % is msit's bound for the relative Euclidean distance, applied to the layer's own error.",
        _NONE,
    ),
    Criterion(
        "task_metric_drop",
        "<=",
        "share",
        "How much worse the task metric is on the device than in FP32, on the evaluation data: the difference for a "
        "metric where higher is better (0.005 is half a percent point of top-1), the relative increase for an error. "
        "Not judged without evaluation data.",
        "Project requirement: top-1 drop of at most 0.5 % (76.5 % to 76.0 %), which later environments ask for; until "
        "then 1 %, as for YOLOv5s.",
        0.01,
    ),
)

_PERFORMANCE = (
    Criterion(
        "latency_p99_ms",
        "<=",
        "ms",
        "99th percentile of the time for one batch on one device. P50 and P90 stand in the sentence.",
        "Project requirement for YOLOv5s on an Atlas 300I Pro: P99 of at most 20 ms. A stand-in until the model's "
        "defs.yaml says what its users need.",
        20.0,
    ),
    Criterion(
        "throughput",
        ">=",
        "samples/s",
        "Samples per second on one device at the target's batch.",
        "No requirement by default: the figure is shown and followed, and a model that needs one gives it.",
        0.0,
    ),
    Criterion(
        "aicore_utilisation",
        ">=",
        "share",
        "Share of the wall time in which AI cores compute.",
        "Project requirement: at least 70 %, which later environments ask for; a model too small for that gives its "
        "own limit.",
        0.0,
    ),
    Criterion(
        "memory_fit",
        "<=",
        "share",
        "Weights, workspace and activations as a share of the memory of the SoC.",
        "A tenth is left to the runtime and to other processes.",
        0.9,
    ),
    Criterion(
        "latency_regression",
        "<=",
        "ratio",
        "P99 latency divided by that of the release now in the environment, for the same target. Each environment "
        "judges its own ratio; the value is the worst. Like is compared with like: same SoC, batch and origin.",
        "A tenth is more than repeated measurements of one build differ by.",
        1.1,
    ),
)

_RELEASE = (
    Criterion(
        "chain",
        "<=",
        "mismatches",
        "Places where a record is not about exactly these artefacts: another digest, target, origin or toolchain than "
        "the record that it builds on, or a target without evidence.",
        "Evidence about another artefact is no evidence. A model cannot change this limit.",
        _NONE,
        negotiable=False,
    ),
    Criterion(
        "provenance",
        "<=",
        "missing facts",
        "Facts without which nobody can say how the candidate was made: commit and author (of a clean tree), the "
        "toolchain's name, version and CANN version per target, the digest of the dependency lock.",
        "Project requirement: provenance complete. A model cannot change this limit.",
        _NONE,
        negotiable=False,
    ),
    Criterion(
        "clean_tree",
        "<=",
        "trees",
        "1 when the candidate was built from files that no commit has, else 0.",
        "A candidate that nobody can check out again goes no further than environments allow (`allows_dirty`). A model "
        "cannot change this limit.",
        _NONE,
        negotiable=False,
    ),
)

CRITERIA: dict[str, Criterion] = {c.name: c for c in (*_LINT, *_CONVERSION, *_PRECISION, *_PERFORMANCE, *_RELEASE)}
