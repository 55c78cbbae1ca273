// Runs a TFLite model in TensorFlow Lite Micro on a fixed input pattern and prints a digest of
// its outputs. Linked with the runtime's own library and its resolver of all operators.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "python/tflite_micro/python_ops_resolver.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

constexpr size_t kArena = 16u << 20;

void Fill(TfLiteTensor* tensor) {
  if (tensor->type == kTfLiteFloat32) {
    for (size_t i = 0; i < tensor->bytes / 4; i++) {
      tensor->data.f[i] = static_cast<float>((i * 37) % 101) / 101.0f - 0.5f;
    }
    return;
  }
  for (size_t i = 0; i < tensor->bytes; i++) {
    tensor->data.uint8[i] = static_cast<uint8_t>((i * 37) % 101);
  }
}

uint64_t Add(uint64_t digest, const TfLiteTensor* tensor) {
  for (size_t i = 0; i < tensor->bytes; i++) {
    digest = (digest ^ tensor->data.uint8[i]) * 1099511628211u;
  }
  return digest;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const tflite::Model* model = tflite::GetModel(bytes.data());
  tflite::PythonOpsResolver resolver;
  std::vector<uint8_t> arena(kArena);
  tflite::MicroAllocator* allocator = tflite::MicroAllocator::Create(arena.data(), arena.size());
  tflite::MicroResourceVariables* variables = tflite::MicroResourceVariables::Create(allocator, 64);
  tflite::MicroInterpreter interpreter(model, resolver, allocator, variables);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    return 1;
  }
  uint64_t digest = 14695981039346656037u;
  for (int turn = 0; turn < 2; turn++) {  // twice: some models carry state
    for (size_t i = 0; i < interpreter.inputs_size(); i++) {
      Fill(interpreter.input(i));
    }
    if (interpreter.Invoke() != kTfLiteOk) {
      return 1;
    }
    for (size_t i = 0; i < interpreter.outputs_size(); i++) {
      digest = Add(digest, interpreter.output(i));
    }
  }
  std::printf("outputs %zu digest %016llx\n", interpreter.outputs_size(), static_cast<unsigned long long>(digest));
  return 0;
}
