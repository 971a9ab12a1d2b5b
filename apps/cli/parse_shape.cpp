// The grammar. [ ] may be left out, and has then the number that is said; where height and width are equal, "k3" is
// "k3x3". Words behind the input and the output's channels may stand in any order.
//
//   conv2d NxHxWxC -> K kRxS [s1x1] [p0x0] [d1x1] [g1] [silu] [add]      stride, pad, dilation, groups; with a residual
//   max_pool NxHxWxC kR [s1] [p0]
//   max_pool_chain NxHxWxC kR xCOUNT
//   upsample NxHxWxC xSCALE
//   copy NxHxWxC
//   dysample, conv_dysample NxHxWxC xSCALE gGROUPS [dyscope]
//   detect_decode NxHxW[+HxW …] classesC binsR inputHxW                  rows and columns of each level, of the picture
#include <algorithm>
#include <charconv>
#include <optional>

#include "apps/cli/shape.h"
#include "kernels/conv2d/cpu/kernels.h"
#include "runtime/model/file.h"

namespace cudet {
namespace {

constexpr int kMostNumber = 1'000'000;
constexpr std::size_t kMostFileBytes = 1 << 20;

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = line.find(separator)) != line.npos; line.remove_prefix(end + 1))
    parts.push_back(line.substr(0, end));
  parts.push_back(line);
  return parts;
}

/// The numbers of "1x80x80x64", each from `least` to kMostNumber.
std::vector<int> numbers(std::string_view word, int least) {
  std::vector<int> values;
  for (const std::string_view part : split(word, 'x')) {
    int value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < least || value > kMostNumber)
      throw Error(quoted(word) + ": numbers from " + std::to_string(least) + " to " + std::to_string(kMostNumber) +
                  " are needed");
    values.push_back(value);
  }
  return values;
}

/// The words of a shape, which are taken out one by one.
class Words {
 public:
  explicit Words(std::string_view shape) {
    constexpr std::string_view kSpaces = " \t\r";
    while ((shape.remove_prefix(std::min(shape.find_first_not_of(kSpaces), shape.size())), !shape.empty())) {
      const std::size_t length = std::min(shape.find_first_of(kSpaces), shape.size());
      words_.push_back(shape.substr(0, length));
      shape.remove_prefix(length);
    }
  }

  std::string_view first(const char* what) {
    if (words_.empty()) throw Error(std::string(what) + " is missing");
    const std::string_view word = words_.front();
    words_.erase(words_.begin());
    return word;
  }
  bool flag(std::string_view name) { return std::erase(words_, name) > 0; }
  /// The numbers behind a name.
  Extent pair(const std::string& name, const char* what, int least, std::optional<int> otherwise = {}) {
    const std::vector<int> values = numbers_of(name, what, least, otherwise);
    if (values.size() > 2) throw Error(std::string(what) + ": two numbers are enough");
    return {values.front(), values.back()};
  }
  int number(const std::string& name, const char* what, int least, std::optional<int> otherwise = {}) {
    const std::vector<int> values = numbers_of(name, what, least, otherwise);
    if (values.size() > 1) throw Error(std::string(what) + ": one number is enough");
    return values.front();
  }
  bool empty() const { return words_.empty(); }
  std::string rest() const {
    std::string rest;
    for (const std::string_view word : words_) rest += (rest.empty() ? "" : " ") + std::string(word);
    return rest;
  }
  void finish() const {
    if (!words_.empty()) throw Error(quoted(words_.front()) + " does not belong here");
  }

 private:
  std::vector<int> numbers_of(const std::string& name, const char* what, int least, std::optional<int> otherwise) {
    const auto names = [&](std::string_view word) {
      return word.starts_with(name) && word.size() > name.size() && word[name.size()] >= '0' &&
             word[name.size()] <= '9';
    };
    const auto at = std::find_if(words_.begin(), words_.end(), names);
    if (at == words_.end()) {
      if (!otherwise) throw Error(std::string(what) + " is missing: " + name + "…");
      return {*otherwise};
    }
    const std::string_view word = *at;
    words_.erase(at);
    return numbers(word.substr(name.size()), least);
  }

  std::vector<std::string_view> words_;
};

/// Lays tensors out, one after the other in each space.
class Layout {
 public:
  Tensor arena(long n, long h, long w, long c) { return place(Space::arena, n, h, w, c); }
  Tensor like(const Tensor& t) { return arena(t.n, t.h, t.w, t.c); }
  Tensor weights(long n, long h, long w, long c) { return place(Space::weights, n, h, w, c); }

