# model/kernels with its tests and benches. Needs only LibTorch and nvcc (no GoogleTest, no Google
# Benchmark), so that it builds on a GPU machine that has nothing else.
find_package(Threads REQUIRED)
file(GLOB _prm_kernel_sources CONFIGURE_DEPENDS model/kernels/*.cc model/kernels/*/*.cc)
list(FILTER _prm_kernel_sources EXCLUDE REGEX graph_module)
prm_add_library(prm_kernels kernels ${_prm_kernel_sources})
# For `#pragma omp simd`, which allows vectorised sums.
target_compile_options(prm_kernels PRIVATE -fopenmp)
target_link_libraries(prm_kernels PRIVATE prm_libtorch Threads::Threads ${CMAKE_DL_LIBS})
prm_precompile(prm_kernels <ATen/ATen.h>)

# The CUDA kernels form one module, loaded if there is a device, so that the program itself links no
# CUDA library. Compiling it needs nvcc and CUDA's runtime, but no GPU.
option(PRM_CUDA_KERNELS "Compile the CUDA kernels (nvcc); OFF: a GPU runs LibTorch's operators" ON)
set(PRM_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPU architectures; newer ones run the last one's PTX")
if(PRM_CUDA_KERNELS)
  include(CudaModule)
endif()

# Each test and bench is a separate program that exits with 0 on success.
function(prm_add_kernel_program source)
  get_filename_component(name "${source}" NAME_WE)
  add_executable(kernel_${name} "${source}")
  target_compile_options(kernel_${name} PRIVATE ${PRM_WARNINGS})
  target_link_libraries(kernel_${name} PRIVATE prm_kernels prm_libtorch)
  # All of them share one precompiled header of LibTorch.
  get_property(first GLOBAL PROPERTY PRM_FIRST_KERNEL_PROGRAM)
  if(NOT first)
    set_property(GLOBAL PROPERTY PRM_FIRST_KERNEL_PROGRAM kernel_${name})
    prm_precompile(kernel_${name} <ATen/ATen.h>)
  elseif(PRM_PRECOMPILE)
    target_precompile_headers(kernel_${name} REUSE_FROM ${first})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(kernel_${name} PRIVATE -fpch-preprocess)
    endif()
  endif()
  if(TARGET prm_cuda)
    add_dependencies(kernel_${name} prm_cuda)
  endif()
endfunction()

if(PRM_TESTS)
  enable_testing()
  # A fake GPU for programs that check for one: the driver's device file and LibTorch's CUDA library.
  set(PRM_FAKE_CUDA "${PROJECT_BINARY_DIR}/fake_cuda")
  foreach(part driver hooks)
    add_library(fake_cuda_${part} SHARED tests/model/kernels/fake_cuda/${part}.cc)
    set_target_properties(fake_cuda_${part} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PRM_FAKE_CUDA}")
    target_compile_options(fake_cuda_${part} PRIVATE ${PRM_WARNINGS})
  endforeach()
  set_target_properties(fake_cuda_hooks PROPERTIES OUTPUT_NAME torch_cuda)
  target_link_libraries(fake_cuda_hooks PRIVATE prm_libtorch)
  target_link_libraries(fake_cuda_driver PRIVATE ${CMAKE_DL_LIBS})
  set(PRM_WITH_FAKE_CUDA "LD_PRELOAD=${PRM_FAKE_CUDA}/libfake_cuda_driver.so"
    "LD_LIBRARY_PATH=${PRM_FAKE_CUDA}")

  add_test(NAME kernels.cuda_code COMMAND "${CMAKE_COMMAND}" -P
    "${PROJECT_SOURCE_DIR}/tests/model/kernels/cuda_code_test.cmake")
  if(NOT EXISTS /dev/nvidiactl)
    # A skip ends with 77, a failure with 1.
    add_test(NAME kernels.a_missing_gpu_fails_where_one_is_required
      COMMAND sh -c "\"$1\"; test $? -eq 1" sh "$<TARGET_FILE:kernel_ops_test>")
    set_tests_properties(kernels.a_missing_gpu_fails_where_one_is_required PROPERTIES
      ENVIRONMENT "PRM_REQUIRE_CUDA=1;PRM_GPU_ONLY=1")
  endif()
  file(GLOB _prm_kernel_tests CONFIGURE_DEPENDS tests/model/kernels/*_test.cc
    tests/model/kernels/*/*_test.cc)
  foreach(source ${_prm_kernel_tests})
    prm_add_kernel_program("${source}")
    get_filename_component(name "${source}" NAME_WE)
    add_test(NAME kernels.${name} COMMAND kernel_${name})
    set_tests_properties(kernels.${name} PROPERTIES SKIP_RETURN_CODE 77)
    # A program with GPU cases must find the GPU, whatever else its main does first.
    file(STRINGS "${source}" asks REGEX "RunsCuda|AllCases")
    if(asks)
      add_dependencies(kernel_${name} fake_cuda_driver fake_cuda_hooks)
      add_test(NAME kernels.${name}.finds_a_gpu COMMAND kernel_${name})
      set_tests_properties(kernels.${name}.finds_a_gpu PROPERTIES TIMEOUT 60
        PASS_REGULAR_EXPRESSION "the fake GPU was asked for"
        ENVIRONMENT "${PRM_WITH_FAKE_CUDA};FAKE_CUDA_ENDS=1;PRM_GPU_ONLY=1")
    endif()
  endforeach()
endif()
if(PRM_BENCH)
  file(GLOB _prm_kernel_benches CONFIGURE_DEPENDS bench/kernels/*_bench.cc)
  foreach(source ${_prm_kernel_benches})
    prm_add_kernel_program("${source}")
  endforeach()
endif()
