#include "emulation/block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "emulation/fiber.h"

constinit thread_local echo::cuda_emulation::Index3 threadIdx{}, blockIdx{}, blockDim{}, gridDim{};

namespace echo::cuda_emulation {

namespace {

constexpr unsigned kWarp = 32;
constexpr size_t kCanaryBytes = 64;
constexpr size_t kSharedAlignment = 1024;
constexpr unsigned char kUnwritten = 0xff;  // four of them are a NaN
constexpr unsigned char kCanary = 0xa5;

enum class State { kReady, kAtBarrier, kAtCollective, kEnded };

struct Thread {
  Thread(Block& owner, size_t number) : fiber(number), block(&owner) {}

  Fiber fiber;
  Block* block;
  Index3 index;
  State state = State::kEnded;
  Place place;
  bool value = false;  // brought to the barrier
  // Of the collective that it waits at.
  const char* operation = nullptr;
  uint32_t mask = 0;
  void* operands = nullptr;

  struct Copy {
    void* to;
    const void* from;
    size_t bytes;
    bool valid;
    int group;
  };
  std::vector<Copy> copies;
  int groups = 0;
};

void perform(const Thread::Copy& copy) {
  if (copy.valid) {
    std::memcpy(copy.to, copy.from, copy.bytes);
  } else {
    std::memset(copy.to, 0, copy.bytes);
  }
}

std::string at(const Place& place) {
  const char* slash = std::strrchr(place.file, '/');
  return std::string(slash ? slash + 1 : place.file) + ":" + std::to_string(place.line);
}

bool same(const Place& a, const Place& b) {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

// Small, fast, and the same on every machine.
class Shuffle {
 public:
  explicit Shuffle(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du) {}
  unsigned next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>(state_ >> 32);
  }

 private:
  uint64_t state_;
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};

}  // namespace

struct Block::Implementation {
  std::vector<std::unique_ptr<Thread>> threads;  // as many as any block had
  unsigned count = 0;                            // of this block
  std::vector<uint32_t> ready;                   // of each warp
  std::vector<uint32_t> waiting;                 // lanes of each warp at a collective
  std::vector<unsigned> order;
  unsigned ended = 0, at_barrier = 0;
  int true_values = 0;     // brought to the barrier that is being reached
  int barrier_result = 0;  // of the last barrier
  unsigned running = 0;
  void (*kernel)(const void*) = nullptr;
  const void* closure = nullptr;
  std::exception_ptr error;
  Shuffle copies_shuffle{0};
  std::unique_ptr<unsigned char, Free> shared;
  size_t shared_bytes = 0;

  Thread& current() { return *threads[running]; }
  uint32_t bit() const { return 1u << (running % kWarp); }
  unsigned lanes_of(unsigned warp) const { return std::min(kWarp, count - warp * kWarp); }
  uint32_t existing(unsigned warp) const {
    return lanes_of(warp) == kWarp ? ~0u : (1u << lanes_of(warp)) - 1;
  }

  void suspend(State state) {
    Thread& self = current();
    self.state = state;
    ready[running / kWarp] &= ~bit();
    self.fiber.suspend();
  }

  void run_warp(unsigned warp, Shuffle& shuffle) {
    while (ready[warp] != 0) {
      // An odd step visits every lane once.
      const unsigned start = shuffle.next(), step = shuffle.next() | 1u;
      for (unsigned i = 0; i < kWarp; ++i) {
        const unsigned lane = (start + i * step) % kWarp;
        if ((ready[warp] >> lane & 1u) == 0) continue;
        running = warp * kWarp + lane;
        threadIdx = current().index;
        current().fiber.resume();
        if (error) std::rethrow_exception(error);
      }
    }
  }

  void release_barrier() {
    const Thread* first = nullptr;
    for (unsigned i = 0; i < count; ++i) {
      Thread& thread = *threads[i];
      if (thread.state != State::kAtBarrier) continue;
      if (first && !same(first->place, thread.place)) {
        throw Violation("kernel: threads of a block met at different barriers, " +
                        at(first->place) + " and " + at(thread.place));
      }
      if (!first) first = &thread;
      thread.state = State::kReady;
      ready[i / kWarp] |= 1u << (i % kWarp);
    }
    barrier_result = true_values;
    true_values = 0;
    at_barrier = 0;
  }

