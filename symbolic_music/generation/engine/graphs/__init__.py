"""Steps of models as ONNX graphs, built from their weights without tracing."""
