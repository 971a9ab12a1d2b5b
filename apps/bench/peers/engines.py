"""The other engines (peers), and the process that runs one of them.

    python engines.py ENGINE MODEL THREADS INPUT.npy OUTPUT.npy

runs the network once, stores its output and prints a line of JSON. Then, for each line "WARMUP RUNS" on standard input,
it runs the network WARMUP times, then RUNS measured times, and prints another line of JSON. INPUT is (N,3,H,W) in 0..1,
OUTPUT is (N, 4+nc, anchors). Only run() is timed: the input is already in the engine, and the output stays there.

Each engine has the fastest settings that it documents for one stream of work. Its `files` maps each precision that it
supports to the suffix of its network file (formats.py).
"""
import json
import os
import sys
import time


class OnnxRuntime:
    """Sequential execution, all graph optimizations. Its threads spin during a run, but not after it."""

    files, package = {"fp32": "onnx", "int8": "int8.onnx"}, "onnxruntime"

    def __init__(self, module, path, threads):
        options = module.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.execution_mode = module.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = module.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self.session = module.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()

    def set(self, x):
        self.binding.bind_cpu_input("images", x)
        self.binding.bind_output("output0")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        return self.binding.copy_outputs_to_cpu()[0]


class OpenVino:
    """Latency hint. Operations that are not int8 run in fp32, even if the processor has bf16."""

    files, package = {"fp32": "onnx", "int8": "int8.xml"}, "openvino"

    def __init__(self, module, path, threads):
        how = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self.tensor, core = module.Tensor, module.Core()
        self.request = core.compile_model(core.read_model(path), "CPU", how).create_infer_request()

    def set(self, x):
        self.request.set_input_tensor(self.tensor(x, shared_memory=True))

    def run(self):
        self.request.start_async()  # infer() would also collect the outputs in Python
        self.request.wait()

    def output(self):
        return self.request.get_output_tensor().data


class Ncnn:
    """fp32 storage and arithmetic, packed layouts, Winograd and sgemm convolutions, light mode.

    ncnn has no batches, so images run one after another. Its wheel has no quantizer.
    """

    files, package = {"fp32": "param"}, "ncnn"

    def __init__(self, module, path, threads):
        self.module, self.net = module, module.Net()
        o = self.net.opt
        o.num_threads = threads
        o.use_vulkan_compute = False
        o.use_fp16_packed = o.use_fp16_storage = o.use_fp16_arithmetic = False
        o.use_bf16_packed = o.use_bf16_storage = False
        o.use_packing_layout = o.use_winograd_convolution = o.use_sgemm_convolution = o.lightmode = True
        if self.net.load_param(path) or self.net.load_model(path.removesuffix("param") + "bin"):
            raise RuntimeError(f"cannot load {path}")

    def set(self, x):
        self.inputs = [self.module.Mat(image).clone() for image in x]

    def run(self):
        self.results = list(map(self.run_image, self.inputs))

    def run_image(self, image):
        extractor = self.net.create_extractor()
        extractor.input("images", image)
        status, result = extractor.extract("output0")
        if status:
            raise RuntimeError(f"extract: {status}")
        return result

    def output(self):
        import numpy

        return numpy.stack([numpy.array(result) for result in self.results])


class Mnn:
    """High precision (fp32), memory and power mode, and the fastest graph of its converter."""

    files, package = {"fp32": "mnn"}, "MNN"

    def __init__(self, module, path, threads):  # a session, because the Module API took a sixth longer
        self.module, self.net = module, module.Interpreter(path)
        how = {"backend": "CPU", "numThread": threads, "precision": "high", "memory": "high", "power": "high"}
        self.session = self.net.createSession(how)
        self.input = self.net.getSessionInput(self.session)

    def host(self, shape, x):
        return self.module.Tensor(shape, self.module.Halide_Type_Float, x, self.module.Tensor_DimensionType_Caffe)

    def set(self, x):
        self.input.copyFrom(self.host(x.shape, x))

    def run(self):
        self.net.runSession(self.session)

    def output(self):
        import numpy

        result = self.net.getSessionOutput(self.session)
        shape = result.getShape()
        host = self.host(shape, numpy.zeros(shape, numpy.float32))
        result.copyToHostTensor(host)
        return numpy.array(host.getNumpyData()).reshape(shape)


ENGINES = {"MNN": Mnn, "ncnn": Ncnn, "OpenVINO": OpenVino, "ONNX Runtime": OnnxRuntime}


def megabytes(key):
    """Return VmRSS or VmHWM of this process in 1e6 bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1e3 * 1.024 for line in lines if line.startswith(key))


def reset_peak():
    """Reset VmHWM to the current resident memory."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main(engine, path, threads, input_path, output_path):
    answers = os.fdopen(os.dup(1), "w")  # engines may print to descriptor 1, which becomes standard error
    os.dup2(2, 1)

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    import numpy

    module = __import__(ENGINES[engine].package)
    x = numpy.load(input_path)
    reset_peak()
    before, start = megabytes("VmRSS"), time.monotonic()
    peer = ENGINES[engine](module, path, int(threads))
    peer.set(x)
    peer.run()
    finish, peak = time.monotonic(), megabytes("VmHWM")
    numpy.save(output_path, peer.output())
    answer(load_ms=1e3 * (finish - start), finish=finish)
    reset_peak()
    turn_end, first_turn = time.process_time(), True
    for line in sys.stdin:
        idle_s = time.process_time() - turn_end  # CPU time of all threads since the last turn
        warmup, runs = map(int, line.split())
        samples = []
        for _ in range(warmup + runs):
            peer.set(x)  # MNN overwrites its input
            start = time.perf_counter()
            peer.run()
            samples.append(1e3 * (time.perf_counter() - start))
        if first_turn:  # before the comparison below allocates memory
            peak, first_turn = max(peak, megabytes("VmHWM")), False
        same = bool(numpy.allclose(peer.output(), numpy.load(output_path), rtol=1e-4, atol=1e-4))
        answer(samples_ms=samples[warmup:], idle_s=idle_s, peak_mb=peak - before, same=same)
        turn_end = time.process_time()


if __name__ == "__main__":
    main(*sys.argv[1:])
