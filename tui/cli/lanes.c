#include "tui/cli/lanes.h"

#include "apply/host/threads.h"

mlr_status mlr_lanes_begin(mlr_cli *cli, uint64_t count, mlr_threads **threads,
                           mlr_err *err)
{
    *threads = NULL;
    unsigned lanes = count == 0 ? mlr_processors() : (unsigned)count;
    if (lanes < 2) {
        return MLR_OK;
    }
    if (mlr_threads_start(threads, lanes, cli->alloc, err) == MLR_OK) {
        cli->exec = mlr_threads_exec(*threads);
    }
    return err->status;
}

void mlr_lanes_end(mlr_cli *cli, mlr_threads *threads)
{
    if (threads != NULL) {
        cli->exec = NULL;
        mlr_threads_stop(threads);
    }
}
