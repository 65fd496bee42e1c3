// Work that is asked for again and again, recorded as a CUDA graph.
#pragma once

#include <list>
#include <vector>

#include "cuda/handles.h"
#include "cuda/memory_pool.h"
#include "tensor/backend.h"

namespace echo::cuda {

inline cudaError_t destroy_graph(cudaGraph_t graph) { return cudaGraphDestroy(graph); }
inline cudaError_t destroy_executable(cudaGraphExec_t graph) { return cudaGraphExecDestroy(graph); }
using Graph = Owned<cudaGraph_t, destroy_graph>;
using ExecutableGraph = Owned<cudaGraphExec_t, destroy_executable>;

// What the backend must do for it.
class RecordingDevice {
 public:
  virtual cudaStream_t stream() const = 0;
  // Between true and false nothing may wait for the device or move between it and the host.
  virtual void set_recording(bool recording) = 0;

 protected:
  ~RecordingDevice() = default;
};

// The first call of a key does the work, so that all algorithms are chosen; the second records it;
// from then on it is one launch. The recordings used last are kept.
class CapturedGraph : public RepeatedWork {
 public:
  CapturedGraph(Backend& backend, RecordingDevice& device, MemoryPool& pool)
      : backend_(backend), device_(device), pool_(pool) {}

  Tensor run(const WorkKey& key, std::span<const Tensor> inputs, const Work& work) override;

 private:
  struct Recording {
    WorkKey key;
    bool seen = false;
    std::vector<Tensor> inputs;  // in memory of the recording
    Tensor output;               // in memory that other recordings write too
    ExecutableGraph graph;
  };
  static constexpr size_t kMaxRecordings = 8;

  Recording& recording_of(WorkKey key);
  void record(Recording& recording, std::span<const Tensor> inputs, const Work& work);
  Tensor lasting_copy(const Tensor& x) const;

  Backend& backend_;
  RecordingDevice& device_;
  MemoryPool& pool_;
  std::list<Recording> recordings_;  // the one used last in front
};

}  // namespace echo::cuda
