"""Why a candidate failed: from typed evidence to causes.

Three steps. Observers (`observers/`) state what is there, without an opinion. Rules (`rules/*.yaml`) say what an
observation means, how sure that is, where it is known from, and which remedies are worth a try. `diagnose.py` brings
them together. Not here: remedies (`remedies/`), or trying them (`repair/`).
"""
