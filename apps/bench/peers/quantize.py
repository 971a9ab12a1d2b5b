"""A network in int8, by an engine's own quantizer: after training, from what its values are on pictures.

    python quantize.py MODEL.onnx PICTURES.npy TARGET

TARGET is .xml for OpenVINO, .onnx for ONNX Runtime; PICTURES (N,H,W,3) in 0..255. The decode behind the last
convolutions of Detect stays in fp32, as in Ultralytics' export; OpenVINO took as long with it in int8, and with NNCF's
other preset. MNN isn't here: its wheel's quantizer ends in std::length_error, and weights in 8 bits alone, which its
converter can make, were no faster than its fp32.
"""
import pathlib
import sys

from onnx_graph import DECODE


def as_input(picture):
    return (picture.transpose(2, 0, 1)[None] / 255).astype("float32")


def openvino(model, pictures, target):
    sys.modules["openvino_telemetry"] = None  # what NNCF would report home by
    import nncf
    import openvino

    quantized = nncf.quantize(
        openvino.Core().read_model(model),
        nncf.Dataset(list(pictures), as_input),
        preset=nncf.QuantizationPreset.MIXED,  # for activations that aren't symmetric: SiLU's
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(patterns=[DECODE + ".*"]),
    )
    openvino.save_model(quantized, target, compress_to_fp16=False)


def onnx_runtime(model, pictures, target):
    import onnx
    from onnxruntime import quantization

    names = [node.name for node in onnx.load(model).graph.node]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures)

        def get_next(self):
            picture = next(self.left, None)
            return None if picture is None else {"images": as_input(picture)}

    quantization.quantize_static(
        model,
        target,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,  # without VNNI, sums of two products saturate
        nodes_to_exclude=[name for name in names if name.startswith(DECODE)],
    )


def main(model, pictures, target):
    import numpy

    {".xml": openvino, ".onnx": onnx_runtime}[pathlib.Path(target).suffix](model, numpy.load(pictures), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
