# The imported target prm_libtorch: libtorch_cpu and libc10, without find_package(Torch), which fails
# without a CUDA toolkit. PRM_LIBTORCH is a folder with include/ and lib/ (default: the wheel in
# .venv). Its CUDA library is loaded at run time if there is a GPU, and never linked.
set(PRM_LIBTORCH "$ENV{PRM_LIBTORCH}" CACHE PATH "LibTorch folder with include/ and lib/; empty: .venv")
if(NOT PRM_LIBTORCH)
  file(GLOB _prm_wheel "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  if(_prm_wheel)
    list(GET _prm_wheel 0 _prm_wheel)
  endif()
  set(PRM_LIBTORCH "${_prm_wheel}" CACHE PATH "" FORCE)
endif()
if(NOT EXISTS "${PRM_LIBTORCH}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch: '${PRM_LIBTORCH}/lib/libtorch_cpu.so' not found; run scripts/setup or set PRM_LIBTORCH")
endif()
message(STATUS "LibTorch: ${PRM_LIBTORCH}")

# libtorch_cpu.so needs libcudart and libcupti, which are in separate wheels.
file(GLOB _prm_cuda_libs "${PRM_LIBTORCH}/../nvidia/cu13/lib" "${PRM_LIBTORCH}/../nvidia/*/lib")
set(_prm_torch_options "LINKER:--allow-shlib-undefined")
foreach(dir ${PRM_LIBTORCH}/lib ${_prm_cuda_libs})
  list(APPEND _prm_torch_options "LINKER:-rpath,${dir}")
endforeach()

# The OpenMP runtime of LibTorch: a second one would add a second thread pool.
file(GLOB _prm_gomp "${PRM_LIBTORCH}/lib/libgomp*.so*")
if(NOT _prm_gomp)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  set(_prm_gomp ${OpenMP_CXX_LIBRARIES})
endif()

if(NOT TARGET prm_libtorch)
  add_library(prm_libtorch INTERFACE IMPORTED GLOBAL)
  set_target_properties(prm_libtorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${PRM_LIBTORCH}/include;${PRM_LIBTORCH}/include/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${PRM_LIBTORCH}/lib/libtorch_cpu.so;${PRM_LIBTORCH}/lib/libc10.so;${_prm_gomp}"
    INTERFACE_LINK_OPTIONS "${_prm_torch_options}")
endif()
