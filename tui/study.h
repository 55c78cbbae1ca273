/*
 * One tensor examined closely: measured, mapped down to single elements, read as bytes, and
 * forecast with every strategy. The work runs as a job of its own; what it finds is shown
 * from the UI thread once it is complete.
 */
#ifndef MLR_TUI_STUDY_H
#define MLR_TUI_STUDY_H

#include "analysis/cells.h"
#include "analysis/hints.h"
#include "apply/host/threads.h"
#include "codec/forecast.h"
#include "tui/cli/forecast_cache.h"
#include "tui/job.h"

enum {
    MLR_STUDY_MAP = 64,      /* most cells of a map on a side */
    MLR_STUDY_BYTES = 4096,  /* of each side, that the byte view holds */
    MLR_STUDY_FORECASTS = 32 /* rows of strategy and level */
};

typedef struct mlr_study_facts {
    mlr_measure measure;
    mlr_detail detail;
    mlr_low_rank low_rank;
    mlr_hint hint[MLR_HINT_COUNT];
    unsigned hints;
} mlr_study_facts;

/* A window of the tensor as cells, row by row. */
typedef struct mlr_study_map {
    mlr_cells_window window; /* cell_rows 0: nothing to show */
    mlr_cell cell[MLR_STUDY_MAP * MLR_STUDY_MAP];
} mlr_study_map;

/* Bytes round an element, both sides from the same unit on. */
typedef struct mlr_study_bytes {
    uint64_t element;          /* in the compared part: the one that was asked for */
    uint64_t old_off, new_off; /* in the payloads, of the first byte held */
    uint64_t old_at, new_at;   /* in the payloads, of the element */
    size_t old_n, new_n;       /* bytes held; 0: that side has none there */
    uint8_t old_bytes[MLR_STUDY_BYTES], new_bytes[MLR_STUDY_BYTES];
} mlr_study_bytes;

typedef enum mlr_study_verdict {
    MLR_STUDY_FITS,
    MLR_STUDY_TOO_LARGE, /* needs more memory than the device has, or suits no such data */
    MLR_STUDY_FAILED
} mlr_study_verdict;

typedef struct mlr_study_forecast {
    uint8_t strategy, level, verdict; /* mlr_study_verdict */
    mlr_prediction p;
} mlr_study_forecast;

/* What may be asked for; several at once. */
enum {
    MLR_STUDY_MEASURE = 1,
    MLR_STUDY_CELLS = 2,
    MLR_STUDY_HEX = 4,
    MLR_STUDY_EXACT = 8,
    MLR_STUDY_FORECAST = 16
};

typedef struct mlr_study_results {
    mlr_study_facts facts;
    mlr_study_map map;
    mlr_study_bytes bytes;
} mlr_study_results;

typedef struct mlr_study_order {
    mlr_cells_window window;
    uint64_t element;
    uint8_t strategy, level;
} mlr_study_order;

typedef struct mlr_study {
    const mlr_allocator *alloc; /* borrowed, thread-safe */
    mlr_job job;
    mlr_threads *threads;
    mlr_clock clock;           /* NULL: speeds stay unknown */
    mlr_forecast_cache *cache; /* borrowed; NULL: nothing is known from before */
    /* What is looked at. */
    mlr_pair pair;
    uint32_t index;               /* of the pairing */
    const mlr_matching *matching; /* NULL: not complete yet, so nothing can be forecast */
    /* What is known. */
    bool measured, mapped, read, forecast_done;
    mlr_study_facts facts;
    mlr_study_map map;
    mlr_study_bytes bytes;
    mlr_study_forecast forecast[MLR_STUDY_FORECASTS]; /* smallest first */
    size_t forecasts;
    const char *no_forecast; /* why there is none; NULL: there is, or may be */
    mlr_err err;             /* of the work that failed last; MLR_OK: none */
    /* What is wanted, and what runs. */
    unsigned wants, runs;
    mlr_study_order wanted;
    /* The worker's until the job has ended. */
    mlr_study_order order;
    mlr_study_results *work;
    mlr_plan plan; /* in the pool, once `planned` */
    mlr_pool pool;
    bool planned;
    mlr_study_forecast known[MLR_STUDY_FORECASTS];
    size_t known_count;
    const char *why_none;
} mlr_study;

mlr_status mlr_study_init(mlr_study *s, const mlr_allocator *alloc, int wake_fd,
                          mlr_err *err);

/* Ends its work and forgets the tensor; the models may close then. */
void mlr_study_halt(mlr_study *s);
void mlr_study_release(mlr_study *s);

/* Looks at another pair: what was known is forgotten, measuring and mapping begin. */
void mlr_study_look(mlr_study *s, const mlr_pair *pair, uint32_t index);

/* Stage B of the matching is complete: from now on forecasts can be made. `cache` is
   borrowed, NULL where nothing is known from before; only the first call counts. */
void mlr_study_match(mlr_study *s, const mlr_matching *m, mlr_forecast_cache *cache);

void mlr_study_zoom(mlr_study *s, const mlr_cells_window *window);
void mlr_study_hex(mlr_study *s, uint64_t element);
void mlr_study_exact(mlr_study *s, uint8_t strategy, uint8_t level);

/* The whole tensor as a map again. */
void mlr_study_whole(mlr_study *s);

/* Takes what the job brought and starts what is wanted next; whether work goes on. */
bool mlr_study_poll(mlr_study *s);

/* Payload offset of an element of the compared part; rows are `cols` elements long there.
 */
uint64_t mlr_study_offset(const mlr_tensor *t, uint64_t element, uint64_t cols);

/* Neither smaller nor faster nor leaner than some other row. */
bool mlr_study_dominated(const mlr_study *s, size_t i);

#endif
