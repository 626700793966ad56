# The packages that prm is built from; also read by the installed prmConfig.cmake, since static
# libraries hand their dependencies on. PRM_SENTENCEPIECE_ROOT has lib/ and include/.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
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
