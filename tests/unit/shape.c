// SPDX-License-Identifier: MIT
// Models of known shapes: as many parameters as the real ones, weights that keep activations
// near 1.
#include "model/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "check.h"
#include "last_line.h"
#include "model/model.h"

// Parameters as the models' authors count them.
static void test_parameters(void)
{
    static const struct {
        const char *name;
        uint64_t parameters;
    } known[] = {
        {"llama3-8b", 8030261248},  {"qwen2.5-7b", 7615616512},  {"gemma2-9b", 9241705984},
        {"mistral-7b", 7248023552}, {"smollm2-135m", 134515008}, {"demo", 5475584},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct vkh_config *shape = vkh_shape_find(known[i].name);
        struct vkh_model *model;
        CHECK(shape && vkh_model_random(shape, VKH_Q8_0, NULL, &model) == VKH_OK);
        if (!shape || !model)
            continue;
        CHECK_MSG(model->parameters == known[i].parameters, "%s has %llu parameters", shape->name,
                  (unsigned long long)model->parameters);
        CHECK(strcmp(vkh_model_get_info(model).weight_type, "Q8_0") == 0);
        vkh_model_close(&model);
    }
    for (uint32_t i = 0; vkh_shape_at(i); i++)
        CHECK(vkh_shape_find(vkh_shape_at(i)->name) == vkh_shape_at(i));
    CHECK(!vkh_shape_find("demo2"));
}

// Root mean square and the share of numbers that are not finite or too large.
static void check_spread(const struct vkh_tensor *tensor, double middle, double want)
{
    const uint64_t n = tensor->shape[0] * (tensor->n_dims > 1 ? tensor->shape[1] : 1);
    float *values = malloc(n * sizeof(*values));
    double squares = 0.0, largest = 0.0;
    vkh_dtype_info(tensor->type)->to_float(tensor->data, values, n);
    for (uint64_t i = 0; i < n; i++) {
        const double off = (double)values[i] - middle;
        squares += off * off;
        largest = fmax(largest, fabs(off));
    }
    free(values);
    const double spread = sqrt(squares / (double)n);
    CHECK_MSG(fabs(spread / want - 1.0) < 0.1, "%s: %g, want %g", tensor->name, spread, want);
    CHECK_MSG(largest <= 2.0 * want, "%s: up to %g", tensor->name, largest);
}

// Of a tensor's last block all bytes become ff, which is a NaN in every type.
static void check_finite(const struct vkh_model *model, const struct vkh_tensor *tensor)
{
    const uint32_t block = vkh_dtype_info(tensor->type)->block_bytes;
    CHECK(vkh_model_check_finite(model, NULL) == VKH_OK);
    memset((uint8_t *)(uintptr_t)tensor->data + tensor->size - block, 0xff, block);
    CHECK(vkh_model_check_finite(model, &log_to_line) == VKH_ERR_FORMAT);
    CHECK_MSG(strstr(last_line, model->path) && strstr(last_line, tensor->name), "%s", last_line);
}

static void test_weights(enum vkh_dtype type)
{
    const struct vkh_config *shape = vkh_shape_find("demo");
    struct vkh_model *model, *again;
    CHECK(vkh_model_random(shape, type, NULL, &model) == VKH_OK);
    CHECK(vkh_model_random(shape, type, NULL, &again) == VKH_OK);
    const struct vkh_layer *layer = &model->layers[3];
    CHECK(layer->q->type == type && layer->ffn_norm->type == VKH_F32);
    CHECK(model->output == model->embed);
    check_spread(model->embed, 0.0, 1.0 / 16.0);
    check_spread(layer->q, 0.0, 1.0 / 16.0);
    check_spread(layer->down, 0.0, 1.0 / 16.0);
    check_spread(layer->attn_norm, 1.0, 0.1 / sqrt(3.0));
    CHECK(layer->k->size == layer->v->size &&
          memcmp(layer->k->data, layer->v->data, layer->k->size) != 0);
    CHECK(memcmp(layer->gate->data, again->layers[3].gate->data, layer->gate->size) == 0);
    check_finite(model, model->embed); // matrices share their bytes; it comes first
    check_finite(again, again->layers[3].ffn_norm);
    vkh_model_close(&model);
    vkh_model_close(&again);
}

static void test_refused(void)
{
    struct vkh_config odd = *vkh_shape_find("demo");
    struct vkh_model *model;
    odd.hidden = 250; // no multiple of Q8_0's block, nor of the heads
    odd.head_dim = 64;
    CHECK(vkh_model_random(&odd, VKH_Q8_0, NULL, &model) == VKH_ERR_FORMAT && !model);
    odd = *vkh_shape_find("demo");
    odd.architecture = "perceptron";
    CHECK(vkh_model_random(&odd, VKH_F16, NULL, &model) == VKH_ERR_UNSUPPORTED && !model);
}

// The generator's numbers are part of every measurement's input: they stay as they are.
static void test_random(void)
{
    uint64_t state = 1;
    CHECK(vkh_random(&state) == 0x47e4ce4b896cdd1du);
    for (int i = 0; i < 100000; i++) {
        const float value = vkh_random_uniform(&state);
        CHECK(value >= -1.0f && value < 1.0f);
    }
}

int main(void)
{
    test_random();
    test_parameters();
    test_weights(VKH_F32);
    test_weights(VKH_F16);
    test_weights(VKH_BF16);
    test_weights(VKH_Q8_0);
    test_refused();
    return check_result();
}
