// SPDX-License-Identifier: MIT
// A Llama model's forward pass as plain loops in double, and small random models to run it on.
#ifndef VKH_TESTS_REFERENCE_MODEL_H
#define VKH_TESTS_REFERENCE_MODEL_H

#include <math.h>

#include "kernels/kv_pack.h"
#include "model/model.h"
#include "weight_test.h"

// A tensor of scale * uniform + shift in the model's arena.
static inline const struct vkh_tensor *random_tensor(struct vkh_model *model, uint64_t *state,
                                                     const char *name, enum vkh_dtype type,
                                                     uint64_t rows, uint64_t cols, double scale)
{
    struct vkh_tensor *tensor = vkh_arena_alloc(&model->arena, 1, sizeof(*tensor));
    const uint64_t size = rows * test_weight_row_bytes(type, cols);
    void *data = test_weight_data(state, type, rows, cols, (float)scale);
    void *kept = vkh_arena_alloc(&model->arena, size, 1);
    if (!tensor || !kept)
        exit(1);
    memcpy(kept, data, size);
    free(data);
    *tensor = (struct vkh_tensor){name, type, 2, {rows, cols}, kept, size};
    model->parameters += rows * cols;
    model->weight_bytes += size;
    return tensor;
}

// A norm's weights: fp32, around 1.
static inline const struct vkh_tensor *random_norm(struct vkh_model *model, uint64_t *state,
                                                   const char *name, uint64_t width)
{
    struct vkh_tensor *tensor =
        (struct vkh_tensor *)random_tensor(model, state, name, VKH_F32, 1, width, 0.2);
    float *values = (float *)tensor->data;
    for (uint64_t i = 0; i < width; i++)
        values[i] += 1.0f;
    tensor->n_dims = 1;
    tensor->shape[0] = width;
    return tensor;
}

// Weights whose activations stay near 1, with attention sharp enough for positions to matter.
static inline void random_model(const struct vkh_config *config, enum vkh_dtype type, bool tied,
                                uint64_t seed, struct vkh_model *model)
{
    const struct vkh_config *c = config;
    const uint64_t query = (uint64_t)c->n_heads * c->head_dim;
    const uint64_t kv = (uint64_t)c->n_kv_heads * c->head_dim;
    const double in = sqrt(3.0 / c->hidden);
    *model = (struct vkh_model){.config = *config};
    model->layers = vkh_arena_alloc(&model->arena, c->n_layers, sizeof(*model->layers));
    if (!model->layers)
        exit(1);
    model->embed = random_tensor(model, &seed, "embed", type, c->vocab, c->hidden, 3 * in);
    for (uint32_t i = 0; i < c->n_layers; i++)
        model->layers[i] = (struct vkh_layer){
            .attn_norm = random_norm(model, &seed, "attn_norm", c->hidden),
            .q = random_tensor(model, &seed, "q", type, query, c->hidden, 1.5 * in),
            .k = random_tensor(model, &seed, "k", type, kv, c->hidden, 1.5 * in),
            .v = random_tensor(model, &seed, "v", type, kv, c->hidden, in),
            .o =
                random_tensor(model, &seed, "o", type, c->hidden, query, sqrt(3.0 / (double)query)),
            .ffn_norm = random_norm(model, &seed, "ffn_norm", c->hidden),
            .gate = random_tensor(model, &seed, "gate", type, c->ffn, c->hidden, in),
            .up = random_tensor(model, &seed, "up", type, c->ffn, c->hidden, in),
            .down =
                random_tensor(model, &seed, "down", type, c->hidden, c->ffn, sqrt(3.0 / c->ffn)),
        };
    model->path = c->name;
    model->output_norm = random_norm(model, &seed, "output_norm", c->hidden);
    model->output = tied ? model->embed
                         : random_tensor(model, &seed, "output", type, c->vocab, c->hidden, 2 * in);
}

// Positions beyond `known` advance by 1/cf; frequencies are divided by factor. With `packed` keys
// and values are rounded to 8 bits.
struct reference_method {
    const char *spec;
    double cf, factor, known;
    bool packed;
};

