/*
 * Single values of a profile: what may be written for a size, a time, a share, a range, a
 * pattern. Each reader takes a node or says precisely what was expected in its place.
 */
#ifndef MLR_TUI_CLI_PROFILE_VALUE_H
#define MLR_TUI_CLI_PROFILE_VALUE_H

#include "apply/base/pool.h"
#include "codec/profile.h"
#include "tui/cli/yaml.h"

/* What reading needs and where its first complaint goes. */
typedef struct mlr_profile_reader {
    mlr_pool *pool; /* keeps lists and texts of the profile */
    const mlr_yaml *yaml;
    mlr_err *err;
    const char *key;   /* of the value being read, for messages */
    mlr_yaml_at at;    /* of the complaint */
    char message[320]; /* the complaint: one sentence without full stop, printable */
} mlr_profile_reader;

/* Record a complaint about a value, or about its key, and return false. */
bool mlr_value_fail(mlr_profile_reader *r, const mlr_yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool mlr_value_fail_key(mlr_profile_reader *r, const mlr_yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "'level' takes a number from 1 to 22, not 'x'". */
bool mlr_value_expected(mlr_profile_reader *r, const mlr_yaml_node *n, const char *what);

/* Words that a value may be: word(i) is the i-th, NULL behind the last. */
typedef const char *(*mlr_word_at)(size_t i);

/* The place of a text among words; where there is none, a complaint that names the nearest.
   `what` is "a kind of module". */
bool mlr_value_word(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_word_at word,
                    const char *what, size_t *place);

/* The closest of the words to `typed`, or NULL where none is close. */
const char *mlr_nearest_word(const char *typed, mlr_word_at word);

bool mlr_value_bool(mlr_profile_reader *r, const mlr_yaml_node *n, bool *to);
bool mlr_value_number(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds range,
                      uint64_t *to);
bool mlr_value_size(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds range,
                    uint64_t *to);
bool mlr_value_time(mlr_profile_reader *r, const mlr_yaml_node *n,
                    uint64_t *us); /* 250ms, 1.5s, 2min */
bool mlr_value_share(mlr_profile_reader *r, const mlr_yaml_node *n,
                     uint64_t *millionths); /* 12.5% */
bool mlr_value_range(mlr_profile_reader *r, const mlr_yaml_node *n,
                     mlr_bounds *to); /* 7, 3-9, 3-; a '*' is any */
bool mlr_value_text(mlr_profile_reader *r, const mlr_yaml_node *n, const char **to);
bool mlr_value_digest(mlr_profile_reader *r, const mlr_yaml_node *n, uint8_t to[32]);

/* "250ms", "1.5s", "2min" in microseconds; false for anything else and for 0. */
bool mlr_time_text(const char *text, uint64_t *us);

/* Whether a text ends in '%'. */
bool mlr_is_share(const mlr_yaml_node *n);

/* One text or a list of them. */
bool mlr_value_patterns(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_str_list *to);

/* One range or a list of them. */
bool mlr_value_ranges(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_bounds_list *to);

/* One value or the values of a list, each handed to `item`. An empty list is refused. */
typedef bool (*mlr_value_item)(mlr_profile_reader *r, const mlr_yaml_node *n, void *to);
bool mlr_value_each(mlr_profile_reader *r, const mlr_yaml_node *n, mlr_value_item item,
                    void *to);

/* Memory for `n` objects of `size` bytes, or false with the failure recorded. */
bool mlr_value_room(mlr_profile_reader *r, size_t n, size_t size, void *pointer);

#endif
