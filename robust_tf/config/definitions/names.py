"""Names that flags take and other parts know.

They are written out: what answers a wrong flag does not wait for TensorFlow.
"""

PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
STEP_RULES = ("quarter", "caad")
TARGETS = ("none", "random", "most_confusing", "least_likely")
METHODS = ("standard", "pgd_at", "trades", "rlfat_p", "rlfat_t", "bat", "fpd", "smoothing")
DENOISERS = ("gaussian", "embedded_gaussian", "dot", "concatenation")
DENOISERS += ("mean", "median", "bilateral", "gaussian_filter")