 private:
  Tensor place(Space space, long n, long h, long w, long c) {
    const double bytes = sizeof(float) * static_cast<double>(n) * static_cast<double>(h) * static_cast<double>(w) *
                         static_cast<double>(c);
    total_ += bytes;
    if (total_ > kMostShapeBytes)
      throw Error("its tensors take more than " + std::to_string(static_cast<int>(kMostShapeBytes / 1e9)) + " GB");
    std::size_t& end = end_[space == Space::weights];
    const int channels = static_cast<int>(c);
    const Tensor t{space,    Type::f32, end, static_cast<int>(n), static_cast<int>(h), static_cast<int>(w),
                   channels, channels};
    end += align_up(static_cast<std::size_t>(bytes));
    return t;
  }

  double total_ = 0;
  std::size_t end_[2] = {0, 0};  // bytes, of arena and weights
};

Tensor parse_input(Words& words, Layout& layout) {
  const std::string_view word = words.first("the input, N x H x W x C,");
  const std::vector<int> sizes = numbers(word, 1);
  if (sizes.size() != 4) throw Error(quoted(word) + ": the input's N x H x W x C are needed");
  return layout.arena(sizes[0], sizes[1], sizes[2], sizes[3]);
}

/// Outputs along one side. Throws Error where there are none.
long outputs(long size, long kernel, long stride, long pad, long dilation = 1) {
  const long last = size + 2 * pad - dilation * (kernel - 1) - 1;
  if (last < 0) throw Error("the kernel is larger than the padded input, so there is no output");
  return last / stride + 1;
}

void lay_out(Conv2d& op, long channels, Layout& layout) {
  if (op.x.c % op.groups != 0 || channels % op.groups != 0)
    throw Error("groups: " + std::to_string(op.groups) + " does not divide the channels");
  op.y = layout.arena(op.x.n, outputs(op.x.h, op.kernel.h, op.stride.h, op.pad.h, op.dilation.h),
                      outputs(op.x.w, op.kernel.w, op.stride.w, op.pad.w, op.dilation.w), channels);
  if (op.add) op.residual = layout.like(op.y);
  op.weight = layout.weights(channels, op.kernel.h, op.kernel.w, op.x.c / op.groups);
  const std::size_t floats = op.weight.pixel(op.weight.n, 0, 0);
  std::size_t packed = 0;
  for (const Conv2dCpuKernel* kernel : conv2d_cpu_kernels())
    if (kernel->supports(op)) packed = std::max(packed, kernel->packed_floats(op));
  if (packed > floats) layout.weights(1, 1, 1, static_cast<long>(packed - floats));
  op.bias = layout.weights(1, 1, 1, channels);
}

Step parse_conv2d(Words& words, Layout& layout) {
  Conv2d op{};
  op.x = parse_input(words, layout);
  if (words.first("-> and the output's channels") != "->") throw Error("-> must follow the input");
  const std::vector<int> channels = numbers(words.first("the number of the output's channels"), 1);
  if (channels.size() != 1) throw Error("one number must follow ->, the output's channels");
  op.kernel = words.pair("k", "the kernel", 1);
  op.stride = words.pair("s", "the stride", 1, 1);
  op.pad = words.pair("p", "the padding", 0, 0);
  op.dilation = words.pair("d", "the dilation", 1, 1);
  op.groups = words.number("g", "groups", 1, 1);
  op.activation = words.flag("silu") ? Activation::silu : Activation::none;
  op.add = words.flag("add");
  lay_out(op, channels.front(), layout);
  return op;
}

Step parse_max_pool(Words& words, Layout& layout) {
  MaxPool op{};
  op.x = parse_input(words, layout);
  op.kernel = words.number("k", "the kernel", 1);
  op.stride = words.number("s", "the stride", 1, 1);
  op.pad = words.number("p", "the padding", 0, 0);
  if (op.pad > op.kernel / 2) throw Error("the padding is more than half of the kernel");
  op.y = layout.arena(op.x.n, outputs(op.x.h, op.kernel, op.stride, op.pad),
                      outputs(op.x.w, op.kernel, op.stride, op.pad), op.x.c);
  return op;
}

Step parse_max_pool_chain(Words& words, Layout& layout) {
  MaxPoolChain op{};
  op.x = parse_input(words, layout);
  op.kernel = words.number("k", "the kernel", 1);
  op.count = words.number("x", "how many poolings", 1);
  if (op.kernel % 2 == 0) throw Error("the kernel is even");
  if (op.count > MaxPoolChain::kMost)
    throw Error("at most " + std::to_string(MaxPoolChain::kMost) + " poolings are one step");
  for (int i = 0; i < op.count; ++i) op.y[i] = layout.like(op.x);
  return op;
}

Step parse_upsample(Words& words, Layout& layout) {
  const Tensor x = parse_input(words, layout);
  const long scale = words.number("x", "the scale", 1);
  return Upsample{x, layout.arena(x.n, scale * x.h, scale * x.w, x.c), static_cast<int>(scale)};
}

Step parse_copy(Words& words, Layout& layout) {
  const Tensor x = parse_input(words, layout);
  return Copy{x, layout.like(x)};
}

