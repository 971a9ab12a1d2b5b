#include "apps/detect/options.h"

#include <algorithm>
#include <charconv>

#include "apps/cli/command_line.h"
#include "apps/cli/isa.h"
#include "apps/cli/precision.h"
#include "apps/cli/shipped_model.h"
#include "apps/cli/size.h"

namespace cudet::detect {
namespace {

constexpr const char* kDescription =
    "Finds objects in pictures with a YOLOv8 or YOLOv8-DySample model.\n"
    "Prints a line for each picture, and draws the boxes into copies of the pictures.";

constexpr const char* kFooter =
    "Sources: JPEG, PNG and BMP pictures; folders of them; quoted globs; text files with a path a line; - for one\n"
    "picture on standard input.\n"
    "\n"
    "Examples:\n"
    "  detect parcel.jpg                                       barcodes and 2D codes, by the bundled model\n"
    "  detect --model best.json photo.jpg                      boxes on standard output, out/photo.jpg drawn\n"
    "  detect --model best.json --no-draw --json - a.jpg | jq  results for other programs\n"
    "  detect --model best.json --classes person,2 photos/     some classes only, a whole folder\n"
    "  detect --model best.json --batch 8 --txt labels '*.png' label files\n"
    "  camera | detect --model best.json --conf 0.5 -          a picture from a pipe\n"
    "\n"
    "Exit status: 0 all done; 1 some pictures failed, or the run was cut short: what is finished is written;\n"
    "2 nothing was done.";

template <class T>
T parse(const std::string& option, const std::string& text, T low, T high, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high)) {
    std::ostringstream line;
    line << option << " " << text << ": " << kind << " from " << low << " to " << high << " is needed";
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

/// What the command line says in words.
struct Words {
  std::string device = "auto", precision = "auto", size, batch = "1", confidence = "0.25", iou = "0.7",
              max_detections = "300", threads = "0", max_pixels = "100";
  bool no_draw = false;
};

void declare(CLI::App& app, Options& options, Words& words) {
  app.add_option("sources", options.sources, "Pictures, folders, globs, lists, or -")
      ->type_name("IMAGE|FOLDER|GLOB|LIST.txt|-");
  app.set_version_flag("--version", "detect (cudet) " CUDET_VERSION, "Print the version");

  const auto in = [](const char* group, CLI::Option* option) { return option->group(group); };
  in("Model",
     app.add_option("--model", options.model, "Model description, JSON (the bundled one: barcodes and 2D codes)"))
      ->type_name("M.json");
  in("Model", app.add_option("--weights", options.weights, "Weights (default: those that the description names)"))
      ->type_name("W.safetensors");
  in("Model", app.add_option("--device", words.device, "auto: CUDA where there is a device; cpu or cuda (auto)"))
      ->type_name("D");
  in("Model", app.add_option("--precision", words.precision,
                             "fp32; fp16 on CUDA; int8 on the CPU (auto: int8 if quantised, else fp32)"))
      ->type_name("P");
  in("Model", app.add_option("--imgsz", words.size, "Input: longest side, or exact height x width (the model's own)"))
      ->type_name("640|HxW");
  in("Model", app.add_flag("--square", options.square, "Pad pictures to a square, not to the least rectangle"));
  in("Model", app.add_option("--batch", words.batch, "Pictures that run as one (1)"))->type_name("N");
  in("Model", app.add_option("--threads", words.threads, "Threads of the CPU (0: one a core)"))->type_name("N");
  in("Model", app.add_option("--isa", options.isa, isa_help()))->type_name("I");
  in("Model", app.add_option("--max-pixels", words.max_pixels, "Largest picture, megapixels (100)"))->type_name("MP");

  in("Detections", app.add_option("--conf", words.confidence, "Scores above this count (0.25)"))->type_name("C");
  in("Detections", app.add_option("--iou", words.iou, "Boxes that overlap more are one object (0.7)"))->type_name("I");
  in("Detections", app.add_option("--classes", options.classes, "Only these, by index or name"))
      ->type_name("0,2,person");
  in("Detections", app.add_flag("--agnostic", options.detect.agnostic, "Boxes of different classes may be one object"));
  in("Detections", app.add_option("--max-det", words.max_detections, "Most detections a picture (300)"))
      ->type_name("N");

  in("Output", app.add_option("--out", options.out, "Folder of the drawn pictures (out)"))->type_name("DIR");
  in("Output", app.add_flag("--no-draw", words.no_draw, "Draw no pictures"));
  in("Output", app.add_option("--json", options.json, "Results as JSON; - for standard output"))->type_name("F");
  in("Output", app.add_option("--coco", options.coco, "Results for pycocotools; - as above"))->type_name("F");
  in("Output", app.add_option("--csv", options.csv, "Results as a table, a row a detection; - as above"))
      ->type_name("F");
  in("Output",
     app.add_option("--txt", options.txt, "Folder of label files; an empty picture only empties one that is there"))
      ->type_name("DIR");
  in("Output", app.add_option("--dump-raw", options.raw, "The network's inputs and outputs"))
      ->type_name("F.safetensors");
  in("Output", app.add_flag("--quiet", options.quiet, "Print nothing but errors"));
}

void take(const Words& words, Options& options) {
  if (words.device == "cpu") {
    options.detector.device = Device::cpu;
  } else if (words.device == "cuda") {
    options.detector.device = Device::cuda;
  } else if (words.device != "auto") {
    throw Error("--device " + words.device + ": auto, cpu or cuda is needed");
  }
  options.detector.precision = parse_precision("--precision", words.precision);
  if (!words.size.empty()) {
    const SizeOption given = parse_size("--imgsz", words.size);
    options.detector.input = given.size;
    if (given.exact) options.detector.fit = Fit::whole;
  }
  if (options.square && options.detector.input.height != options.detector.input.width)
    throw Error("--square and --imgsz " + words.size + ": the latter isn't a square");
  options.draw = !words.no_draw;
  options.batch = integer("--batch", words.batch, 1, 1024);
  options.detector.threads = integer("--threads", words.threads, 0, 1024);
  options.detect.confidence = static_cast<float>(real("--conf", words.confidence, 0, 1));
  options.detect.iou = static_cast<float>(real("--iou", words.iou, 0, 1));
  options.detect.max_detections = integer("--max-det", words.max_detections, 1, 30000);
  options.max_pixels = static_cast<std::size_t>(1e6 * real("--max-pixels", words.max_pixels, 0.000001, 300));
  if (options.model.empty()) {
    if (!options.weights.empty())
      throw Error("--weights " + options.weights + ": its description is needed too (--model)");
    options.model = shipped_model();
    if (options.model.empty()) throw Error("--model: which model? None came with this program");
  }
  if (options.sources.empty()) throw Error("which pictures? Files, folders, globs, lists or - are needed");
  if (std::count(options.sources.begin(), options.sources.end(), "-") > 1)
    throw Error("-: standard input has one picture, so it can be given once");
  const auto is_stdout = [](const std::string& path) { return path == "-" || path == "/dev/stdout"; };
  if (is_stdout(options.raw)) throw Error("--dump-raw " + options.raw + ": a file is needed, not standard output");
  int piped = 0;
  for (std::string* path : {&options.json, &options.coco, &options.csv}) {
    if (!is_stdout(*path)) continue;
    *path = "-";
    ++piped;
  }
  if (piped > 1) throw Error("-: one output at most can go to standard output");
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  Words words;
  CLI::App app{kDescription, "detect"};
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  declare(app, options, words);
  if (!parse_command_line(app, argc, argv)) return std::nullopt;
  take(words, options);
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
    if (!is_number) {
      const auto found = std::find(names.begin(), names.end(), part);
      index = found == names.end() ? -1 : static_cast<int>(found - names.begin());
    }
    if (index < 0 || index >= count)
      throw Error("--classes: \"" + part + "\" is neither a class of the model nor an index from 0 to " +
                  std::to_string(count - 1));
    classes.push_back(index);
  }
  return classes;
}

}  // namespace cudet::detect
