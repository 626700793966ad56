# The files of model/ that include no LibTorch, directly or not: they build with PRM_TORCH_FREE, run
# under the sanitizers and are fuzzed. tests/layout_test.cc holds that this list is true.
set(PRM_MODEL_TORCH_FREE
  checkpoint_files
  export_folder
  export_gguf
  file_sums
  gguf
  gguf_model
  gguf_writer
  dtype_rates
  families
  json_fields
  mapped_file
  model_card
  model_config
  packed_batch
  peft_config
  prefix_tree
  prm_json
  published_formats
  rope
  scoring_format
  safetensors
  synced_file
  tensor_view
  tokenizer_files
  weights)

set(PRM_MODEL_TORCH_FREE_SOURCES "")
foreach(name ${PRM_MODEL_TORCH_FREE})
  if(EXISTS "${PROJECT_SOURCE_DIR}/model/${name}.cc")
    list(APPEND PRM_MODEL_TORCH_FREE_SOURCES "${PROJECT_SOURCE_DIR}/model/${name}.cc")
  endif()
endforeach()
