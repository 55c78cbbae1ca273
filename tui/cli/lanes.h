/* The threads of one command, by --threads and --parallel. */
#ifndef MLR_TUI_CLI_LANES_H
#define MLR_TUI_CLI_LANES_H

#include "tui/cli/cli.h"

struct mlr_threads;

/* Starts `count` lanes (0: one per processor) and makes them the cli's executor. One lane
   starts nothing. `*threads` is released by mlr_lanes_end(). */
mlr_status mlr_lanes_begin(mlr_cli *cli, uint64_t count, struct mlr_threads **threads,
                           mlr_err *err);
void mlr_lanes_end(mlr_cli *cli, struct mlr_threads *threads);

#endif
