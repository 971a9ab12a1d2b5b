// inspect: what a model is made of and what it costs.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/inspect/report.h"

namespace {

constexpr int kExitUsage = 2;

/// "640" or "384x640".
cudet::Extent parse_size(const std::string& text) {
  const auto number = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos ||
        digits[0] == '0' || std::stoi(digits) > 8192)
      throw cudet::Error("--imgsz " + text + ": N or HxW, 1 to 8192, is possible");
    return std::stoi(digits);
  };
  const std::size_t x = text.find('x');
  return x == std::string::npos ? cudet::Extent{number(text), number(text)}
                                : cudet::Extent{number(text.substr(0, x)), number(text.substr(x + 1))};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("inspect: the rows of a model, its parameters, GFLOPs and memory", "inspect");
  std::string model, scale, imgsz;
  int batch = 1;
  bool with_program = false, json = false;
  app.add_option("MODEL", model, "model description (JSON); its weights are not needed")->required();
  app.add_option("--scale", scale, "scale to use in place of the description's own: n, s, m, l or x");
  app.add_option("--imgsz", imgsz, "input size: N or HxW, rounded up to whole strides (default: the model's)");
  app.add_option("--batch", batch, "pictures at once")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_flag("--program", with_program, "the steps that run, with shapes and arena offsets, in place of the table");
  app.add_flag("--json", json, "all of it as JSON");
  try {
    app.parse(argc, argv);
    const cudet::Report report =
        cudet::make_report(model, scale, batch, imgsz.empty() ? cudet::Extent{0, 0} : parse_size(imgsz));
    if (json)
      cudet::print_json(report, with_program, std::cout);
    else if (with_program)
      cudet::print_program(report, std::cout);
    else
      cudet::print_table(report, std::cout);
    std::cout.flush();
    if (!std::cout) throw cudet::Error("standard output cannot be written");
    return 0;
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& error) {
    std::cerr << "inspect: " << error.what() << "\n";
  } catch (const std::exception& error) {
    std::cerr << "inspect: " << error.what() << "\n";
  }
  return kExitUsage;
}
