#include "apps/checkpoint/conv_module.h"
#include "apps/checkpoint/rows.h"

namespace cudet::convert {

ModelRow detect_row(const TorchModule& module, TorchWeights& weights) {
  if (module.find("one2one_cv2") || module.find("one2one_cv3") || module.flag("end2end") || module.flag("_end2end"))
    throw module.fault("end-to-end heads are not supported");
  module.expect_children({"cv2", "cv3", "dfl"});
  module.expect_parameters({"anchors", "strides", "stride"});
  const std::vector<TorchModule> boxes = module.child("cv2").children(), scores = module.child("cv3").children();
  if (boxes.empty() || boxes.size() != scores.size())
    throw module.fault("cv2 and cv3 have different numbers of levels");

  std::int64_t classes = 0, outputs = 0;
  for (std::size_t level = 0; level < boxes.size(); ++level) {
    std::int64_t level_in = 0;
    for (const bool is_box : {true, false}) {
      const TorchModule& branch = is_box ? boxes[level] : scores[level];
      branch.expect_kind("Sequential");
      branch.expect_children({"0", "1", "2"});
      const TorchModule one = branch.child("0"), two = branch.child("1"), three = branch.child("2");
      if (one.kind() == "Sequential") throw module.fault("heads of YOLO11 and newer are not supported");
      const ConvInfo a = read_plain_conv(one, weights, 3), b = read_plain_conv(two, weights, 3);
      const ConvInfo c = read_conv2d(three, weights);
      if (c.kernel != ConvInfo::Pair(1, 1) || c.stride != ConvInfo::Pair(1, 1) || c.groups != 1 ||
          c.padding != ConvInfo::Pair(0, 0) || !c.biased)
        throw three.fault("is not a 1×1 convolution with a bias");
      if (level == 0) (is_box ? outputs : classes) = c.out;
      if (b.in != a.out || c.in != b.out) throw branch.fault("its convolutions do not fit each other");
      if (c.out != (is_box ? outputs : classes))
        throw branch.fault("its output channels differ from those of the first level");
      if (!is_box && a.in != level_in) throw branch.fault("its input channels differ from those of the box branch");
      level_in = a.in;
    }
  }
  const std::int64_t bins = outputs / 4;
  if (outputs % 4 != 0 || bins < 2) throw module.fault("boxes without a distribution (reg_max 1) are not supported");
  if (const auto dfl = module.find("dfl")) {
    dfl->expect_kind("DFL");
    const TorchModule conv = dfl->child("conv");
    read_conv2d(conv, weights);
    const std::vector<float> values = weights.take(conv, "weight", {1, bins, 1, 1}).to_f32();
    for (std::int64_t i = 0; i < bins; ++i)
      if (values[static_cast<std::size_t>(i)] != static_cast<float>(i))
        throw dfl->fault("its weight is not 0, 1, 2, …");
  }
  weights.strides = weights.attribute_values(module, "stride");
  Json::Array arguments{"nc"};
  if (bins != 16) arguments.push_back(bins);
  return {{}, 1, "Detect", arguments};
}

}  // namespace cudet::convert
