# Imported targets for LibTorch without find_package(Torch), which stops where no CUDA toolkit is
# installed. PRM_LIBTORCH is a folder with include/ and lib/ (default: the wheel in .venv).
set(PRM_LIBTORCH "$ENV{PRM_LIBTORCH}" CACHE PATH "LibTorch folder with include/ and lib/; empty: .venv")
if(NOT PRM_LIBTORCH)
  file(GLOB _prm_wheel "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  list(GET _prm_wheel 0 _prm_wheel)
  set(PRM_LIBTORCH "${_prm_wheel}" CACHE PATH "" FORCE)
endif()
if(NOT EXISTS "${PRM_LIBTORCH}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch: ${PRM_LIBTORCH}/lib/libtorch_cpu.so not found; run scripts/setup or set PRM_LIBTORCH")
endif()
message(STATUS "LibTorch: ${PRM_LIBTORCH}")

# libtorch_cpu.so needs libcudart and libcupti, which come beside the wheel.
file(GLOB _prm_cuda_libs "${PRM_LIBTORCH}/../nvidia/cu13/lib" "${PRM_LIBTORCH}/../nvidia/*/lib")

add_library(prm_libtorch INTERFACE)
target_include_directories(prm_libtorch SYSTEM INTERFACE
  "${PRM_LIBTORCH}/include" "${PRM_LIBTORCH}/include/torch/csrc/api/include")
target_link_libraries(prm_libtorch INTERFACE
  "${PRM_LIBTORCH}/lib/libtorch_cpu.so" "${PRM_LIBTORCH}/lib/libc10.so")
target_link_options(prm_libtorch INTERFACE "LINKER:--allow-shlib-undefined")
foreach(dir ${PRM_LIBTORCH}/lib ${_prm_cuda_libs})
  target_link_options(prm_libtorch INTERFACE "LINKER:-rpath,${dir}")
endforeach()
