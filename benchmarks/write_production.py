"""A stretch of production to try things on: `python -m benchmarks.write_production [--inverted] [--seed N]`.

The release of digits_cnn that is live in dev answers digits, and people say what was right: samples and feedback are
written where the looks at production read them. `--inverted`: the world has changed, the digits are white on black.
Each seed is another stretch. Not here: serving, which writes these files itself.
"""

import argparse
from datetime import UTC, datetime, timedelta

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

from resources.configurable import Warehouse
from resources.home import home
from resources.production.samples import write_feedback, write_samples

MODEL, ENVIRONMENT = "digits_cnn", "dev"


def main() -> None:
    """Write the stretch, and say how well the model did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inverted", action="store_true", help="white on black")
    parser.add_argument("--seed", type=int, default=0, help="which digits, and which noise of the camera")
    parser.add_argument("--samples", type=int, default=1200)
    asked = parser.parse_args()
    store = Warehouse()
    live = store.ledger().live(ENVIRONMENT, MODEL)
    if live is None:
        parser.exit(2, f"nothing is live in {ENVIRONMENT}: ascend run {MODEL}\n")
    release = store.registry().get(MODEL, live.version)
    rng = np.random.default_rng(asked.seed)
    digits = load_digits()
    chosen = rng.choice(len(digits.target), asked.samples)
    ink = digits.images[chosen] / 16 + rng.normal(0, 0.02, (asked.samples, 8, 8))
    images = np.clip(1 - ink if asked.inverted else ink, 0, 1).astype(np.float32)[:, None]
    labels = digits.target[chosen].astype(np.int64)

    session = onnxruntime.InferenceSession(store.blobs().path(release.onnx), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"image": images})
    answers = logits.argmax(axis=1).astype(np.int64)
    now = datetime.now(UTC)
    at = [now - timedelta(seconds=asked.samples - row) for row in range(asked.samples)]
    ids = [f"{now:%Y%m%d%H%M%S}-{asked.seed}-{row}" for row in range(asked.samples)]
    folder = home().production / MODEL / ENVIRONMENT
    columns = {"request_id": ids, "at": at, "version": [live.version] * asked.samples, "in_image": images}
    written = write_samples(folder, {**columns, "prediction": answers, "score": logits.max(axis=1).astype(np.float64)})
    write_feedback(folder, {"request_id": ids, "label": labels, "at": at})
    print(f"{asked.samples} digits{', white on black' if asked.inverted else ''}: {MODEL} {live.version} answered")
    print(f"{(answers == labels).mean():.1%} of them rightly; written to {written.parent.parent}")


if __name__ == "__main__":
    main()
