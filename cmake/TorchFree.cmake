# The files of model/ that do not include LibTorch, directly or indirectly. They build with
# PRM_TORCH_FREE, run under the sanitizers and are fuzzed. tests/layout/ checks this list.
set(PRM_MODEL_TORCH_FREE
  config/config_json
  config/families
  config/json_fields
  config/model_config
  config/published_formats
  config/rope
  config/scoring_format
  config/scoring_json
  decoder/dtype_rates
  decoder/packed_batch
  exchange/export_folder
  exchange/export_gguf
  exchange/model_card
  exchange/peft_config
  files/checkpoint_files
  files/file_sums
  files/gguf
  files/gguf_model
  files/gguf_writer
  files/mapped_file
  files/prm_json
  files/safetensors
  files/synced_file
  files/tensor_view
  files/tokenizer_files
  files/weights
  scoring/prefix_tree)

set(PRM_MODEL_TORCH_FREE_SOURCES "")
foreach(name ${PRM_MODEL_TORCH_FREE})
  list(APPEND PRM_MODEL_TORCH_FREE_SOURCES "${PROJECT_SOURCE_DIR}/model/${name}.cc")
endforeach()
