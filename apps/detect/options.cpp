#include "apps/detect/options.h"

#include <algorithm>
#include <charconv>

#include "apps/cli/command_line.h"
#include "apps/cli/isa.h"
#include "apps/cli/precision.h"
#include "apps/cli/shipped_model.h"
#include "apps/cli/size.h"
#include "apps/files/same_file.h"

namespace cudet::detect {
namespace {

constexpr const char* kDescription =
    "Detects objects in images with a YOLOv8 or YOLOv8-DySample model.\n"
    "Prints one line per image and writes copies of the images with the boxes drawn.";

constexpr const char* kFooter =
    "Sources: JPEG, PNG, BMP, WebP and TIFF images; folders of images; quoted globs, in which ** is any number of\n"
    "folders; text files (.txt) with one image, folder or glob per line; - for one image on standard input.\n"
    "\n"
    "Examples:\n"
    "  detect parcel.jpg                                       barcodes and 2D codes, with the bundled model\n"
    "  detect --model best.json photo.jpg                      prints the result and writes out/photo.jpg\n"
    "  detect --model best.json --no-draw --json - a.jpg | jq  JSON for other programs\n"
    "  detect --model best.json --classes person,2 photos/     two classes only, all images of a folder\n"
    "  detect --model best.json --batch 8 --txt labels '*.png' label files, 8 images per batch\n"
    "  camera | detect --model best.json --conf 0.5 -          an image from a pipe\n"
    "\n"
    "Exit status: 0 success; 1 an image failed or the run stopped early, finished results are written;\n"
    "2 the run did not start.";

template <class T>
T parse(const std::string& option, const std::string& text, T low, T high, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high)) {
    std::ostringstream line;
    line << option << " " << text << ": expected " << kind << " from " << low << " to " << high;
    throw Error(line.str());
  }
  return value;
}

int integer(const std::string& option, const std::string& text, int low, int high) {
  return parse<int>(option, text, low, high, "a whole number");
}
double real(const std::string& option, const std::string& text, double low, double high) {
  return parse<double>(option, text, low, high, "a number");
}

/// Option values as text, before they are parsed.
struct OptionTexts {
  std::string device = "auto", precision = "auto", executor = "auto", size, batch = "1", confidence = "0.25",
              iou = "0.7", max_detections = "300", threads = "0", max_pixels = "100";
  bool no_draw = false;
};

void declare(CLI::App& app, Options& options, OptionTexts& texts) {
  app.add_option("sources", options.sources, "Images, folders, globs, lists of paths, or -")
      ->type_name("IMAGE|FOLDER|GLOB|LIST.txt|-");
  app.set_version_flag("--version", "detect (cudet) " CUDET_VERSION, "Print the version and exit");

  const auto in = [](const char* group, CLI::Option* option) { return option->group(group); };
  in("Model",
     app.add_option("--model", options.model,
                    "Model description, .json, or checkpoint, .pt (default: the bundled model for barcodes and 2D "
                    "codes)"))
      ->type_name("M");
  in("Model", app.add_option("--weights", options.weights, "Weights (default: the file that the description names)"))
      ->type_name("W.safetensors");
  in("Model",
     app.add_option("--device", texts.device,
                    "cpu, cuda, cuda:N for device number N, or auto: CUDA if there is a device, else the CPU (auto)"))
      ->type_name("D");
  in("Model",
     app.add_option("--precision", texts.precision,
                    "fp32; fp16, CUDA only; int8, CPU only (auto: int8 if the CPU runs a quantised model, else fp32)"))
      ->type_name("P");
  in("Model", app.add_option("--executor", texts.executor,
                             "CUDA: auto, one launch for the whole network; graph, one launch per step (auto)"))
      ->type_name("E");
  in("Model", app.add_option("--imgsz", texts.size,
                             "Input size: longest side, or exact height x width (default: from the model)"))
      ->type_name("640|HxW");
  in("Model", app.add_flag("--square", options.square, "Pad images to a square instead of the smallest rectangle"));
  in("Model", app.add_option("--batch", texts.batch, "Images per batch (1)"))->type_name("N");
  in("Model", app.add_option("--threads", texts.threads, "CPU threads (0: one per core that may be used)"))
      ->type_name("N");
  in("Model", app.add_option("--isa", options.isa, isa_help()))->type_name("I");
  in("Model", app.add_option("--max-pixels", texts.max_pixels, "Maximum size of an image, megapixels (100)"))
      ->type_name("MP");

  in("Detections", app.add_option("--conf", texts.confidence, "Keep detections with a score above this (0.25)"))
      ->type_name("C");
  in("Detections", app.add_option("--iou", texts.iou, "IoU above which boxes count as one object (0.7)"))
      ->type_name("I");
  in("Detections", app.add_option("--classes", options.classes, "Only these classes, by index or name"))
      ->type_name("0,2,person");
  in("Detections",
     app.add_flag("--agnostic", options.detect.agnostic, "Boxes of different classes can count as one object"));
  in("Detections", app.add_option("--max-det", texts.max_detections, "Maximum detections per image (300)"))
      ->type_name("N");

  in("Output", app.add_option("--out", options.out, "Folder for the images with boxes (out)"))->type_name("DIR");
  in("Output", app.add_flag("--no-draw", texts.no_draw, "Do not write images"));
  in("Output", app.add_option("--json", options.json, "Write results as JSON; - for standard output"))->type_name("F");
  in("Output", app.add_option("--coco", options.coco, "Write results for pycocotools; - for standard output"))
      ->type_name("F");
  in("Output", app.add_option("--csv", options.csv, "Write a table, one row per detection; - for standard output"))
      ->type_name("F");
  in("Output", app.add_option("--txt", options.txt,
                              "Folder for label files; without detections, only an existing file is emptied"))
      ->type_name("DIR");
  in("Output", app.add_flag("--save-conf", options.confidences, "Add the score to each line of the label files"));
  in("Output", app.add_option("--save-crop", options.crops, "Folder for cut-outs of the objects, DIR/CLASS/IMAGE.jpg"))
      ->type_name("DIR");
  in("Output", app.add_option("--dump-raw", options.raw, "Write the inputs and outputs of the network"))
      ->type_name("F.safetensors");
  in("Output", app.add_flag("--quiet", options.quiet, "Print errors and warnings only"));
}

