#include "apps/inspect/report.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>

#include "apps/checkpoint/load_model.h"
#include "apps/checkpoint/read_model.h"
#include "runtime/compile/lowering.h"
#include "runtime/compile/packing.h"
#include "runtime/compile/passes.h"
#include "runtime/model/json.h"

namespace cudet::inspect {
namespace {

constexpr double kMega = 1e6, kGiga = 1e9;

/// Formats a number with separated thousands: 3,157,200.
std::string grouped(std::size_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string shape(const RowStatistics& row) {
  return std::to_string(row.channels) + "x" + std::to_string(row.extent.h) + "x" + std::to_string(row.extent.w);
}

std::string shape(const Tensor& t) {
  std::string text = std::to_string(t.h) + "x" + std::to_string(t.w) + "x" + std::to_string(t.c);
  return t.pitch == t.c ? text : text + " of " + std::to_string(t.pitch);
}

struct Totals {
  std::size_t parameters = 0;
  double flops = 0, executed_flops = 0;
};

Totals total(const Report& report) {
  Totals sum;
  for (const RowStatistics& row : report.rows) {
    sum.parameters += row.parameters;
    sum.flops += row.flops;
    sum.executed_flops += row.executed_flops;
  }
  return sum;
}

/// The tensor that a step is made for: its last output.
const Tensor& result(const StepInfo& info) {
  return info.outputs.back();
}

void print_memory(const Report& report, std::ostream& out) {
  const Program& program = report.program;
  const auto mega = [](std::size_t bytes) { return static_cast<double>(bytes) / kMega; };
  out << std::fixed << std::setprecision(1) << "memory, fp32, batch " << report.batch << ": weights "
      << mega(report.packed_bytes) << " MB, arena " << mega(program.memory.bytes) << " MB (all buffers together "
      << mega(program.activation_bytes) << " MB, the most that are needed at once " << mega(program.memory.live_peak)
      << " MB)\n";
  for (const auto& [precision, memory] : {std::pair("fp32", report.cuda_fp32), std::pair("fp16", report.cuda_fp16)}) {
    if (memory.arena == 0) {
      out << "memory, CUDA " << precision << ": too large for CUDA\n";
      continue;
    }
    out << "memory, CUDA " << precision << ", batch " << report.batch << ": " << mega(memory.total()) << " MB (weights "
        << mega(memory.weights) << ", arena " << mega(memory.arena) << ", candidates " << mega(memory.candidates)
        << ", scratch " << mega(memory.scratch) << " for " << Report::kMultiprocessors << " multiprocessors, image "
        << mega(memory.strip) << ")\n";
  }
}

Json cuda_json(const CudaMemory& memory) {
  return Json::Object{
      {"weight_bytes", memory.weights},  {"arena_bytes", memory.arena}, {"candidate_bytes", memory.candidates},
      {"scratch_bytes", memory.scratch}, {"strip_bytes", memory.strip}, {"multiprocessors", Report::kMultiprocessors},
      {"bytes", memory.total()}};
}

Json::Array rows_json(const Report& report) {
  Json::Array json;
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const TableRow& row = report.description.rows[i];
    const RowStatistics& counted = report.rows[i];
    json.push_back(Json::Object{{"row", i},
                                {"from", row.from.size() == 1 ? Json(row.from[0]) : Json(row.from)},
                                {"repeats", report.description.scaling.repeats(row.repeats)},
                                {"module", row.module},
                                {"arguments", parse_json(row.arguments_text)},
                                {"shape", Json::Array{counted.channels, counted.extent.h, counted.extent.w}},
                                {"parameters", counted.parameters},
                                {"gflops", counted.flops / kGiga},
                                {"gflops_executed", counted.executed_flops / kGiga}});
  }
  return json;
}

Json::Array program_json(const Program& program) {
  Json::Array json;
  for (const Program::NamedStep& named : program.steps) {
    const StepInfo info = step_info(named.step);
    const Tensor& y = result(info);
    json.push_back(Json::Object{{"op", step_name(named.step)},
                                {"name", named.name},
                                {"row", named.row},
                                {"y", Json::Array{y.n, y.h, y.w, y.c}},
                                {"pitch", y.pitch},
                                {"offset", y.offset},
                                {"detail", info.attributes}});
  }
  return json;
}

std::map<std::string, int> count_operators(const Program& program) {
  std::map<std::string, int> count;
  for (const Program::NamedStep& named : program.steps) ++count[step_name(named.step)];
  return count;
}

/// Reads a model's description and builds its graph without values.
Graph read_graph(const std::string& path, const std::string& scale, Description& description) {
  if (!is_checkpoint(path)) {
    description = read_description(path, scale);
    return build_graph(description, *weight_shapes(description));
  }
  if (!scale.empty()) throw Error(path + ": --scale applies to descriptions only");
  convert::CheckpointModel model = convert::read_model(path);
  description = std::move(model.description);
  return build_graph(description, *model.weights);
}

/// The channels of the input, unless they are RGB.
std::string channels_text(const Report& report) {
  const int channels = report.description.channels;
  return channels == 3 ? "" : " of " + std::to_string(channels) + (channels == 1 ? " channel" : " channels");
}

}  // namespace

Report make_report(const std::string& path, const std::string& scale, int batch, Extent input) {
  Report report{};
  report.batch = batch;
  Graph graph = read_graph(path, scale, report.description);
  if (input.h == 0) input = {report.description.input.height, report.description.input.width};
  report.input = {round_up(input.h, graph.stride), round_up(input.w, graph.stride)};
  report.rows = count_rows(graph, report.input);
  optimise(graph);
  report.program = compile(graph, no_weights(graph), batch, report.input);
  for (const Program::NamedStep& named : report.program.steps) report.packed_bytes += packed_bytes(named.step);
  const auto on_cuda = [&](Type type) {
    try {
      return cuda_memory(compile(graph, no_weights(graph), batch, report.input, false,
                                 {.type = type, .cuda = true, .multiprocessors = Report::kMultiprocessors}));
    } catch (const TooLarge&) {
      return CudaMemory{};  // too large for CUDA, though not for the CPU
    }
  };
  report.cuda_fp32 = on_cuda(Type::f32);
  report.cuda_fp16 = on_cuda(Type::f16);
  return report;
}

void print_table(const Report& report, std::ostream& out) {
  const auto line = [&](const std::string& row, const std::string& from, const std::string& n,
                        const std::string& module, const std::string& arguments, const std::string& output,
                        const std::string& parameters) -> std::ostream& {
    return out << std::right << std::setw(4) << row << "  " << std::left << std::setw(12) << from << std::right
               << std::setw(2) << n << "  " << std::left << std::setw(12) << module << std::setw(24) << arguments
               << std::right << std::setw(15) << output << std::setw(14) << parameters;
  };
  line("row", "from", "n", "module", "arguments", "output", "parameters") << "    GFLOPs  executed\n";
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const TableRow& row = report.description.rows[i];
    const RowStatistics& counted = report.rows[i];
    line(std::to_string(i), row.from_text, std::to_string(report.description.scaling.repeats(row.repeats)), row.module,
         row.arguments_text, shape(counted), grouped(counted.parameters))
        << std::fixed << std::setprecision(3) << std::setw(10) << counted.flops / kGiga << std::setw(10)
        << counted.executed_flops / kGiga << "\n";
  }
  const Totals sum = total(report);
  out << "\n" << report.description.path;
  if (!report.description.scale.empty()) out << ", scale " << report.description.scale;
  out << ", " << report.description.names.size() << " classes, input " << report.input.h << "x" << report.input.w
      << channels_text(report) << "\n"
      << grouped(sum.parameters) << " parameters, " << std::fixed << std::setprecision(1) << sum.flops / kGiga
      << " GFLOPs (batch norm counted, as Ultralytics does; " << sum.executed_flops / kGiga << " as executed)\n";
  print_memory(report, out);
}

