/*
 * A profile as data: what a person settled once about patches of one kind of model. Rules
 * choose how tensors are coded, budgets and gates say what must hold. How it is written as
 * YAML is no matter of this file (tui/cli/profile_yaml.h).
 */
#ifndef MLR_CODEC_PROFILE_H
#define MLR_CODEC_PROFILE_H

#include "codec/module_kind.h"
#include "codec/plan.h"

enum { MLR_PROFILE_VERSION = 1, MLR_MAX_RULES = 1000 };

typedef struct mlr_str_list {
    const mlr_str *item;
    size_t count;
} mlr_str_list;

/* Both ends belong to it. */
typedef struct mlr_bounds {
    uint64_t least, most;
} mlr_bounds;

typedef struct mlr_bounds_list {
    const mlr_bounds *item;
    size_t count;
} mlr_bounds_list;

/* What a rule asks of a tensor. What is zero or empty asks nothing; all else must hold. */
typedef struct mlr_condition {
    mlr_str_list names, except; /* patterns: see mlr_glob() */
    uint64_t dtypes[4];         /* bit set by id */
    bool has_dtypes, has_bytes, has_shape;
    mlr_bounds bytes;       /* of the new payload */
    mlr_bounds_list shape;  /* one for each dimension, outermost first */
    mlr_bounds_list layers; /* number of the layer; tensors outside layers do not match */
    uint32_t kinds;         /* 1 << mlr_module_kind */
    uint32_t changes;       /* MLR_CHANGE_BIT() of a change, MLR_FLAG_BIT() of a flag */
} mlr_condition;

#define MLR_CHANGE_BIT(change) (1U << (change))
#define MLR_FLAG_BIT(flag)     ((uint32_t)(flag) << 8)

/* The part of a choice that somebody settled. */
typedef struct mlr_setting {
    mlr_choice choice;
    bool has_strategy, has_level, has_dict, has_block;
} mlr_setting;

typedef struct mlr_rule {
    const char *label; /* for people; never NULL */
    mlr_condition when;
    mlr_setting then;
    uint32_t line; /* in the file; 0: it has none */
    bool off;      /* switched off: matches nothing */
} mlr_rule;

/* Identifier, name in reports, unit of its figures, what holds when it does. */
#define MLR_CHECK_TABLE(X)                                                                 \
    X(MLR_CHECK_BASE, "base", "", "the base is the one that is expected")                  \
    X(MLR_CHECK_FROZEN, "frozen", "tensors", "frozen tensors do not change")               \
    X(MLR_CHECK_ONLY, "only", "tensors", "only the listed tensors change")                 \
    X(MLR_CHECK_NAN, "no-new-nan", "tensors", "no tensor gains NaN values")                \
    X(MLR_CHECK_INF, "no-new-inf", "tensors", "no tensor gains infinite values")           \
    X(MLR_CHECK_CHANGED_LAYERS, "changed-layers", "layers", "few enough layers change")    \
    X(MLR_CHECK_CHANGED_TENSORS, "changed-tensors", "tensors",                             \
      "few enough tensors change")                                                         \
    X(MLR_CHECK_CHANGED_ELEMENTS, "changed-elements", "elements",                          \
      "few enough elements change")                                                        \
    X(MLR_CHECK_CHANGED_SHARE, "changed-share", "millionths",                              \
      "a small enough share of the elements changes")                                      \
    X(MLR_CHECK_PATCH_SIZE, "patch-size", "bytes", "the patch is small enough")            \
    X(MLR_CHECK_PATCH_RATIO, "patch-ratio", "millionths",                                  \
      "the patch is small enough beside the new model")                                    \
    X(MLR_CHECK_MEMORY, "apply-memory", "bytes", "applying fits into memory")              \
    X(MLR_CHECK_TIME, "apply-time", "microseconds", "decoding is fast enough")

typedef enum mlr_check_kind {
#define MLR_CHECK_ENUM(id, name, unit, text) id,
    MLR_CHECK_TABLE(MLR_CHECK_ENUM)
#undef MLR_CHECK_ENUM
        MLR_CHECK_COUNT
} mlr_check_kind;

/* One gate or budget. */
typedef struct mlr_bound {
    bool set;
    uint64_t most;         /* 0 for gates */
    uint32_t line, column; /* in the file; 0: it has none */
} mlr_bound;

typedef struct mlr_profile {
    const mlr_device *device; /* NULL: not said */
    const char *dict_path;    /* NULL: not said */
    bool embed_dict;
    uint32_t small_bytes; /* tensors below travel with the structure; MLR_ALL_SMALL: all;
                             0: not said */
    mlr_setting defaults;
    const mlr_rule *rules;
    size_t rule_count;
    mlr_bound bound[MLR_CHECK_COUNT];
    mlr_str_list frozen, only; /* patterns */
    const uint8_t (*base)[32]; /* digests of the base's members, in order */
    size_t base_count;
} mlr_profile;

/* Never NULL. */
const char *mlr_check_name(unsigned kind);
const char *mlr_check_unit(unsigned kind);
const char *mlr_check_text(unsigned kind);

/* '*' stands for any characters, '?' for one; everything else for itself. Time is at most
   the product of both lengths. */
bool mlr_glob(mlr_str pattern, mlr_str text);

/* Whether any pattern of the list is that of the tensor's key or name. */
bool mlr_listed(const mlr_str_list *list, const mlr_tensor *t);

/* The tensor that a pairing is about: the new one, or the old one where that was removed.
 */
const mlr_tensor *mlr_pairing_tensor(const mlr_matching *m, size_t pair);

/* NULL where the condition holds of a pairing; else what it fails by: "names", "dtype". */
const char *mlr_condition_fails(const mlr_condition *c, const mlr_matching *m, size_t pair);

/* NULL where a rule is in force and its condition holds; else what it fails by: "enabled".
 */
const char *mlr_rule_fails(const mlr_rule *r, const mlr_matching *m, size_t pair);

/* The rule that decides about a pairing: an index below rule_count, or rule_count. */
size_t mlr_profile_rule_of(const mlr_profile *p, const mlr_matching *m, size_t pair);

/* What was settled replaces what `choice` says. */
void mlr_setting_apply(const mlr_setting *s, mlr_choice *choice);

/* The context of mlr_profile_choose(). */
typedef struct mlr_profile_chooser {
    const mlr_profile *profile;
    mlr_choice fallback; /* where the profile says nothing */
} mlr_profile_chooser;

/* An mlr_plan_options.choose: defaults, then the first rule that matches. */
bool mlr_profile_choose(void *chooser, const mlr_matching *m, size_t pair,
                        mlr_choice *choice);

#endif