void parse_texts(const OptionTexts& texts, Options& options) {
  if (texts.device == "cpu") {
    options.detector.device = Device::cpu;
  } else if (texts.device == "cuda" || texts.device.starts_with("cuda:")) {
    options.detector.device = Device::cuda;
    if (texts.device != "cuda")
      options.detector.cuda_device = integer("--device cuda:", texts.device.substr(5), 0, 1023);
  } else if (texts.device != "auto") {
    throw Error("--device " + texts.device + ": expected auto, cpu, cuda or cuda:N");
  }
  if (texts.executor == "graph")
    options.detector.executor = Executor::graph;
  else if (texts.executor != "auto")
    throw Error("--executor " + texts.executor + ": expected auto or graph");
  options.detector.precision = parse_precision("--precision", texts.precision);
  if (!texts.size.empty()) {
    const SizeOption given = parse_size("--imgsz", texts.size);
    options.detector.input = given.size;
    if (given.exact) options.detector.fit = Fit::whole;
  }
  if (options.square && options.detector.input.height != options.detector.input.width)
    throw Error("--square and --imgsz " + texts.size + " conflict: give a square size or leave out --square");
  options.draw = !texts.no_draw;
  options.batch = integer("--batch", texts.batch, 1, 1024);
  options.detector.threads = integer("--threads", texts.threads, 0, 1024);
  options.detect.confidence = static_cast<float>(real("--conf", texts.confidence, 0, 1));
  options.detect.iou = static_cast<float>(real("--iou", texts.iou, 0, 1));
  options.detect.max_detections = integer("--max-det", texts.max_detections, 1, 30000);
  options.max_pixels = static_cast<std::size_t>(1e6 * real("--max-pixels", texts.max_pixels, 0.000001, 300));
  if (options.model.empty()) {
    if (!options.weights.empty())
      throw Error("--weights " + options.weights + ": also give the model description (--model)");
    options.model = shipped_model();
    if (options.model.empty()) throw Error("--model: give a model, no bundled model was found");
  }
  if (options.confidences && options.txt.empty())
    throw Error("--save-conf: also give a folder for label files (--txt)");
  if (options.sources.empty()) throw Error("no images given: expected files, folders, globs, lists or -");
  if (std::count(options.sources.begin(), options.sources.end(), "-") > 1)
    throw Error("-: standard input holds one image, give - only once");
  const std::pair<const char*, const std::string*> folders[] = {
      {"--out", &options.out}, {"--txt", &options.txt}, {"--save-crop", &options.crops}};
  for (const auto& [option, path] : folders)
    if (is_standard_output(*path))
      throw Error(std::string(option) + " " + *path + ": expected a folder, not standard output");
  if (is_standard_output(options.raw))
    throw Error("--dump-raw " + options.raw + ": expected a file, not standard output");
  int piped = 0;
  for (std::string* path : {&options.json, &options.coco, &options.csv}) {
    if (!is_standard_output(*path)) continue;
    *path = "-";
    ++piped;
  }
  if (piped > 1) throw Error("-: at most one output can go to standard output");
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  OptionTexts texts;
  CLI::App app{kDescription, "detect"};
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  declare(app, options, texts);
  if (!parse_command_line(app, argc, argv)) return std::nullopt;
  parse_texts(texts, options);
  return options;
}

std::vector<int> parse_classes(const std::string& list, const std::vector<std::string>& names) {
  std::vector<int> classes;
  const int count = static_cast<int>(names.size());
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    const std::string part = list.substr(start, comma - start);
    start = comma + 1;
    int index = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_number = error == std::errc() && end == part.data() + part.size();
    const auto found = std::find(names.begin(), names.end(), part);
    const int named = found == names.end() ? -1 : static_cast<int>(found - names.begin());
    if (is_number && named >= 0 && named != index)
      throw Error("--classes: \"" + part + "\" is an index, and the name of class " + std::to_string(named));
    if (!is_number) index = named;
    if (index < 0 || index >= count)
      throw Error("--classes: \"" + part + "\" is neither a class of the model nor an index from 0 to " +
                  std::to_string(count - 1));
    classes.push_back(index);
  }
  return classes;
}

}  // namespace cudet::detect
