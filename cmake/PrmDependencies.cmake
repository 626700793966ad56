# The packages that prm depends on. The installed prmConfig.cmake also reads this file, since users
# of static libraries need their dependencies. PRM_SENTENCEPIECE_ROOT has lib/ and include/.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Boost REQUIRED)
if(NOT TARGET PkgConfig::PCRE2)
  pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET GLOBAL libpcre2-8)
endif()
if(NOT TARGET PkgConfig::UTF8PROC)
  pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
endif()

if(NOT TARGET prm_sentencepiece)
  if(NOT EXISTS "${PRM_SENTENCEPIECE_ROOT}/lib/libsentencepiece.a")
    message(FATAL_ERROR "SentencePiece: ${PRM_SENTENCEPIECE_ROOT}/lib/libsentencepiece.a not found; "
      "run scripts/setup or set PRM_SENTENCEPIECE_ROOT")
  endif()
  add_library(prm_sentencepiece STATIC IMPORTED GLOBAL)
  set_target_properties(prm_sentencepiece PROPERTIES
    IMPORTED_LOCATION "${PRM_SENTENCEPIECE_ROOT}/lib/libsentencepiece.a"
    INTERFACE_LINK_LIBRARIES "${Protobuf_LIBRARIES};Threads::Threads")
endif()

# FLINT and Arb: their Debian packages have no .pc or CMake file.
if(NOT TARGET prm_flint)
  find_path(PRM_FLINT_INCLUDE flint/flint.h REQUIRED)
  find_path(PRM_ARB_INCLUDE arb.h REQUIRED)
  find_library(PRM_FLINT_LIBRARY flint REQUIRED)
  find_library(PRM_ARB_LIBRARY NAMES flint-arb arb REQUIRED)
  find_library(PRM_GMP_LIBRARY gmp REQUIRED)
  add_library(prm_flint INTERFACE IMPORTED GLOBAL)
  set_target_properties(prm_flint PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${PRM_FLINT_INCLUDE};${PRM_ARB_INCLUDE}"
    INTERFACE_LINK_LIBRARIES "${PRM_ARB_LIBRARY};${PRM_FLINT_LIBRARY};${PRM_GMP_LIBRARY}")
endif()
