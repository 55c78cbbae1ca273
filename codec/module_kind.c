#include "codec/module_kind.h"

#include <stdbool.h>
#include <string.h>

/* A word stands for itself only as a whole part between separators where it begins with
   '='; else anywhere in the name. Order decides: "attn_norm" is a norm. */
typedef struct kind_word {
    uint8_t kind;
    const char *word;
} kind_word;

static const kind_word words[] = {
    {MLR_KIND_LORA, "lora"},         {MLR_KIND_NORM, "norm"},
    {MLR_KIND_NORM, "=ln"},          {MLR_KIND_NORM, "=ln_f"},
    {MLR_KIND_NORM, "=bn"},          {MLR_KIND_NORM, "=ln_1"},
    {MLR_KIND_NORM, "=ln_2"},        {MLR_KIND_EMBEDDING, "embed"},
    {MLR_KIND_EMBEDDING, "embd"},    {MLR_KIND_EMBEDDING, "=wte"},
    {MLR_KIND_EMBEDDING, "=wpe"},    {MLR_KIND_HEAD, "lm_head"},
    {MLR_KIND_HEAD, "classifier"},   {MLR_KIND_HEAD, "=head"},
    {MLR_KIND_HEAD, "=output"},      {MLR_KIND_HEAD, "=logits"},
    {MLR_KIND_ROUTER, "router"},     {MLR_KIND_ROUTER, "gate_inp"},
    {MLR_KIND_EXPERTS, "expert"},    {MLR_KIND_EXPERTS, "_exps"},
    {MLR_KIND_ATTENTION, "attn"},    {MLR_KIND_ATTENTION, "attention"},
    {MLR_KIND_ATTENTION, "=q_proj"}, {MLR_KIND_ATTENTION, "=k_proj"},
    {MLR_KIND_ATTENTION, "=v_proj"}, {MLR_KIND_ATTENTION, "=o_proj"},
    {MLR_KIND_ATTENTION, "=query"},  {MLR_KIND_ATTENTION, "=key"},
    {MLR_KIND_ATTENTION, "=value"},  {MLR_KIND_MLP, "mlp"},
    {MLR_KIND_MLP, "ffn"},           {MLR_KIND_MLP, "feed_forward"},
    {MLR_KIND_MLP, "=fc"},           {MLR_KIND_MLP, "=fc1"},
    {MLR_KIND_MLP, "=fc2"},          {MLR_KIND_MLP, "dense"},
    {MLR_KIND_MLP, "intermediate"},  {MLR_KIND_CONV, "conv"},
    {MLR_KIND_CONV, "downsample"},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool separates(char c)
{
    return c == '.' || c == '/' || c == ':' || c == ';';
}

static bool stands_at(mlr_str key, size_t at, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lower(key.p[at + i]) != word[i]) {
            return false;
        }
    }
    return true;
}

static bool has_word(mlr_str key, const char *word)
{
    bool whole = word[0] == '=';
    word += whole;
    size_t n = strlen(word);
    for (size_t at = 0; at + n <= key.n; at++) {
        bool edges = (at == 0 || separates(key.p[at - 1])) &&
                     (at + n == key.n || separates(key.p[at + n]));
        if ((!whole || edges) && stands_at(key, at, word, n)) {
            return true;
        }
    }
    return false;
}

mlr_module_kind mlr_module_kind_of(mlr_str key)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_word(key, words[i].word)) {
            return (mlr_module_kind)words[i].kind;
        }
    }
    return MLR_KIND_OTHER;
}

const char *mlr_module_kind_name(unsigned kind)
{
    static const char *const names[] = {
#define MLR_MODULE_KIND_NAME(id, name) [id] = (name),
        MLR_MODULE_KIND_TABLE(MLR_MODULE_KIND_NAME)
#undef MLR_MODULE_KIND_NAME
    };
    return kind < MLR_KIND_COUNT ? names[kind] : "other";
}
