// The functions of cuda/ptx.cuh on the CPU: what the PTX manual says, in plain loops.
#pragma once

#include <cstdint>

#include "emulation/block.h"

namespace echo::cuda {

template <class T>
T* shared_memory() {
  return static_cast<T*>(cuda_emulation::Block::current().dynamic_shared());
}

void mma_m16n8k16_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void mma_m16n8k32_int8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void mma_m16n8k32_e4m3(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

void ldmatrix_x4(uint32_t (&m)[4], const void* row);
void ldmatrix_x4_trans(uint32_t (&m)[4], const void* row);
void ldmatrix_x2(uint32_t (&m)[2], const void* row);
void ldmatrix_x2_trans(uint32_t (&m)[2], const void* row);

inline void cp_async_16(void* shared, const void* global, bool valid = true) {
  cuda_emulation::Block::current().begin_copy(shared, global, 16, valid);
}
inline void cp_async_4(void* shared, const void* global, bool valid = true) {
  cuda_emulation::Block::current().begin_copy(shared, global, 4, valid);
}
inline void cp_async_commit() { cuda_emulation::Block::current().commit_copies(); }
template <int newest>
void cp_async_wait() {
  cuda_emulation::Block::current().wait_copies(newest);
}

}  // namespace echo::cuda
