#include "apps/detect/run.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "apps/checkpoint/load_model.h"
#include "apps/cli/isa.h"
#include "apps/detect/console.h"
#include "apps/detect/format.h"
#include "apps/detect/loader.h"
#include "apps/detect/outputs.h"
#include "apps/detect/refuse_overwriting.h"
#include "apps/files/signals.h"

namespace cudet::detect {
namespace {

constexpr const char* kOutOfMemory = "out of memory: use a smaller --imgsz or --batch";

void report_others(const Sources& sources, Console& console) {
  const std::string line = describe_others(sources.others);
  if (!line.empty()) console.complain(line);
}

/// Prints the problems of the sources. Throws the last one as Error if there is no image.
void report_problems(const Sources& sources, Console& console) {
  for (const std::string& problem : sources.problems)
    if (!sources.images.empty() || &problem != &sources.problems.back()) console.complain(problem);
  if (sources.images.empty()) report_others(sources, console);
  if (sources.images.empty()) throw Error(sources.problems.empty() ? "no images found" : sources.problems.back());
}

Detector make_detector(const Model& model, const Options& options, Console& console) {
  DetectorOptions wanted = options.detector;
  if (options.square) {
    if (wanted.input.height == 0) wanted.input = model.input_size();
    wanted.input.height = wanted.input.width = std::max(wanted.input.height, wanted.input.width);
    wanted.fit = Fit::whole;
  }
  Detector detector(model, wanted);
  if (!detector.fallback().empty())
    console.complain("CUDA is not available, the network runs on the CPU: " + detector.fallback());
  const bool is_own = wanted.input.height == 0;
  const Size used = detector.input(), given = is_own ? model.input_size() : wanted.input;
  if (!(used == given)) {
    const auto text = [](Size size) {
      return size.height == size.width ? std::to_string(size.height)
                                       : std::to_string(size.height) + "x" + std::to_string(size.width);
    };
    console.complain((is_own ? options.model + ": input " : "imgsz ") + text(given) + " is not a multiple of " +
                     std::to_string(model.stride()) + ": using " + text(used));
  }
  return detector;
}

std::vector<std::unique_ptr<Output>> make_outputs(const Options& options, const Sources& sources,
                                                  const std::vector<std::string>& names) {
  // Folders are created first, since the other outputs may be in them. Standard output comes after all that can fail.
  // The output that draws on the image runs last.
  std::vector<std::unique_ptr<Output>> outputs;
  auto drawn = options.draw ? std::make_unique<ImageOutput>(options.out, names) : nullptr;
  if (!options.txt.empty()) outputs.push_back(std::make_unique<TxtOutput>(options.txt, options.confidences));
  if (!options.crops.empty()) outputs.push_back(std::make_unique<CropOutput>(options.crops, names));
  if (!options.raw.empty()) outputs.push_back(std::make_unique<RawOutputFile>(options.raw, sources.images));
  for (const bool piped : {false, true}) {
    const auto is_next = [&](const std::string& path) { return !path.empty() && (path == "-") == piped; };
    if (is_next(options.json)) outputs.push_back(std::make_unique<JsonOutput>(options.json, options.model, names));
    if (is_next(options.coco)) outputs.push_back(std::make_unique<CocoOutput>(options.coco, names));
    if (is_next(options.csv)) outputs.push_back(std::make_unique<CsvOutput>(options.csv, names));
  }
  if (drawn) outputs.push_back(std::move(drawn));
  return outputs;
}

/// Processes the images in batches and counts the results. On CUDA a batch is sent to the device while the network runs
/// on the batch before it; the results of that batch are written afterwards.
class Run {
 public:
  Run(const Options& options, const Sources& sources, const Model& model, DetectOptions detect, Detector detector,
      Console& console, const std::atomic<bool>& interrupted)
      : options_(options),
        sources_(sources),
        names_(model.names()),
        channels_(model.channels()),
        detect_(std::move(detect)),
        detector_(std::move(detector)),
        console_(console),
        interrupted_(interrupted),
        outputs_(make_outputs(options, sources, names_)),
        failed_(sources.problems.size()) {}

  /// Processes all images. Returns the exit status.
  int run_all() {
    succeeds([&] { process(); });
    for (const std::unique_ptr<Output>& output : outputs_) reported([&] { output->finish(); });
    const std::size_t total = sources_.images.size();
    if (interrupted_ && done_ + failed_ < total + sources_.problems.size())
      report(("interrupted: " + std::to_string(done_) + " of " + std::to_string(total) + " images are done").c_str());
    return cut_short_ || failed_ > 0 ? 1 : 0;
  }

 private:
  void process() {
    Loader loader(sources_.images, options_.max_pixels, channels_, static_cast<std::size_t>(options_.batch) + 2,
                  interrupted_);
    std::vector<Loaded> batch;
    while (!cut_short_) {
      std::optional<Loaded> loaded = loader.next();
      if (loaded && !loaded->error.empty()) {
        ++failed_;
        console_.complain(loaded->error);
        continue;
      }
      if (loaded && !loaded->decoded.damage.empty()) console_.complain(loaded->decoded.damage);
      if (loaded) batch.push_back(std::move(*loaded));
      const bool full = batch.size() == static_cast<std::size_t>(options_.batch);
      if (!batch.empty() && !interrupted_ && (full || !loaded)) {
        detect(std::move(batch));
        batch.clear();
      }
      if (!loaded || interrupted_) break;
    }
    if (!cut_short_) finish_running();
    finish_lines();
  }

