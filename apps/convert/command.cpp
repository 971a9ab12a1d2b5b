#include "apps/convert/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "apps/convert/check.h"
#include "apps/convert/checkpoint.h"
#include "apps/convert/yaml_model.h"
#include "kernels/error.h"
#include "runtime/atomic_file.h"

#ifndef CUDET_VERSION
#define CUDET_VERSION "0.1.0"
#endif

namespace cudet {
namespace {

namespace fs = std::filesystem;

constexpr int kStride = 32;
constexpr int kLargestInput = 8192;

struct Options {
  std::string input, output, scale, imgsz;
  std::optional<int> classes;
  bool quiet = false;
};

/// What is to be written.
struct Conversion {
  ModelTable table;
  std::string scale;
  std::optional<Checkpoint> checkpoint;  // owns the weights
};

/// "640" or "384x640", each rounded up to whole strides.
std::pair<int, int> parse_size(const std::string& text) {
  const std::size_t cross = text.find_first_of("xX");
  const auto side = [&](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > kLargestInput)
      throw Error("--imgsz " + text + ": N or HxW is needed, each 1 to " + std::to_string(kLargestInput));
    return (value + kStride - 1) / kStride * kStride;
  };
  const std::string_view all = text;
  if (cross == std::string::npos) return {side(all), side(all)};
  return {side(all.substr(0, cross)), side(all.substr(cross + 1))};
}

std::string lower_extension(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

Conversion convert(const Options& options) {
  const std::string extension = lower_extension(options.input);
  const bool yaml = extension == ".yaml" || extension == ".yml";
  if (!yaml && extension != ".pt" && extension != ".pth") throw Error("a .pt or .yaml file is needed");
  if (!fs::exists(options.input)) throw Error("no such file");
  if (!fs::is_regular_file(options.input)) throw Error("not a file");
  Conversion result;
  if (yaml) {
    const std::vector<std::byte> bytes = read_file(options.input);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    result.table = read_yaml_model(text, options.input, {options.scale, options.classes});
    result.scale = result.table.scale;
  } else {
    if (!options.scale.empty() || options.classes)
      throw Error("--scale and --nc are for .yaml files: a .pt file has its own");
    result.checkpoint = read_checkpoint(TorchFile::open(options.input));
    result.table = result.checkpoint->table;
    result.scale = result.checkpoint->scale;
  }
  if (!options.imgsz.empty()) std::tie(result.table.height, result.table.width) = parse_size(options.imgsz);
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

/// Writes both files or, should one fail, neither: each appears under its name only when it is whole.
void write(const Options& options, const Conversion& done) {
  const std::string stem = output_stem(options), json_path = stem + ".json", weights_path = stem + ".safetensors";
  const bool weighted = done.checkpoint.has_value();
  const std::string json = to_json(done.table, weighted ? fs::path(weights_path).filename().string() : "");
  AtomicFile file(json_path);
  file.write(json);
  if (weighted) write_safetensors(weights_path, done.checkpoint->weights, {{"format", "pt"}});
  file.commit();
  if (options.quiet) return;

  std::string line = json_path + (weighted ? " and " + weights_path : "") + ": " + summary(done);
  std::size_t bytes = json.size();
  if (weighted) {
    line += ", " + std::to_string(done.checkpoint->weights.size()) + " tensors";
    for (const auto& [name, tensor] : done.checkpoint->weights) bytes += tensor.data.size();
  }
  std::printf("%s, %zu bytes\n", line.c_str(), bytes);
}

int fail(std::string message) {
  for (char& c : message)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';  // names inside of files may hold anything; this stays one line
  std::fprintf(stderr, "convert: %s\n", message.c_str());
  return 2;
}

}  // namespace

int convert_command(int argc, char** argv) {
  Options options;
  CLI::App app("Makes cudet's model files from an Ultralytics checkpoint or network table.", "convert");
  app.set_version_flag("--version", "convert (cudet) " CUDET_VERSION);
  app.add_option("INPUT", options.input, "a checkpoint (.pt) or a network table (.yaml)")->required();
  app.add_option("-o,--output", options.output,
                 "writes OUT.json, from a .pt OUT.safetensors too; default: INPUT's name, here");
  app.add_option("--scale", options.scale, "of a .yaml: one of its scales; default: by its name, else its first");
  app.add_option("--imgsz", options.imgsz, "the input's size, N or HxW; default: the checkpoint's, else 640");
  app.add_option("--nc", options.classes, "of a .yaml: the number of classes")->check(CLI::Range(1, 100000));
  app.add_flag("--quiet", options.quiet, "no word when done");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return fail(std::string(error.what()) + " (convert --help)");
  }
  Conversion done;
  try {
    done = convert(options);
  } catch (const std::exception& error) {
    return fail(options.input + ": " + error.what());
  }
  try {
    check_runnable(done.table, done.checkpoint ? &done.checkpoint->weights : nullptr, options.input);
    write(options, done);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
  return 0;
}

}  // namespace cudet