static inline double reference_position(const struct reference_method *method, double p)
{
    return p <= method->known ? p : method->known + (p - method->known) / method->cf;
}

// out[t][r] = sum_k w[r][k] x[t][k], or added to it.
static inline void reference_matmul(const struct vkh_tensor *w, const double *x, uint32_t n,
                                    double *out, bool add)
{
    const uint64_t rows = w->shape[0], cols = w->shape[1];
    float *values = malloc(rows * cols * sizeof(*values));
    vkh_dtype_info(w->type)->to_float(w->data, values, rows * cols);
    for (uint64_t t = 0; t < n; t++)
        for (uint64_t r = 0; r < rows; r++) {
            double sum = add ? out[t * rows + r] : 0.0;
            for (uint64_t k = 0; k < cols; k++)
                sum += (double)values[r * cols + k] * x[t * cols + k];
            out[t * rows + r] = sum;
        }
    free(values);
}

static inline void reference_norm(const struct vkh_config *c, const struct vkh_tensor *weight,
                                  const double *x, uint32_t n, double *out)
{
    for (uint64_t t = 0; t < n; t++) {
        double squares = 0.0;
        for (uint64_t i = 0; i < c->hidden; i++)
            squares += x[t * c->hidden + i] * x[t * c->hidden + i];
        const double scale = 1.0 / sqrt(squares / c->hidden + c->norm_eps);
        for (uint64_t i = 0; i < c->hidden; i++)
            out[t * c->hidden + i] =
                x[t * c->hidden + i] * scale * (double)((const float *)weight->data)[i];
    }
}

// Rotates every head of x[n][n_heads][head_dim].
static inline void reference_rope(const struct vkh_config *c, const struct reference_method *method,
                                  double *x, uint32_t n_heads, uint32_t n)
{
    const uint32_t pairs = c->rotary_dim / 2;
    for (uint64_t row = 0; row < (uint64_t)n * n_heads; row++) {
        double *head = x + row * c->head_dim;
        const double position = reference_position(method, (double)(row / n_heads));
        for (uint32_t i = 0; i < pairs; i++) {
            const double factor = c->rope_factors ? (double)c->rope_factors[i] : 1.0;
            const double angle =
                position * pow(c->rope_base, -(double)i / pairs) / factor / method->factor;
            double *a = head + (c->rope_layout == VKH_ROPE_INTERLEAVED ? 2 * i : i);
            double *b = c->rope_layout == VKH_ROPE_INTERLEAVED ? a + 1 : a + pairs;
            const double first = *a, second = *b;
            *a = first * cos(angle) - second * sin(angle);
            *b = first * sin(angle) + second * cos(angle);
        }
    }
}

// Every head of x[n][n_kv_heads][head_dim] to 8 bits and back.
static inline void reference_pack(const struct vkh_config *c, double *x, uint32_t n)
{
    const uint32_t dim = c->head_dim;
    float *head = malloc(dim * sizeof(*head));
    for (uint64_t row = 0; row < (uint64_t)n * c->n_kv_heads; row++) {
        for (uint32_t i = 0; i < dim; i++)
            head[i] = (float)x[row * dim + i];
        vkh_kv_round_ref(head, dim);
        for (uint32_t i = 0; i < dim; i++)
            x[row * dim + i] = (double)head[i];
    }
    free(head);
}