/// The offsets are not laid out yet: how many channels, in place of them.
DySample parse_sampling(Words& words, Layout& layout, long& channels) {
  DySample op{};
  op.x = parse_input(words, layout);
  op.scale = words.number("x", "the scale", 1);
  op.groups = words.number("g", "groups", 1);
  op.dyscope = words.flag("dyscope");
  if (op.x.c % op.groups != 0) throw Error("groups: " + std::to_string(op.groups) + " does not divide the channels");
  op.y = layout.arena(op.x.n, static_cast<long>(op.scale) * op.x.h, static_cast<long>(op.scale) * op.x.w, op.x.c);
  channels = (op.dyscope ? 4L : 2L) * op.groups * op.scale * op.scale;
  return op;
}

Step parse_dysample(Words& words, Layout& layout) {
  long channels = 0;
  DySample op = parse_sampling(words, layout, channels);
  op.offset = layout.arena(op.x.n, op.x.h, op.x.w, channels);
  return op;
}

Step parse_conv_dysample(Words& words, Layout& layout) {
  long channels = 0;
  ConvDySample op{};
  op.sample = parse_sampling(words, layout, channels);
  op.conv.x = op.sample.x;
  op.conv.kernel = op.conv.stride = op.conv.dilation = {1, 1};
  op.conv.groups = 1;
  lay_out(op.conv, channels, layout);
  op.sample.offset = op.conv.y;
  return op;
}

Step parse_detect_decode(Words& words, Layout& layout) {
  const std::string_view first = words.first("the levels, N x H x W + H x W …,");
  const int classes = words.number("classes", "the number of classes", 1);
  DetectDecode op{};
  op.bins = words.number("bins", "the number of bins", 1);
  const Extent input = words.pair("input", "the picture's size", 1);
  int n = 0;
  long anchors = 0;
  for (const std::string_view word : split(first, '+')) {
    if (op.levels == DetectDecode::kMaxLevels)
      throw Error("at most " + std::to_string(DetectDecode::kMaxLevels) + " levels fit");
    std::vector<int> sizes = numbers(word, 1);
    if (sizes.size() != (op.levels == 0 ? 3 : 2)) throw Error(quoted(first) + ": N x H x W + H x W … are needed");
    if (op.levels == 0) n = sizes.front();
    const int h = sizes[sizes.size() - 2], w = sizes.back();
    DetectDecode::Level& level = op.level[op.levels++];
    level.box = layout.arena(n, h, w, 4L * op.bins);
    level.score = layout.arena(n, h, w, classes);
    level.stride_y = static_cast<float>(input.h) / static_cast<float>(h);
    level.stride_x = static_cast<float>(input.w) / static_cast<float>(w);
    level.first_anchor = static_cast<int>(anchors);
    level.first_tile = op.rows;
    anchors += static_cast<long>(h) * w;
    op.rows += h;
  }
  op.y = layout.arena(n, 1, anchors, 4L + classes);
  return op;
}

constexpr struct {
  std::string_view op;
  Step (*parse)(Words&, Layout&);
} kOperators[] = {{"conv2d", parse_conv2d},
                  {"max_pool", parse_max_pool},
                  {"max_pool_chain", parse_max_pool_chain},
                  {"upsample", parse_upsample},
                  {"copy", parse_copy},
                  {"dysample", parse_dysample},
                  {"conv_dysample", parse_conv_dysample},
                  {"detect_decode", parse_detect_decode}};

}  // namespace

Step parse_step(std::string_view op, std::string_view shape) {
  const auto known =
      std::find_if(std::begin(kOperators), std::end(kOperators), [&](const auto& o) { return o.op == op; });
  if (known == std::end(kOperators)) {
    std::string names;
    for (const auto& o : kOperators) names += (names.empty() ? "" : ", ") + std::string(o.op);
    throw Error(quoted(op) + " is no operator: " + names);
  }
  try {
    Words words(shape);
    Layout layout;
    const Step step = known->parse(words, layout);
    words.finish();
    return step;
  } catch (const Error& error) {
    throw Error(std::string(op) + " " + std::string(shape) + ": " + error.what());
  }
}

std::vector<Step> read_steps(const std::string& path, std::string_view op) {
  const std::vector<std::byte> bytes = read_file(path, kMostFileBytes);
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<Step> steps;
  int number = 0;
  for (const std::string_view line : split(file, '\n')) {
    ++number;
    Words words(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    const std::string_view name = words.first("the operator");
    if (!op.empty() && name != op) continue;
    try {
      steps.push_back(parse_step(name, words.rest()));
    } catch (const Error& error) {
      throw Error(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (steps.empty()) throw Error(path + ": there is no line " + (op.empty() ? "\"OP SHAPE\"" : quoted(op)) + " in it");
  return steps;
}

}  // namespace cudet
