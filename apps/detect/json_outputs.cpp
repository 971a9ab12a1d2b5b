// The outputs of --json and --coco.
#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>

#include "apps/detect/format.h"
#include "apps/detect/outputs.h"

namespace cudet::detect {
namespace {

constexpr const char *kEndOfJson = "\n]}\n", *kEndOfCoco = "\n]\n";

/// A class of the COCO detection task and its id in the annotation files.
struct Category {
  const char* name;
  int id;
};

constexpr std::array<Category, 80> kCoco = {{
    {"person", 1},         {"bicycle", 2},       {"car", 3},
    {"motorcycle", 4},     {"airplane", 5},      {"bus", 6},
    {"train", 7},          {"truck", 8},         {"boat", 9},
    {"traffic light", 10}, {"fire hydrant", 11}, {"stop sign", 13},
    {"parking meter", 14}, {"bench", 15},        {"bird", 16},
    {"cat", 17},           {"dog", 18},          {"horse", 19},
    {"sheep", 20},         {"cow", 21},          {"elephant", 22},
    {"bear", 23},          {"zebra", 24},        {"giraffe", 25},
    {"backpack", 27},      {"umbrella", 28},     {"handbag", 31},
    {"tie", 32},           {"suitcase", 33},     {"frisbee", 34},
    {"skis", 35},          {"snowboard", 36},    {"sports ball", 37},
    {"kite", 38},          {"baseball bat", 39}, {"baseball glove", 40},
    {"skateboard", 41},    {"surfboard", 42},    {"tennis racket", 43},
    {"bottle", 44},        {"wine glass", 46},   {"cup", 47},
    {"fork", 48},          {"knife", 49},        {"spoon", 50},
    {"bowl", 51},          {"banana", 52},       {"apple", 53},
    {"sandwich", 54},      {"orange", 55},       {"broccoli", 56},
    {"carrot", 57},        {"hot dog", 58},      {"pizza", 59},
    {"donut", 60},         {"cake", 61},         {"chair", 62},
    {"couch", 63},         {"potted plant", 64}, {"bed", 65},
    {"dining table", 67},  {"toilet", 70},       {"tv", 72},
    {"laptop", 73},        {"mouse", 74},        {"remote", 75},
    {"keyboard", 76},      {"cell phone", 77},   {"microwave", 78},
    {"oven", 79},          {"toaster", 80},      {"sink", 81},
    {"refrigerator", 82},  {"book", 84},         {"clock", 85},
    {"vase", 86},          {"scissors", 87},     {"teddy bear", 88},
    {"hair drier", 89},    {"toothbrush", 90},
}};

/// Returns the image id as JSON: the number if the file name without extension is all digits, otherwise that name.
std::string image_id(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  if (stem.empty() || !std::all_of(stem.begin(), stem.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return json_string(stem);
  return stem.substr(std::min(stem.find_first_not_of('0'), stem.size() - 1));
}

}  // namespace

std::string describe_shared_ids(const std::vector<Source>& images) {
  std::unordered_map<std::string, const Source*> first;
  std::size_t shared = 0;
  std::string line;
  for (const Source& image : images) {
    const std::string id = image_id(image.name());
    const auto [other, is_new] = first.emplace(id, &image);
    if (is_new) continue;
    if (line.empty())
      line = "image_id " + id + " of --coco stands for " + other->second->name() + " and " + image.name();
    ++shared;
  }
  if (shared > 1) line += "; more images with the image_id of another one: " + std::to_string(shared - 1);
  return line;
}

JsonOutput::JsonOutput(const std::string& path, const std::string& model, std::vector<std::string> names)
    : file_(path), names_(std::move(names)) {
  file_.write("{\"model\": " + json_string(model) + ", \"images\": [", kEndOfJson);
}

void JsonOutput::add(const Finished& finished) {
  const Timing& ms = finished.result.ms;
  std::string entry = first_ ? "\n" : ",\n";
  entry += "{\"file\": " + json_string(finished.source.name()) +
           ", \"width\": " + std::to_string(finished.image.width) +
           ", \"height\": " + std::to_string(finished.image.height) +
           ", \"ms\": {\"load\": " + rounded_number(finished.load_ms, 3) +
           ", \"letterbox\": " + rounded_number(ms.letterbox, 3) + ", \"network\": " + rounded_number(ms.network, 3) +
           ", \"nms\": " + rounded_number(ms.nms, 3) + "}, \"detections\": [";
  const char* comma = "";
  for (const Detection& d : finished.result.detections) {
    entry += std::string(comma) + "{\"box\": [" + json_number(d.x1) + ", " + json_number(d.y1) + ", " +
             json_number(d.x2) + ", " + json_number(d.y2) + "], \"score\": " + json_number(d.score) +
             ", \"class\": " + std::to_string(d.class_id) + ", \"name\": " + json_string(names_.at(d.class_id)) + "}";
    comma = ", ";
  }
  file_.write(entry + "]}", kEndOfJson);
  first_ = false;
}

void JsonOutput::finish() {
  file_.commit();
}

CocoOutput::CocoOutput(const std::string& path, const std::vector<std::string>& names) : file_(path) {
  is_coco_ = std::equal(names.begin(), names.end(), kCoco.begin(), kCoco.end(),
                        [](const std::string& name, const Category& category) { return name == category.name; });
  file_.write("[", kEndOfCoco);
}

void CocoOutput::add(const Finished& finished) {
  std::string entry;
  const std::filesystem::path path = finished.source.name();
  for (const Detection& d : finished.result.detections) {
    const float width = d.x2 - d.x1, height = d.y2 - d.y1;  // via the centre, in float, as the reference rounds
    const float left = (d.x1 + d.x2) / 2 - width / 2, top = (d.y1 + d.y2) / 2 - height / 2;
    const int category = is_coco_ ? kCoco.at(d.class_id).id : d.class_id + 1;
    entry += first_ && entry.empty() ? "\n" : ",\n";
    entry += "{\"image_id\": " + image_id(path) + ", \"file_name\": " + json_string(path.filename().string()) +
             ", \"category_id\": " + std::to_string(category) + ", \"bbox\": [" + rounded_number(left, 3) + ", " +
             rounded_number(top, 3) + ", " + rounded_number(width, 3) + ", " + rounded_number(height, 3) +
             "], \"score\": " + rounded_number(d.score, 5) + "}";
  }
  file_.write(entry, kEndOfCoco);
  first_ = first_ && entry.empty();
}

void CocoOutput::finish() {
  file_.commit();
}

}  // namespace cudet::detect
