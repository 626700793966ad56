// How the program handles GPUs, on machines without one: with a library that fakes LibTorch's CUDA
// library and two GPUs (tests/model/kernels/fake_cuda).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/program/program.h"

namespace prm {
namespace {

using testing::HasSubstr;

class GpuProgram : public PrmProgram {};

// During its lifetime programs find the fake GPUs; with `ends`, they exit when they first query
// them.
class FakeGpus {
 public:
  explicit FakeGpus(bool ends) {
    setenv("LD_PRELOAD", PRM_FAKE_CUDA "/libfake_cuda_driver.so", 1);
    setenv("LD_LIBRARY_PATH", PRM_FAKE_CUDA, 1);
    if (ends) setenv("FAKE_CUDA_ENDS", "1", 1);
  }
  ~FakeGpus() {
    for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "FAKE_CUDA_ENDS"}) unsetenv(name);
  }
};

TEST_F(GpuProgram, EveryVerbThatComputesFindsAGpuThatIsThere) {
  const std::string model = " --model " + Path("run/best"), data = Path("data/dev.jsonl"),
                    train = Train("gpu_run");
  const FakeGpus gpus(/*ends=*/true);
  for (const std::string& verb :
       {"score" + model + " --in " + data, "model describe" + model,
        "serve --listen 127.0.0.1:0" + model, "eval" + model + " --data " + data,
        "model compare --weights int8" + model + " --data " + data,
        "rerank" + model + " --in " + Path("data/rerank.jsonl"),
        "model import " + Path("backbone") + " --format math-shepherd --out " + Path("imported"),
        train}) {
    for (const char* device : {" --device auto", " --device cuda:1"}) {
      const Outcome outcome = Run(verb + device);
      EXPECT_EQ(outcome.out, "the fake GPU was asked for\n") << verb << device << outcome.err;
    }
  }
}

TEST_F(GpuProgram, ADeviceThatIsNotThereIsRefusedWithTheNumberOfThose) {
  const std::string describe = "model describe " + Path("run/best") + " --device ";
  ExpectRefused(describe + "cuda", {"device cuda: no NVIDIA driver"});
  EXPECT_THAT(Run(describe + "cuda:x").err, HasSubstr("or cuda:N, got \"cuda:x\""));
  const FakeGpus gpus(/*ends=*/false);
  ExpectRefused(describe + "cuda:2", {"device cuda:2: expected a number below 2"});
  ExpectRefused(describe + "cuda:300", {"device cuda:300: expected a number below 2"});
}

TEST_F(GpuProgram, AUserOfTheLibraryWhoAsksTooEarlyIsToldSo) {
  const auto run = [](const std::string& arguments) {
    FILE* pipe = popen((PRM_SEEDED_FIRST " " + arguments).c_str(), "r");
    std::string out(4096, '\0');
    out.resize(fread(out.data(), 1, out.size(), pipe));
    pclose(pipe);
    return out;
  };
  EXPECT_EQ(run("auto"), "took cpu\n");
  const FakeGpus gpus(/*ends=*/false);
  for (const char* device : {"auto", "cuda", "cuda:1"}) {
    EXPECT_THAT(run(device),
                HasSubstr("LibTorch was asked for it before its CUDA library was loaded"));
  }
  EXPECT_EQ(run("cpu"), "took cpu\n");
}

TEST_F(GpuProgram, DescribeNamesTheBodiesOfTheKernels) {
  const std::string describe = "model describe --device cpu " + Path("run/best") + " --dtype ";
  EXPECT_THAT(Run(describe + "float32").out,
              HasSubstr("CPU; attention: portable CPU loops; products: "));
  EXPECT_THAT(Run(describe + "float32 --batch-invariant").out, HasSubstr("packed CPU panels"));
  EXPECT_THAT(Run(describe + "float32 --cache-bytes 0").out,
              HasSubstr("attention: of whole traces"));
}

}  // namespace
}  // namespace prm
