"""precision: how far the device is from FP32, layer by layer and in the task metric.

Here belongs running both sides on the same inputs. Not here: how layers are compared (`resources/ascend`), or what is
close enough (`gates/precision.py`).
"""