void print_program(const Report& report, std::ostream& out) {
  out << "Sizes are rows x columns x channels; \"16 of 48\" are 16 channels within a tensor of 48.\n"
         "The offset is where the output begins in the arena, in bytes.\n\n";
  const auto line = [&](const std::string& number, const std::string& op, const std::string& module,
                        const std::string& input, const std::string& output, const std::string& offset,
                        const std::string& detail) {
    out << std::right << std::setw(4) << number << "  " << std::left << std::setw(15) << op << std::setw(22) << module
        << std::setw(22) << input << std::setw(22) << output << std::right << std::setw(10) << offset << "  " << detail
        << "\n";
  };
  line("step", "operator", "module", "input", "output", "offset", "particulars");
  std::size_t number = 0;
  for (const Program::NamedStep& named : report.program.steps) {
    const StepInfo info = step_info(named.step);
    line(std::to_string(number++), step_name(named.step), named.name, shape(info.inputs.front()), shape(result(info)),
         std::to_string(result(info).offset), info.attributes);
  }
  const std::map<std::string, int> count = count_operators(report.program);
  out << "\n" << report.program.steps.size() << " steps: ";
  for (const auto& [op, times] : count) out << times << " " << op << ", ";
  out << (count.contains("copy") ? "" : "no copy, ") << "batch " << report.batch << ", input " << report.input.h << "x"
      << report.input.w << "\n";
  print_memory(report, out);
}

void print_shapes(const Report& report, std::ostream& out) {
  std::vector<std::pair<std::string, int>> shapes;  // and the number of occurrences
  std::size_t width = 0;
  for (const Program::NamedStep& named : report.program.steps) {
    const std::string line = std::string(step_name(named.step)) + " " + shape_text(named.step);
    const auto known = std::find_if(shapes.begin(), shapes.end(), [&](const auto& s) { return s.first == line; });
    if (known != shapes.end())
      ++known->second;
    else
      shapes.emplace_back(line, 1);
    width = std::max(width, line.size());
  }
  out << "# " << report.description.path;
  if (!report.description.scale.empty()) out << ", scale " << report.description.scale;
  out << ", batch " << report.batch << ", input " << report.input.h << "x" << report.input.w << "\n";
  for (const auto& [line, times] : shapes)
    out << std::left << std::setw(static_cast<int>(width)) << line << "  # " << times
        << (times == 1 ? " time" : " times") << "\n";
}

void print_json(const Report& report, bool with_program, std::ostream& out) {
  const Totals sum = total(report);
  Json::Object json{{"model", report.description.path},
                    {"scale", report.description.scale},
                    {"classes", report.description.names},
                    {"batch", report.batch},
                    {"input", Json::Array{report.input.h, report.input.w}},
                    {"rows", rows_json(report)},
                    {"parameters", sum.parameters},
                    {"gflops", sum.flops / kGiga},
                    {"gflops_executed", sum.executed_flops / kGiga},
                    {"memory", Json::Object{{"arena_bytes", report.program.memory.bytes},
                                            {"live_peak_bytes", report.program.memory.live_peak},
                                            {"activation_bytes", report.program.activation_bytes},
                                            {"weight_bytes", report.packed_bytes},
                                            {"cuda_fp32", cuda_json(report.cuda_fp32)},
                                            {"cuda_fp16", cuda_json(report.cuda_fp16)}}}};
  if (with_program) json.emplace_back("program", program_json(report.program));
  out << Json(std::move(json)).dump(Json::Layout::indented) << "\n";
}

}  // namespace cudet::inspect
