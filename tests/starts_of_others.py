"""Starts of models that other people wrote: small ones of torchvision, timm and transformers."""

import pytest
from elsewhere import needed
from starts import Start, adam, good, images, padded, words


def _torchvision(make, X=None):
    models = pytest.importorskip("torchvision").models
    return Start(make(models), *(X or images(8, 32)))


@good
def torchvision_resnet():
    return _torchvision(lambda m: m.resnet.ResNet(m.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10))


@good
def torchvision_resnet_with_zero_gamma():
    blocks = [1, 1, 1, 1]
    return _torchvision(lambda m: m.resnet.ResNet(m.resnet.BasicBlock, blocks, num_classes=10, zero_init_residual=True))


@good
def torchvision_mobilenet():
    return _torchvision(lambda m: m.MobileNetV2(num_classes=10, width_mult=0.25))._replace(optimizer=adam)


@good
def torchvision_shufflenet():
    return _torchvision(lambda m: m.shufflenet_v2_x0_5(num_classes=10))


@good
def torchvision_vision_transformer():
    def make(m):
        return m.VisionTransformer(16, 4, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=10)

    return _torchvision(make, images())._replace(optimizer=adam)


@good
def torchvision_swin():
    def make(m):
        return m.SwinTransformer([2, 2], 16, [1, 1], [2, 2], [4, 4], num_classes=10)

    return _torchvision(make, images())._replace(optimizer=adam)


@good
def torchvision_convnext():
    def make(m):
        setting = m.convnext.CNBlockConfig
        return m.ConvNeXt([setting(16, 32, 1), setting(32, None, 1)], num_classes=10)

    return _torchvision(make, images())._replace(optimizer=adam)


def _timm(name, size=16, **options):
    timm = needed("timm")
    return Start(timm.create_model(name, num_classes=10, **options), *images(8, size), None, adam)


@good
def timm_vision_transformer():
    return _timm("vit_tiny_patch16_224", img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)


@good
def timm_cait():
    return _timm("cait_xxs24_224", img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)


@good
def timm_beit():
    return _timm("beit_base_patch16_224", img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2)


@good
def timm_convnext():
    return _timm("convnext_atto", 32, depths=(1, 1, 1, 1), dims=(16, 16, 32, 32))


@good
def timm_regnet():
    return _timm("regnety_002", 32)


def _language(name, config, X=None, y=None, **options):
    transformers = pytest.importorskip("transformers")
    kind = getattr(transformers, name)
    ids = words()
    net = kind(getattr(transformers, config)(vocab_size=50, **options))
    return Start(net, {"input_ids": ids} if X is None else X, ids if y is None else y, None, adam)


_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@good
def transformers_gpt2():
    options = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 16, "bos_token_id": 0, "eos_token_id": 0}
    return _language("GPT2LMHeadModel", "GPT2Config", **options)


@good
def transformers_bert_on_padded_batch():
    ids, y = padded()
    X = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    return _language("BertForSequenceClassification", "BertConfig", X, y, **_SMALL)


@good
def transformers_t5():
    ids = words()
    X = {"input_ids": ids, "decoder_input_ids": ids}
    options = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    return _language("T5ForConditionalGeneration", "T5Config", X, ids, **options)


@good
def transformers_mixtral():
    options = {"num_key_value_heads": 2, "num_local_experts": 8}
    return _language("MixtralForCausalLM", "MixtralConfig", **_SMALL, **options)
