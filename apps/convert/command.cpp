#include "apps/convert/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "apps/checkpoint/check_runnable.h"
#include "apps/checkpoint/checkpoint.h"
#include "apps/checkpoint/load_model.h"
#include "apps/checkpoint/with_path.h"
#include "apps/cli/command_line.h"
#include "apps/cli/explain.h"
#include "apps/cli/size.h"
#include "apps/convert/int8.h"
#include "apps/convert/yaml_model.h"
#include "apps/files/atomic_file.h"
#include "apps/files/image_files.h"
#include "apps/files/same_file.h"
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
  int memory = static_cast<int>(kDefaultMemory >> 20);  // MiB
  bool quiet = false;
};

/// The result of a conversion, before it is written.
struct Conversion {
  ModelTable table;
  std::string scale;
  std::optional<Checkpoint> checkpoint;  // owns the weights
};

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
    if (!options.scale.empty() || options.classes) throw Error("--scale and --nc apply to .yaml files only");
    Checkpoint checkpoint =
        read_checkpoint(TorchFile::open(options.input, static_cast<std::uint64_t>(options.memory) << 20));
    return Conversion{checkpoint.table, checkpoint.scale, std::move(checkpoint)};
  });
}

/// Reads the input, checks that the runtime can run it, and rounds the input size up to multiples of the stride.
Conversion convert(const Options& options) {
  const std::string extension = lower_extension(options.input);
  const bool yaml = extension == ".yaml" || extension == ".yml";
  if (!yaml && !is_checkpoint(options.input))
    throw Error(options.input + ": expected a .pt or .yaml file, or a .json file with --int8 FOLDER");
  Conversion result = yaml ? read_yaml(options) : read_pt(options);
  ModelTable& table = result.table;
  if (options.size) table.height = options.size->height, table.width = options.size->width;
  const int stride = check_runnable(table, result.checkpoint ? &result.checkpoint->weights : nullptr, options.input);
  with_path(options.input, [&] { round_input(table, stride); });
  return result;
}

/// Returns the path of the output files without extension: from --output, or the stem of the input in the folder that
/// --output gives, by default the working directory.
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

/// Writes both files completely to disk before it renames either of them. The weights are renamed first, so that no
/// description refers to weights that do not exist. If the second rename fails or the program ends between the two,
/// only the weights are new.
void write(const Options& options, const Conversion& done) {
  const std::string stem = output_stem(options), json_path = stem + ".json", weights_path = stem + ".safetensors";
  const bool weighted = done.checkpoint.has_value();
  for (const std::string& path : {json_path, weights_path}) refuse_standard_output(path);
  refuse_same_file(json_path, options.input);
  if (weighted) {
    refuse_same_file(weights_path, options.input);
    refuse_same_outputs(json_path, weights_path);
  }
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
  if (weighted) line += ", " + std::to_string(done.checkpoint->weights.size()) + " tensors";
  const std::size_t bytes = description.size() + (weights ? weights->size() : 0);
  std::printf("%s, %zu bytes\n", terminal_line(line).c_str(), bytes);
}

int fail(const std::string& line) {
  std::fprintf(stderr, "convert: %s\n", terminal_line(line).c_str());
  return 2;
}

}  // namespace

int command(int argc, char** argv) {
  Options options;
  std::string imgsz;
  CLI::App app(
      "Converts an Ultralytics checkpoint or network table to the model files of cudet, or quantises a model to int8.",
      "convert");
  app.set_version_flag("--version", "convert (cudet) " CUDET_VERSION, "Print the version and exit");
  app.add_option("INPUT", options.input, "Checkpoint (.pt), network table (.yaml), or model for --int8 (.json)")
      ->required();
  app.add_option("-o,--output", options.output,
                 "Write OUT.json and, if there are weights, OUT.safetensors (default: the name of INPUT in the working "
                 "directory, with -int8 appended for --int8)")
      ->type_name("OUT");
  app.add_option("--scale", options.scale,
                 "Scale of a .yaml (default: from the file name, else the first scale in the file)")
      ->type_name("S");
  app.add_option("--imgsz", imgsz,
                 "Input size, rounded up to multiples of the stride (default: from the checkpoint, else 640)")
      ->type_name("N|HxW");
  app.add_option("--nc", options.classes, "Number of classes of a .yaml")->type_name("N");
  app.add_option("--int8", options.int8,
                 "Quantise a .json model to 8-bit integers, for the CPU; value ranges are measured on the images of "
                 "this folder")
      ->type_name("FOLDER");
  app.add_option("--max-memory", options.memory, "MiB that the tensors of a .pt may take")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--quiet", options.quiet, "Print errors only");
  try {
    if (!parse_command_line(app, argc, argv)) return 0;
  } catch (const Error& error) {
    return fail(error.what());
  }
  try {
    if (is_given(app, "--max-memory") && !is_checkpoint(options.input))
      throw Error("--max-memory applies to .pt files only");
    if (is_given(app, "--int8")) {
      for (const char* other : {"--scale", "--nc", "--imgsz"})
        if (is_given(app, other)) throw Error(std::string("--int8 cannot be combined with ") + other);
      convert_to_int8(options.input, options.int8,
                      options.output.empty() ? output_stem(options) + "-int8" : output_stem(options), options.quiet);
      return 0;
    }
    if (is_given(app, "--imgsz")) options.size = parse_size("--imgsz", imgsz).size;
    write(options, convert(options));
  } catch (const std::exception&) {
    return fail(explain(options.input));
  }
  return 0;
}

}  // namespace cudet::convert
