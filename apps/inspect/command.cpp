#include "apps/inspect/command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <new>
#include <sstream>

#include "apps/cli/command_line.h"
#include "apps/cli/explain.h"
#include "apps/cli/size.h"
#include "apps/files/atomic_file.h"
#include "apps/inspect/report.h"

namespace cudet::inspect {
namespace {

int fail(const std::string& line) {
  std::cerr << "inspect: " << terminal_line(line) << "\n";
  return 2;
}

}  // namespace

int command(int argc, char** argv) {
  CLI::App app("Prints the rows of a model, its parameters, GFLOPs and memory.", "inspect");
  app.set_version_flag("--version", "inspect (cudet) " CUDET_VERSION);
  std::string model, scale, imgsz;
  int batch = 1;
  bool with_program = false, with_shapes = false, json = false;
  app.add_option("MODEL", model, "model description (JSON), whose weights file is not needed, or checkpoint (.pt)")
      ->required();
  app.add_option("--scale", scale, "scale to use instead of the description's own: n, s, m, l or x");
  app.add_option("--imgsz", imgsz, "input size: N or HxW, rounded up to whole strides (default: the model's)");
  app.add_option("--batch", batch, "images per batch")->check(CLI::Range(1, 1024))->capture_default_str();
  CLI::Option* program =
      app.add_flag("--program", with_program, "print the steps with shapes and arena offsets, instead of the table");
  CLI::Option* as_json = app.add_flag("--json", json, "print everything as JSON");
  app.add_flag("--shapes", with_shapes,
               "print the operators and shapes that bench --shapes reads, instead of the table")
      ->excludes(program)
      ->excludes(as_json);
  try {
    if (!parse_command_line(app, argc, argv)) return 0;
  } catch (const Error& error) {
    return fail(error.what());
  }
  try {
    const Size input = is_given(app, "--imgsz") ? parse_size("--imgsz", imgsz).size : Size{0, 0};
    const Report report = make_report(model, scale, batch, {input.height, input.width});
    std::ostringstream text;
    if (json)
      print_json(report, with_program, text);
    else if (with_shapes)
      print_shapes(report, text);
    else if (with_program)
      print_program(report, text);
    else
      print_table(report, text);
    if (!text) throw std::bad_alloc();  // streams do not pass it on
    AtomicFile out("-");
    out.write(text.view());
    out.commit();
  } catch (const std::exception&) {
    return fail(explain(model));
  }
  return 0;
}

}  // namespace cudet::inspect
