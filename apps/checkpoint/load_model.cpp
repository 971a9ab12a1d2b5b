#include "apps/checkpoint/load_model.h"

#include "apps/checkpoint/read_model.h"
#include "apps/files/image_files.h"
#include "runtime/model/model.h"

namespace cudet {

bool is_checkpoint(const std::string& path) {
  const std::string extension = lower_extension(path);
  return extension == ".pt" || extension == ".pth";
}

Model load_model(const std::string& path, const std::string& weights) {
  if (!is_checkpoint(path)) return Model::load(path, weights);
  if (!weights.empty()) throw Error(path + ": a checkpoint contains its weights, others cannot be given");
#ifdef CUDET_NO_CHECKPOINTS
  throw Error(path + ": this build reads no checkpoints: run `convert` on another machine first");
#else
  convert::CheckpointModel model = convert::read_model(path);
  return Model::Impl::make(std::move(model.description), *model.weights);
#endif
}

}  // namespace cudet
