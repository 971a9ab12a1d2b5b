#include "apps/convert/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "apps/cli/explain.h"
#include "apps/cli/size.h"
#include "apps/convert/check.h"
#include "apps/convert/checkpoint.h"
#include "apps/convert/int8.h"
#include "apps/convert/yaml_model.h"
#include "apps/files/atomic_file.h"
#include "apps/files/pictures.h"
#include "apps/files/write_safetensors.h"
#include "kernels/error.h"
#include "runtime/model/file.h"
#include "runtime/model/model.h"

namespace cudet::convert {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string input, output, scale, int8;
  std::optional<int> classes;
  std::optional<Size> size;
  bool quiet = false;
};

/// What is to be written.
struct Conversion {
  ModelTable table;
  std::string scale;
  std::optional<Checkpoint> checkpoint;  // owns the weights
};

/// Runs `body`, whose errors lack the path.
template <class Body>
auto with_path(const std::string& path, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw Error(path + ": " + error.what());
  }
}

Conversion read_yaml(const Options& options) {
  const std::vector<std::byte> bytes = read_file(options.input);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Conversion result;
  result.table = with_path(options.input, [&] {
    return read_yaml_model(text, options.input, {options.scale, options.classes});
  });
  result.scale = result.table.scale;
  return result;
}

Conversion read_pt(const Options& options) {
  return with_path(options.input, [&] {
    if (!options.scale.empty() || options.classes)
      throw Error("--scale and --nc are for .yaml files: a .pt file has its own");
    Checkpoint checkpoint = read_checkpoint(TorchFile::open(options.input));
    return Conversion{checkpoint.table, checkpoint.scale, std::move(checkpoint)};
  });
}

/// What the runtime can run, with an input of whole strides.
Conversion convert(const Options& options) {
  const std::string extension = lower_extension(options.input);
  const bool yaml = extension == ".yaml" || extension == ".yml";
  if (!yaml && extension != ".pt" && extension != ".pth")
    throw Error(options.input + ": a .pt or .yaml file is needed, or a .json one and --int8 PICTURES");
  Conversion result = yaml ? read_yaml(options) : read_pt(options);
  ModelTable& table = result.table;
  if (options.size) table.height = options.size->height, table.width = options.size->width;
  const int stride = check_runnable(table, result.checkpoint ? &result.checkpoint->weights : nullptr, options.input);
  for (int* side : {&table.height, &table.width}) {
    *side = round_up(*side, stride);
    if (*side > kMaxInput)
      throw Error(options.input + ": in whole strides of " + std::to_string(stride) + " pixels the input has " +
                  std::to_string(*side) + ": --imgsz must give a smaller one");
  }
  return result;
}

/// Where the files go, without their endings: what was asked for, or the input's stem, in the folder given or here.
std::string output_stem(const Options& options) {
  std::string stem = fs::path(options.input).stem().string();
  if (options.output.empty()) return stem;
  if (options.output.back() == '/' || fs::is_directory(options.output))
    return (fs::path(options.output) / stem).string();
  return lower_extension(options.output) == ".json" ? fs::path(options.output).replace_extension().string()
                                                    : options.output;
}

std::string summary(const Conversion& done) {
  std::map<std::string, int> modules;
  std::size_t rows = 0;
  for (const auto* section : {&done.table.backbone, &done.table.head})
    for (const ModelRow& row : *section) {
      ++modules[row.module];
      ++rows;
    }
  std::string text = std::to_string(rows) + " rows (";
  for (const auto& [module, count] : modules)
    text += (text.back() == '(' ? "" : ", ") + std::to_string(count) + " " + module;
  text += "), ";
  if (!done.scale.empty()) text += "scale " + done.scale + ", ";
  text += std::to_string(done.table.classes) + (done.table.classes == 1 ? " class" : " classes") + ", input " +
          std::to_string(done.table.height) + "x" + std::to_string(done.table.width);
  return text;
}

/// Both files are whole and on the disk before either gets its name: first the weights, so that no description names
/// weights that are not there. Only a rename that fails, or an end between the two, leaves one without the other.
void write(const Options& options, const Conversion& done) {
  const std::string stem = output_stem(options), json_path = stem + ".json", weights_path = stem + ".safetensors";
  const bool weighted = done.checkpoint.has_value();
  const std::string json = to_json(done.table, weighted ? fs::path(weights_path).filename().string() : "");
  AtomicFile description(json_path);
  description.write(json);
  std::optional<AtomicFile> weights;
  if (weighted)
    write_safetensors(weights.emplace(weights_path), weights_path, done.checkpoint->weights, {{"format", "pt"}});
  if (weights) weights->finish();
  description.finish();
  if (weights) weights->commit();
  description.commit();
  if (options.quiet) return;

  std::string line = json_path + (weighted ? " and " + weights_path : "") + ": " + summary(done);
  std::size_t bytes = json.size();
  if (weighted) {
    line += ", " + std::to_string(done.checkpoint->weights.size()) + " tensors";
    for (const auto& [name, tensor] : done.checkpoint->weights) bytes += tensor.data.size();
  }
  std::printf("%s, %zu bytes\n", line.c_str(), bytes);
}

int fail(const std::string& line) {
  std::fprintf(stderr, "convert: %s\n", line.c_str());
  return 2;
}

}  // namespace

int command(int argc, char** argv) {
  Options options;
  std::string imgsz;
  CLI::App app(
      "Makes cudet's model files from an Ultralytics checkpoint or network table, or from a model one in 8 bits.",
      "convert");
  app.set_version_flag("--version", "convert (cudet) " CUDET_VERSION);
  app.add_option("INPUT", options.input, "a checkpoint (.pt), a network table (.yaml), or a model for --int8 (.json)")
      ->required();
  app.add_option("-o,--output", options.output,
                 "writes OUT.json, and OUT.safetensors where there are weights; default: INPUT's name here, with "
                 "--int8 and -int8");
  app.add_option("--scale", options.scale, "of a .yaml: one of its scales; default: by its name, else its first");
  app.add_option("--imgsz", imgsz,
                 "the input's size, N or HxW, rounded up to whole strides; default: the checkpoint's, else 640");
  app.add_option("--nc", options.classes, "of a .yaml: the number of classes");
  app.add_option("--int8", options.int8,
                 "of a .json: to 8-bit integers, for the CPU; ranges are measured on the pictures of this folder");
  app.add_flag("--quiet", options.quiet, "no word when done");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return fail(Error(std::string(error.what()) + " (convert --help)").what());
  }
  try {
    if (app.count("--int8")) {
      for (const char* other : {"--scale", "--nc", "--imgsz"})
        if (app.count(other)) throw Error(std::string("--int8 and ") + other + ": only one of them is possible");
      convert_to_int8(options.input, options.int8,
                      options.output.empty() ? output_stem(options) + "-int8" : output_stem(options), options.quiet);
      return 0;
    }
    if (app.count("--imgsz")) options.size = parse_size("--imgsz", imgsz).size;
    write(options, convert(options));
  } catch (const std::exception&) {
    return fail(explain(options.input));
  }
  return 0;
}

}  // namespace cudet::convert
