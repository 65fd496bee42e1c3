// What is not needed is not read: its pages are forbidden, and a touch would end the process.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "checkpoint/echo_dit_layout.h"
#include "checkpoint/random_checkpoint.h"
#include "checkpoint/s1_dac_layout.h"
#include "cpu/cpu_backend.h"
#include "models/codec.h"
#include "models/echo_dit.h"
#include "models/pca_state.h"
#include "nn/safetensors_writer.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

// A copy of a checkpoint in memory, with the tensors that `needed` does not name behind the others
// and out of reach. Outlives the backend that packs from it, which has a thread of its own.
class GuardedFile {
 public:
  GuardedFile(const SafetensorsFile& source,
              const std::function<bool(const std::string&)>& needed) {
    std::vector<PlannedTensor> planned;
    std::vector<const TensorView*> views;
    for (const bool wanted : {true, false}) {
      for (const TensorView& view : source.tensors()) {
        if (needed(view.name) != wanted) continue;
        planned.push_back({view.name, view.dtype, view.shape});
        views.push_back(&view);
        if (!wanted) ++forbidden_;
      }
    }
    const std::filesystem::path path = dir_ / "copy.safetensors";
    SafetensorsWriter writer(path, planned, {});
    for (size_t i = 0; i < views.size(); ++i) writer.write(i, 0, views[i]->bytes);
    writer.commit();
    const auto copy = SafetensorsFile::open(path);
    size_t begin = copy->bytes();
    const std::byte* first = copy->tensors()[0].bytes.data();
    for (const TensorView& view : copy->tensors()) first = std::min(first, view.bytes.data());
    first -= copy->data_begin();
    for (const TensorView& view : copy->tensors()) {
      const auto at = static_cast<size_t>(view.bytes.data() - first);
      if (!needed(view.name)) begin = std::min(begin, at);
    }
    for (const TensorView& view : copy->tensors()) {
      const auto at = static_cast<size_t>(view.bytes.data() - first);
      if (needed(view.name)) {
        EXPECT_LT(at, begin) << view.name << " lies among the forbidden";
      }
    }
    // The forbidden part begins with a page.
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    size_ = copy->bytes() + 2 * page;
    memory_ = static_cast<char*>(
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    char* const start = memory_ + (page - begin % page) % page;
    std::memcpy(start, first, copy->bytes());
    EXPECT_EQ(begin % 8, 0u);
    ::mprotect(start + begin, copy->bytes() - begin, PROT_NONE);
    file_ = SafetensorsFile::from_bytes({reinterpret_cast<const std::byte*>(start), copy->bytes()},
                                        "guarded");
  }
  ~GuardedFile() { ::munmap(memory_, size_); }
  GuardedFile(const GuardedFile&) = delete;
  GuardedFile& operator=(const GuardedFile&) = delete;

  Weights weights() const { return Weights(file_); }
  size_t forbidden() const { return forbidden_; }

 private:
  TempDir dir_;
  char* memory_ = nullptr;
  size_t size_ = 0, forbidden_ = 0;
  std::shared_ptr<const SafetensorsFile> file_;
};

class NeededTensors : public ::testing::Test {
 protected:
  TempDir dir_;
  ModelFiles files_ = write_random_checkpoint(dir_.path(), {});
};

TEST_F(NeededTensors, TheBlockwisePartIsNotReadBeforeItIsUsed) {
  const auto source = SafetensorsFile::open(files_.dit);
  const GuardedFile guarded(*source, [](const std::string& name) {
    return name.find("latent_encoder.") == name.npos && name.find("latent_norm.") == name.npos &&
           name.find("_latent.weight") == name.npos;
  });
  EXPECT_GT(guarded.forbidden(), 10u);
  EXPECT_TRUE(infer_echo_dit_config(guarded.weights()).blockwise);
  const auto backend = cpu::make_cpu_backend({});
  const LayerContext context{*backend, backend->compute_dtype(DType::kBFloat16)};
  const EchoDit dit(context, guarded.weights(), true);
  EXPECT_TRUE(dit.blockwise());
}

TEST_F(NeededTensors, BuffersThatCanBeMadeAgainAreNotRead) {
  const auto source = SafetensorsFile::open(files_.codec);
  const GuardedFile guarded(*source, [](const std::string& name) {
    return !name.ends_with("freqs_cis") && !name.ends_with("causal_mask");
  });
  EXPECT_EQ(guarded.forbidden(), 6u);
  infer_s1_dac_config(guarded.weights());
  const auto backend = cpu::make_cpu_backend({});
  const Codec codec({*backend, DType::kFloat32}, guarded.weights(),
                    read_pca_state(Weights::open(files_.pca)));
  EXPECT_GT(codec.latent_size(), 0);
}

TEST_F(NeededTensors, TheListForReadingAheadNamesThem) {
  const Weights dit = Weights::open(files_.dit), codec = Weights::open(files_.codec);
  EchoDitConfig config = infer_echo_dit_config(dit);
  const auto bytes = [](const std::vector<const TensorView*>& tensors) {
    uint64_t sum = 0;
    for (const TensorView* tensor : tensors) sum += tensor->bytes.size();
    return sum;
  };
  const uint64_t all = bytes(tensors_of(dit, echo_dit_layout(config)));
  EXPECT_EQ(all, dit.file().bytes() - dit.file().data_begin());
  config.blockwise = false;
  EXPECT_LT(bytes(tensors_of(dit, echo_dit_layout(config))), all);
  EXPECT_LT(bytes(tensors_of(codec, s1_dac_layout(infer_s1_dac_config(codec)))),
            codec.file().bytes() - codec.file().data_begin());
}

}  // namespace
}  // namespace echo
