/*
 * Forecasts remembered between runs, one file for a pair of models under the cache folder.
 * Only forecasts read it, so whatever it holds it cannot change a patch. Entries are
 * checked one by one: a damaged one, or one of another library version, is a miss.
 */
#ifndef MLR_TUI_CLI_FORECAST_CACHE_H
#define MLR_TUI_CLI_FORECAST_CACHE_H

#include "codec/forecast.h"
#include "formats/open.h"

typedef struct mlr_forecast_cache mlr_forecast_cache;

/* Where the files are; NULL where neither XDG_CACHE_HOME nor HOME is an absolute path. */
const char *mlr_forecast_folder(char *to, size_t room, const char *(*env)(const char *));

/* Files kept in the folder, entries kept in a file. */
enum { MLR_CACHE_FILES = 64, MLR_CACHE_ENTRIES = 32768 };

/*
 * Reads what is known of these two models as they are now (device, inode, size and times of
 * every file). NULL where memory is short: then nothing is remembered, and that is no
 * error. `folder` may not exist yet.
 */
mlr_forecast_cache *mlr_forecast_cache_open(const char *folder, const mlr_opened *old_model,
                                            const mlr_opened *new_model,
                                            const mlr_allocator *alloc);

/* What is asked: `key` tells the tensor, on both sides. */
typedef struct mlr_forecast_key {
    const mlr_plan *plan;
    const mlr_device *device;
    uint32_t pair;
    const mlr_choice *choice;
    mlr_effort effort;
    bool timed; /* speeds are wanted as well */
} mlr_forecast_key;

/* False: not known. Both may be called by any thread; a NULL cache knows nothing. */
bool mlr_forecast_cache_get(mlr_forecast_cache *c, const mlr_forecast_key *k,
                            mlr_prediction *out);
void mlr_forecast_cache_put(mlr_forecast_cache *c, const mlr_forecast_key *k,
                            const mlr_prediction *p);

/*
 * A forecast of a tensor from the cache or, where it is not there, made and put there: what
 * mlr_predict_tensor() says, but speeds may be those of an earlier run.
 */
mlr_status mlr_predict_remembered(mlr_forecast_cache *c, const mlr_predictor *p,
                                  uint32_t pair, const mlr_choice *choice,
                                  mlr_effort effort, mlr_prediction *out, mlr_err *err);

/*
 * The models have been read whole: the SHA-256 of what they hold. Forecasts that were made
 * of other contents are forgotten; those made before anyone knew stay.
 */
void mlr_forecast_cache_confirm(mlr_forecast_cache *c,
                                const uint8_t contents[MLR_SHA256_BYTES]);

/* Writes what is new, by a temporary file that is renamed; failures are silent. Then
   removes the oldest files beyond MLR_CACHE_FILES. */
void mlr_forecast_cache_keep(mlr_forecast_cache *c);

/* The same, and releases the cache. NULL is fine. */
void mlr_forecast_cache_close(mlr_forecast_cache *c);

/* Sizes in a cache file, and how many entries it held that were whole: for tests. */
enum { MLR_CACHE_HEAD = 80, MLR_CACHE_ENTRY = 72 };
size_t mlr_forecast_cache_count(const mlr_forecast_cache *c);

#endif