  /// Submits a batch and finishes the batch before it.
  void detect(std::vector<Loaded> batch) {
    std::vector<Frame> frames;
    frames.reserve(batch.size());
    for (const Loaded& loaded : batch) frames.push_back(loaded.decoded.image.frame());
    if (!options_.raw.empty()) {
      std::vector<RawOutput> raw;
      std::vector<Result> results;
      if (succeeds([&] { results = detector_.detect(frames, detect_, &raw); })) write(batch, results, raw);
      return;
    }
    std::exception_ptr failure;
    try {
      detector_.submit(frames, detect_);
    } catch (...) {
      failure = std::current_exception();  // reported after the batch before it is finished
    }
    finish_running();
    if (cut_short_) return;
    if (failure) {
      succeeds([&] { std::rethrow_exception(failure); });
      return;
    }
    running_ = std::move(batch);
    if (detector_.device() == Device::cpu) finish_running();  // submit() has already run it
  }

  void finish_running() {
    if (running_.empty()) return;
    std::vector<Loaded> batch = std::exchange(running_, {});
    std::vector<Result> results;
    if (!succeeds([&] { results = detector_.collect(); })) return;
    if (const std::string warning = detector_.take_warning(); !warning.empty()) console_.complain(warning);
    write(batch, results, {});
  }

  /// Returns whether the call succeeds. If it throws, the exception is passed on if no image is done yet; otherwise it
  /// is reported, and the run stops early.
  template <class Call>
  bool succeeds(const Call& call) {
    try {
      call();
      return true;
    } catch (const Error& error) {
      if (done_ == 0) throw;
      report(error.what());
    } catch (const std::bad_alloc&) {
      if (done_ == 0) throw;
      report(kOutOfMemory);
    }
    return false;
  }

  void write(std::vector<Loaded>& batch, const std::vector<Result>& results, const std::vector<RawOutput>& raw) {
    reported([&] {
      for (std::size_t i = 0; i < batch.size(); ++i) write(batch[i], results[i], raw.empty() ? nullptr : &raw[i]);
    });
  }

  void write(Loaded& loaded, const Result& result, const RawOutput* raw) {
    Image& image = loaded.decoded.image;
    const Finished finished{*loaded.source, image, loaded.decoded.format, loaded.ms, result, raw};
    bool whole = true;
    for (const std::unique_ptr<Output>& output : outputs_) {
      try {
        output->add(finished);
      } catch (const Error& error) {
        if (!output->one_file_per_image()) throw;
        whole = false;
        console_.complain(error.what());
      }
    }
    if (!result.finite) {
      whole = false;
      console_.complain(loaded.source->name() + ": the network's values are not finite: boxes are missing");
    }
    ++(whole ? done_ : failed_);
    found_ += result.detections.size();
    char ms[32];
    std::snprintf(ms, sizeof ms, "%.1f ms", result.ms.letterbox + result.ms.network + result.ms.nms);
    console_.say(printable(loaded.source->name()) + " " + std::to_string(image.width) + "x" +
                 std::to_string(image.height) + ": " + summary(result.detections, names_) + "  " + ms);
    console_.progress(done_ + failed_ - sources_.problems.size());
  }

  void finish_lines() {
    if (cut_short_) return;
    reported([&] {
      if (sources_.images.size() > 1)
        console_.say(count(done_, "image") + ", " + count(found_, "detection") +
                     (failed_ > 0 ? ", " + std::to_string(failed_) + " failed" : ""));
      if (options_.draw && done_ > 0) console_.say("images with boxes: " + printable(options_.out) + "/");
    });
  }

  /// Runs `call` and reports its error, which stops the run.
  template <class Call>
  void reported(const Call& call) {
    try {
      call();
    } catch (const Error& error) {
      report(error.what());
    } catch (const std::bad_alloc&) {
      report(kOutOfMemory);
    }
  }

  void report(const char* line) {
    cut_short_ = true;
    try {
      console_.complain(line);
    } catch (const std::bad_alloc&) {  // not even for the line
      std::fprintf(stderr, "detect: %s\n", line);
    }
  }

  const Options& options_;
  const Sources& sources_;
  const std::vector<std::string> names_;
  const int channels_;  // of the images
  const DetectOptions detect_;
  Detector detector_;
  Console& console_;
  const std::atomic<bool>& interrupted_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<Loaded> running_;  // the batch that is submitted but not collected
  std::size_t done_ = 0;         // images
  std::size_t failed_;           // images, and sources without images
  std::size_t found_ = 0;        // detections
  bool cut_short_ = false;
};

}  // namespace

int run(const Options& options) {
  use_isa(options.isa);
  const Sources sources = find_sources(options.sources);
  const bool piped = options.json == "-" || options.coco == "-" || options.csv == "-";
  Console console(!options.quiet && !piped, !options.quiet, sources.images.size());
  report_problems(sources, console);
  if (!options.coco.empty())
    if (const std::string line = describe_shared_ids(sources.images); !line.empty()) console.complain(line);
  const Model model = load_model(options.model, options.weights);
  if (const int channels = model.channels(); channels != 1 && channels != 3 && channels != 4)
    throw Error(options.model + ": the network's input has " + std::to_string(channels) +
                " channels, an image has 1, 3 or 4: use the library");
  refuse_overwriting(options, sources, model.weights_path());
  DetectOptions detect = options.detect;
  if (!options.classes.empty()) detect.classes = parse_classes(options.classes, model.names());
  Detector detector = make_detector(model, options, console);
  finish_at_signals();  // from here on there are files to finish
  Run job(options, sources, model, std::move(detect), std::move(detector), console, interrupted());
  const int status = job.run_all();
  report_others(sources, console);
  return status;
}

}  // namespace cudet::detect