// window 0: all keys.
static inline void reference_attention(const struct vkh_config *c, const double *q, const double *k,
                                       const double *v, uint32_t n, uint32_t window, double *out)
{
    const uint32_t dim = c->head_dim, group = c->n_heads / c->n_kv_heads;
    double *weights = malloc(n * sizeof(*weights));
    for (uint64_t row = 0; row < (uint64_t)n * c->n_heads; row++) {
        const uint64_t t = row / c->n_heads, kv_head = row % c->n_heads / group;
        const uint64_t first = window && window <= t ? t + 1 - window : 0;
        double most = -INFINITY, sum = 0.0;
        for (uint64_t j = first; j <= t; j++) {
            weights[j] = 0.0;
            for (uint32_t i = 0; i < dim; i++)
                weights[j] += q[row * dim + i] * k[(j * c->n_kv_heads + kv_head) * dim + i];
            weights[j] /= sqrt((double)dim);
            most = fmax(most, weights[j]);
        }
        for (uint64_t j = first; j <= t; j++)
            sum += weights[j] = exp(weights[j] - most);
        for (uint32_t i = 0; i < dim; i++) {
            out[row * dim + i] = 0.0;
            for (uint64_t j = first; j <= t; j++)
                out[row * dim + i] += weights[j] / sum * v[(j * c->n_kv_heads + kv_head) * dim + i];
        }
    }
    free(weights);
}

static inline void reference_layer(const struct vkh_config *c, const struct vkh_layer *layer,
                                   uint32_t window, const struct reference_method *method,
                                   uint32_t n, double *x)
{
    const uint64_t query = (uint64_t)n * c->n_heads * c->head_dim;
    const uint64_t kv = (uint64_t)n * c->n_kv_heads * c->head_dim, ffn = (uint64_t)n * c->ffn;
    double *normed = malloc((n * (uint64_t)c->hidden + 2 * query + 2 * kv + 2 * ffn) * 8);
    double *q = normed + n * (uint64_t)c->hidden, *attended = q + query, *k = attended + query;
    double *v = k + kv, *gate = v + kv, *up = gate + ffn;
    reference_norm(c, layer->attn_norm, x, n, normed);
    reference_matmul(layer->q, normed, n, q, false);
    reference_matmul(layer->k, normed, n, k, false);
    reference_matmul(layer->v, normed, n, v, false);
    reference_rope(c, method, q, c->n_heads, n);
    reference_rope(c, method, k, c->n_kv_heads, n);
    if (method->packed) {
        reference_pack(c, k, n);
        reference_pack(c, v, n);
    }
    reference_attention(c, q, k, v, n, window, attended);
    reference_matmul(layer->o, attended, n, x, true);
    reference_norm(c, layer->ffn_norm, x, n, normed);
    reference_matmul(layer->gate, normed, n, gate, false);
    reference_matmul(layer->up, normed, n, up, false);
    for (uint64_t i = 0; i < ffn; i++)
        gate[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
    reference_matmul(layer->down, gate, n, x, true);
    free(normed);
}

// nll[t] of token t given all before it, t in [1, n).
static inline void reference_nll(const struct vkh_model *model, const int32_t *ids, uint32_t n,
                                 const struct reference_method *method, double *nll)
{
    const struct vkh_config *c = &model->config;
    double *x = malloc((uint64_t)n * c->hidden * sizeof(*x));
    double *logits = malloc((uint64_t)n * c->vocab * sizeof(*logits));
    float *table = malloc((uint64_t)c->vocab * c->hidden * sizeof(*table));
    vkh_dtype_info(model->embed->type)
        ->to_float(model->embed->data, table, (uint64_t)c->vocab * c->hidden);
    for (uint64_t i = 0; i < (uint64_t)n * c->hidden; i++)
        x[i] = (double)table[(uint64_t)ids[i / c->hidden] * c->hidden + i % c->hidden];
    for (uint32_t i = 0; i < c->n_layers; i++)
        reference_layer(c, &model->layers[i], vkh_config_is_windowed(c, i) ? c->window : 0, method,
                        n, x);
    reference_norm(c, model->output_norm, x, n, x);
    reference_matmul(model->output, x, n, logits, false);
    for (uint64_t t = 1; t < n; t++) {
        const double *row = logits + (t - 1) * c->vocab;
        double most = -INFINITY, sum = 0.0;
        for (uint32_t i = 0; i < c->vocab; i++)
            most = fmax(most, row[i]);
        for (uint32_t i = 0; i < c->vocab; i++)
            sum += exp(row[i] - most);
        nll[t] = most + log(sum) - row[ids[t]];
    }
    free(x);
    free(logits);
    free(table);
}

#endif