  // Nobody can go on: who waits where.
  [[noreturn]] void report_deadlock() const {
    std::string text = "kernel: deadlock in a block of " + std::to_string(count) + " threads:";
    unsigned reported = 0;
    for (unsigned i = 0; i < count && reported < 4; ++i) {
      const Thread& thread = *threads[i];
      if (thread.state == State::kEnded) continue;
      const auto alike = [&](const Thread& other) {
        return other.state == thread.state && same(other.place, thread.place) &&
               (thread.state == State::kAtBarrier || other.mask == thread.mask);
      };
      unsigned number = 0;
      bool told = false;
      for (unsigned j = 0; j < count; ++j) {
        if (!alike(*threads[j])) continue;
        if (j < i) told = true;
        ++number;
      }
      if (told) continue;
      char mask[16];
      std::snprintf(mask, sizeof mask, "%08x", thread.mask);
      text += std::string(reported++ ? "," : "") + " " + std::to_string(number) + " wait at " +
              (thread.state == State::kAtBarrier
                   ? std::string("the barrier ")
                   : std::string(thread.operation) + " of lanes " + mask + " ") +
              at(thread.place);
    }
    if (ended > 0) text += ", " + std::to_string(ended) + " have ended";
    throw Violation(text);
  }

  static void enter(void* argument) {
    Thread& self = *static_cast<Thread*>(argument);
    Implementation& block = *self.block->implementation_;
    try {
      block.kernel(block.closure);
    } catch (...) {
      block.error = std::current_exception();
    }
    self.state = State::kEnded;
    ++block.ended;
    block.ready[block.running / kWarp] &= ~block.bit();
    self.fiber.finish();
  }

