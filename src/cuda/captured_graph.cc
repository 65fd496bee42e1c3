#include "cuda/captured_graph.h"

#include <algorithm>

#include "tensor/ops.h"

namespace echo::cuda {
namespace {

// From the start of a recording until it is taken or thrown away.
class Capture {
 public:
  explicit Capture(RecordingDevice& device) : device_(device), stream_(device.stream()) {
    // Relaxed: the work's memory may still have to be taken from the driver.
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "recording work");
    device_.set_recording(true);
  }
  ~Capture() {
    if (!ended_) (void)end();
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  Graph take() {
    cudaError_t status = cudaSuccess;
    Graph graph = end(&status);
    check(status, "ending a recording");
    return graph;
  }

 private:
  Graph end(cudaError_t* status = nullptr) {
    ended_ = true;
    device_.set_recording(false);
    cudaGraph_t graph = nullptr;
    const cudaError_t result = cudaStreamEndCapture(stream_, &graph);
    if (status) *status = result;
    return Graph(graph);
  }

  RecordingDevice& device_;
  cudaStream_t stream_;
  bool ended_ = false;
};

}  // namespace

Tensor CapturedGraph::run(const WorkKey& key, std::span<const Tensor> inputs, const Work& work) {
  WorkKey full = key;
  for (const Tensor& input : inputs) {
    for (const int64_t part : {input.rows(), input.cols(), static_cast<int64_t>(input.dtype())}) {
      full.push_back(static_cast<uint64_t>(part));
    }
  }
  Recording& recording = recording_of(std::move(full));
  if (!recording.seen) {
    recording.seen = true;
    Tensor result;
    {
      const WorkMemory memory(pool_);
      result = work(inputs);
    }
    return lasting_copy(result);
  }
  if (recording.graph) {
    for (size_t i = 0; i < inputs.size(); ++i) copy(inputs[i], recording.inputs[i]);
  } else {
    record(recording, inputs, work);
  }
  check(cudaGraphLaunch(recording.graph.get(), device_.stream()), "repeating work");
  return lasting_copy(recording.output);
}

CapturedGraph::Recording& CapturedGraph::recording_of(WorkKey key) {
  const auto found = std::find_if(recordings_.begin(), recordings_.end(),
                                  [&](const Recording& recording) { return recording.key == key; });
  if (found != recordings_.end()) {
    recordings_.splice(recordings_.begin(), recordings_, found);
  } else {
    if (recordings_.size() == kMaxRecordings) recordings_.pop_back();
    recordings_.emplace_front().key = std::move(key);
  }
  return recordings_.front();
}

void CapturedGraph::record(Recording& recording, std::span<const Tensor> inputs, const Work& work) {
  std::vector<Tensor> copies;
  for (const Tensor& input : inputs) copies.push_back(lasting_copy(input));
  const WorkMemory memory(pool_);
  Capture capture(device_);
  const Tensor output = work(copies);
  const Graph graph = capture.take();
  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiate(&executable, graph.get(), 0), "preparing recorded work");
  recording.graph = ExecutableGraph(executable);
  recording.inputs = std::move(copies);
  recording.output = output;
}

Tensor CapturedGraph::lasting_copy(const Tensor& x) const {
  const Tensor result = empty(backend_, x.rows(), x.cols(), x.dtype());
  copy(x, result);
  return result;
}

}  // namespace echo::cuda
