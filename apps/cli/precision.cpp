#include "apps/cli/precision.h"

namespace cudet {
namespace {

constexpr Precision kAll[] = {Precision::automatic, Precision::fp32, Precision::fp16, Precision::int8};

}  // namespace

Precision parse_precision(std::string_view option, const std::string& text) {
  for (const Precision precision : kAll)
    if (text == name_of(precision)) return precision;
  throw Error(std::string(option) + " " + text + ": expected auto, fp32, fp16 or int8");
}

std::string name_of(Precision precision) {
  switch (precision) {
    case Precision::automatic:
      return "auto";
    case Precision::fp32:
      return "fp32";
    case Precision::fp16:
      return "fp16";
    case Precision::int8:
      return "int8";
  }
  return "";
}

}  // namespace cudet
