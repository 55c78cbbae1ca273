"""Runs ONNX's own checker over a model and prints a digest of its initialisers and graph."""
import hashlib
import sys

import onnx

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model)
digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()[:16]
print(f"nodes {len(model.graph.node)} initialisers {len(model.graph.initializer)} digest {digest}")
