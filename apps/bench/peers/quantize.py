"""Quantizes a network to int8 with the engine's own post-training quantizer, calibrated on images.

    python quantize.py MODEL.onnx IMAGES.npy TARGET

TARGET is .xml for OpenVINO and .onnx for ONNX Runtime; IMAGES is (N,H,W,3) in 0..255. The decode after the last
convolutions of Detect stays in fp32, as in Ultralytics' export. With the decode in int8, and with NNCF's other preset,
OpenVINO took as long. MNN is missing: the quantizer in its wheel ends with std::length_error, and 8-bit weights alone,
which its converter supports, were not faster than its fp32.
"""
import pathlib
import sys

from onnx_graph import DECODE


def as_input(image):
    """Convert (H,W,3) in 0..255 to (1,3,H,W) in 0..1."""
    return (image.transpose(2, 0, 1)[None] / 255).astype("float32")


def openvino(model, images, target):
    sys.modules["openvino_telemetry"] = None  # disables the telemetry of NNCF
    import nncf
    import openvino

    quantized = nncf.quantize(
        openvino.Core().read_model(model),
        nncf.Dataset(list(images), as_input),
        preset=nncf.QuantizationPreset.MIXED,  # for asymmetric activations such as SiLU
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(patterns=[DECODE + ".*"]),
    )
    openvino.save_model(quantized, target, compress_to_fp16=False)


def onnx_runtime(model, images, target):
    import onnx
    from onnxruntime import quantization

    names = [node.name for node in onnx.load(model).graph.node]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.remaining = iter(images)

        def get_next(self):
            image = next(self.remaining, None)
            return None if image is None else {"images": as_input(image)}

    quantization.quantize_static(
        model,
        target,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,  # without VNNI, the sum of two products can saturate
        nodes_to_exclude=[name for name in names if name.startswith(DECODE)],
    )


def main(model, images, target):
    import numpy

    {".xml": openvino, ".onnx": onnx_runtime}[pathlib.Path(target).suffix](model, numpy.load(images), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