  void prepare_shared(size_t bytes) {
    if (!shared || shared_bytes != bytes) {
      const size_t whole = (bytes + kCanaryBytes + kSharedAlignment - 1) & ~(kSharedAlignment - 1);
      shared.reset(static_cast<unsigned char*>(std::aligned_alloc(kSharedAlignment, whole)));
      if (!shared) throw std::bad_alloc();
      shared_bytes = bytes;
    }
    std::memset(shared.get(), kUnwritten, bytes);
    std::memset(shared.get() + bytes, kCanary, kCanaryBytes);
  }
  void check_shared() const {
    for (size_t i = 0; i < kCanaryBytes; ++i) {
      if (shared.get()[shared_bytes + i] != kCanary) {
        throw Violation("kernel: a write " + std::to_string(i) + " bytes past the end of " +
                        std::to_string(shared_bytes) + " bytes of dynamic shared memory");
      }
    }
  }
};

namespace {
thread_local Block* running_block = nullptr;
}

Block::Block() : implementation_(std::make_unique<Implementation>()) {}
Block::~Block() = default;

Block& Block::current() {
  if (!running_block) throw Violation("an instruction of a kernel was used outside of one");
  return *running_block;
}

void Block::run(const BlockShape& shape, uint64_t seed, void (*kernel)(const void*),
                const void* closure) {
  Implementation& self = *implementation_;
  const Index3 threads = shape.threads;
  self.count = threads.x * threads.y * threads.z;
  const unsigned warps = (self.count + kWarp - 1) / kWarp;
  while (self.threads.size() < self.count) {
    self.threads.push_back(std::make_unique<Thread>(*this, self.threads.size()));
  }
  self.kernel = kernel;
  self.closure = closure;
  self.ended = self.at_barrier = 0;
  self.true_values = 0;
  self.error = nullptr;
  self.prepare_shared(shape.dynamic_shared_bytes);
  self.ready.assign(warps, 0);
  self.waiting.assign(warps, 0);
  self.order.resize(warps);
  for (unsigned warp = 0; warp < warps; ++warp) {
    self.order[warp] = warp;
    self.ready[warp] = self.existing(warp);
  }
  for (unsigned i = 0; i < self.count; ++i) {
    Thread& thread = *self.threads[i];
    thread.index = {i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y};
    thread.state = State::kReady;
    thread.copies.clear();
    thread.groups = 0;
    thread.fiber.start(&Implementation::enter, &thread);
  }

  Block* const outer = running_block;
  running_block = this;
  struct Restore {
    Block* block;
    ~Restore() { running_block = block; }
  } restore{outer};
  Shuffle shuffle(seed);
  self.copies_shuffle = Shuffle(~seed);
  while (self.ended < self.count) {
    for (unsigned i = warps; i > 1; --i) {
      std::swap(self.order[i - 1], self.order[shuffle.next() % i]);
    }
    for (const unsigned warp : self.order) self.run_warp(warp, shuffle);
    if (self.ended == self.count) break;
    if (self.ended + self.at_barrier < self.count) self.report_deadlock();
    self.release_barrier();
  }
  self.check_shared();
}

void* Block::dynamic_shared() const { return implementation_->shared.get(); }

int Block::barrier(bool value, Place place) {
  Implementation& self = *implementation_;
  self.current().place = place;
  self.true_values += value ? 1 : 0;
  ++self.at_barrier;
  self.suspend(State::kAtBarrier);
  return self.barrier_result;
}

unsigned Block::lane() const { return implementation_->running % kWarp; }

uint32_t Block::active_mask() const {
  const Implementation& self = *implementation_;
  const unsigned warp = self.running / kWarp;
  uint32_t mask = 0;
  for (unsigned lane = 0; lane < self.lanes_of(warp); ++lane) {
    if (self.threads[warp * kWarp + lane]->state != State::kEnded) mask |= 1u << lane;
  }
  return mask;
}

void Block::collective(const char* operation, Complete complete, uint32_t mask, void* operands,
                       Place place) {
  Implementation& self = *implementation_;
  const unsigned warp = self.running / kWarp, first = warp * kWarp;
  Thread& thread = self.current();
  if ((mask & self.bit()) == 0 || (mask & ~self.existing(warp)) != 0) {
    char text[64];
    std::snprintf(text, sizeof text, " with mask %08x by lane %u of %u", mask, lane(),
                  self.lanes_of(warp));
    throw Violation("kernel: " + std::string(operation) + text + ", " + at(place));
  }
  thread.operation = operation;
  thread.mask = mask;
  thread.operands = operands;
  thread.place = place;
  self.waiting[warp] |= self.bit();
  bool all = (self.waiting[warp] & mask) == mask;
  for (unsigned i = 0; all && i < kWarp; ++i) {
    if ((mask >> i & 1u) == 0) continue;
    const Thread& other = *self.threads[first + i];
    all = other.mask == mask &&
          (other.operation == operation || std::strcmp(other.operation, operation) == 0);
  }
  if (!all) return self.suspend(State::kAtCollective);

  void* all_operands[kWarp] = {};
  for (unsigned i = 0; i < kWarp; ++i) {
    if (mask >> i & 1u) all_operands[i] = self.threads[first + i]->operands;
  }
  complete(all_operands, mask);
  self.waiting[warp] &= ~mask;
  for (unsigned i = 0; i < kWarp; ++i) {
    if (mask >> i & 1u) self.threads[first + i]->state = State::kReady;
  }
  self.ready[warp] |= mask;
}

void Block::begin_copy(void* to, const void* from, size_t bytes, bool valid) {
  Thread& thread = implementation_->current();
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 ||
      (valid && reinterpret_cast<uintptr_t>(from) % bytes != 0)) {
    throw Violation("kernel: cp.async of " + std::to_string(bytes) +
                    " bytes with an address that is not aligned to them");
  }
  const Thread::Copy copy{to, from, bytes, valid, thread.groups};
  if (implementation_->copies_shuffle.next() % 2 == 0) {
    perform(copy);
  } else {
    thread.copies.push_back(copy);
  }
}

void Block::commit_copies() { ++implementation_->current().groups; }

void Block::wait_copies(int newest) {
  Thread& thread = implementation_->current();
  const int done = thread.groups - newest;  // groups before this one
  const auto waited =
      std::stable_partition(thread.copies.begin(), thread.copies.end(),
                            [&](const Thread::Copy& copy) { return copy.group < done; });
  std::for_each(thread.copies.begin(), waited, perform);
  thread.copies.erase(thread.copies.begin(), waited);
}

}  // namespace echo::cuda_emulation
