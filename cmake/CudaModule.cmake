# The target prm_cuda: libprm_cuda.so beside the program. nvcc is called by a custom command: CMake's
# CUDA support links a test program, for which the compiler's wheels lack libraries.
file(GLOB _prm_cuda_wheel "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/nvidia/cu13")
find_program(PRM_NVCC nvcc HINTS ${_prm_cuda_wheel} "$ENV{CUDA_HOME}" /usr/local/cuda PATH_SUFFIXES bin)
if(NOT PRM_NVCC)
  message(FATAL_ERROR "nvcc not found: run scripts/setup, set CUDA_HOME, or configure with "
    "-DPRM_CUDA_KERNELS=OFF (a GPU then runs LibTorch's operators)")
endif()
get_filename_component(_prm_cuda_root "${PRM_NVCC}" REALPATH)
get_filename_component(_prm_cuda_root "${_prm_cuda_root}" DIRECTORY)
get_filename_component(_prm_cuda_root "${_prm_cuda_root}" DIRECTORY)
# The CUDA runtime; LibTorch uses the wheel's.
find_file(PRM_CUDART NAMES libcudart.so.13 libcudart.so
  HINTS ${_prm_cuda_libs} "${_prm_cuda_root}" PATH_SUFFIXES lib lib64)
find_path(PRM_CUDA_INCLUDE cuda_runtime.h HINTS "${_prm_cuda_root}" ${_prm_cuda_wheel} PATH_SUFFIXES include)
if(NOT PRM_CUDART OR NOT PRM_CUDA_INCLUDE)
  message(FATAL_ERROR "CUDA's runtime not found (libcudart: ${PRM_CUDART}, cuda_runtime.h: "
    "${PRM_CUDA_INCLUDE}): run scripts/setup, or configure with -DPRM_CUDA_KERNELS=OFF")
endif()

include(CudaCode)
prm_cuda_code(_prm_cuda_code ${PRM_CUDA_ARCHITECTURES})

# A warning is an error only with the tested compiler, the nvcc that scripts/setup installs. Another
# nvcc, or its g++, may give other warnings.
set(_prm_cuda_tested OFF)
if(_prm_cuda_wheel AND PRM_NVCC MATCHES "^${PROJECT_SOURCE_DIR}/\\.venv/")
  set(_prm_cuda_tested ON)
endif()
option(PRM_CUDA_WERROR "Warnings of nvcc are errors" ${_prm_cuda_tested})
set(_prm_cuda_warnings "")
if(PRM_CUDA_WERROR)
  set(_prm_cuda_warnings -Werror=all-warnings)
endif()

set(_prm_cuda_object "${PROJECT_BINARY_DIR}/prm_cuda_kernels.o")
add_custom_command(OUTPUT "${_prm_cuda_object}"
  COMMAND "${PRM_NVCC}" -c -std=c++20 -O3 ${_prm_cuda_code} -Xptxas=-warn-spills
    ${_prm_cuda_warnings} --compiler-bindir "${CMAKE_CXX_COMPILER}"
    -Xcompiler=-fPIC,-fvisibility=hidden "-I${PROJECT_SOURCE_DIR}" "-I${PRM_CUDA_INCLUDE}"
    -MD -MF "${_prm_cuda_object}.d" -o "${_prm_cuda_object}"
    "${PROJECT_SOURCE_DIR}/model/kernels/cuda/kernels.cu"
  MAIN_DEPENDENCY model/kernels/cuda/kernels.cu DEPFILE "${_prm_cuda_object}.d"
  COMMENT "Compiling CUDA kernels for sm ${PRM_CUDA_ARCHITECTURES}" VERBATIM)
add_library(prm_cuda MODULE "${_prm_cuda_object}")
get_filename_component(_prm_cudart_dir "${PRM_CUDART}" DIRECTORY)
set_target_properties(prm_cuda PROPERTIES LINKER_LANGUAGE CXX BUILD_WITH_INSTALL_RPATH ON
  INSTALL_RPATH "${_prm_cudart_dir}")
target_link_libraries(prm_cuda PRIVATE "${PRM_CUDART}")
# The target prm_cuda_graph: libprm_cuda_graph.so. It needs LibTorch's CUDA library when it is
# loaded, but only LibTorch's headers to build.
add_library(prm_cuda_graph MODULE "${PROJECT_SOURCE_DIR}/model/kernels/cuda/graph_module.cc")
target_include_directories(prm_cuda_graph PRIVATE "${PROJECT_SOURCE_DIR}")
target_include_directories(prm_cuda_graph SYSTEM PRIVATE "${PRM_CUDA_INCLUDE}")
target_compile_options(prm_cuda_graph PRIVATE ${PRM_WARNINGS} -fvisibility=hidden)
target_link_libraries(prm_cuda_graph PRIVATE prm_libtorch "${PRM_LIBTORCH}/lib/libtorch_cuda.so"
  "${PRM_LIBTORCH}/lib/libc10_cuda.so" "${PRM_CUDART}")
add_dependencies(prm_cuda prm_cuda_graph)
message(STATUS "CUDA kernels: ${PRM_NVCC}, sm ${PRM_CUDA_ARCHITECTURES}")
