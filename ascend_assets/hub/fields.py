"""Fields of a model's configuration files that decide what goes in, or what comes out means.

Here belongs the table, each entry with its reason. Not here: comparing (`configuration.py`). Names are those of the
`transformers` library's config.json, preprocessor_config.json, tokenizer_config.json and generation_config.json, of
timm's config.json, and of ModelScope's configuration.json.

Left out on purpose: what only describes the weights (hidden_size, num_hidden_layers, torch_dtype, architectures) - it
lies in the ONNX file, whose inputs and figures every candidate is judged by; how text is drawn from probabilities
(temperature, top_p), which no graph holds; and who wrote the file, with what (transformers_version).
"""

import re

_IMAGE = (
    r"image_size|input_size|test_input_size|img_size|size|crop_size|resize_size|crop_pct|crop_mode|patch_size|pad_size|"
    r"size_divisor|min_pixels|max_pixels|shortest_edge|longest_edge|height|width|"
    r"image_mean|image_std|mean|std|do_resize|do_center_crop|do_rescale|rescale_factor|do_normalize|do_convert_rgb|"
    r"do_pad|do_flip_channel_order|resample|interpolation|num_channels|in_chans|in_channels|channels|"
    r"data_format|input_data_format|image_processor_type|feature_extractor_type|processor_class"
)
"""An image of another size, other channels or other arithmetic is another input to the same weights."""
_TEXT = (
    r"vocab_size|type_vocab_size|max_position_embeddings|n_positions|n_ctx|model_max_length|max_seq_len|"
    r"max_source_positions|tokenizer_class|do_lower_case|strip_accents|tokenize_chinese_chars|add_prefix_space|"
    r"add_bos_token|add_eos_token|padding_side|truncation_side|chat_template|is_encoder_decoder|"
    r"(?:bos|eos|pad|unk|sep|cls|mask|decoder_start|image|forced_bos|forced_eos)_token(?:_id)?"
)
"""The same text gives other numbers, or the same number stands for another word."""
_SOUND = (
    r"sampling_rate|feature_size|hop_length|n_fft|n_samples|chunk_length|num_mel_bins|nb_max_frames|"
    r"return_attention_mask"
)
"""The same sound gives another spectrogram."""
_MEANING = r"num_labels|id2label|label2id|num_classes|label_names|labels"
"""The same output means something else."""

_DECIDING = re.compile(f"(?:{_IMAGE}|{_TEXT}|{_SOUND}|{_MEANING})", re.ASCII)
_WORDS = re.compile(
    r"(?:.*/)?(?:vocab\.(?:txt|json)|merges\.txt|tokenizer\.(?:json|model)|added_tokens\.json|special_tokens_map\.json|"
    r"spiece\.model|sentencepiece\.bpe\.model|bpe\.codes|labels?\.(?:txt|json))",
    re.ASCII,
)
_CONFIGURATION = re.compile(
    r"(?:.*/)?(?:config|configuration|preprocessor_config|image_processor_config|video_preprocessor_config|"
    r"feature_extractor_config|processor_config|tokenizer_config|generation_config|special_tokens_map)\.json",
    re.ASCII,
)


def decides(field: str) -> bool:
    """Whether a field, `size.height` or `image_mean[0]`, or anything above it, is one of the table."""
    return any(_DECIDING.fullmatch(part) for part in re.split(r"\.|\[\d+\]", field) if part)


def is_configuration(path: str) -> bool:
    """Whether a file is JSON whose fields are compared."""
    return _CONFIGURATION.fullmatch(path) is not None


def is_vocabulary(path: str) -> bool:
    """Whether a file is compared as a whole: any other content gives other numbers for the same words."""
    return _WORDS.fullmatch(path) is not None and not is_configuration(path)
