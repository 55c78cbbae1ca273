#include "tui/cli/table.h"

#include <stdbool.h>
#include <string.h>

#include "tui/cli/text.h"

enum { GAP = 2, LEAST_ELASTIC = 12 };

unsigned mlr_table_limit(const mlr_cli *cli)
{
    return cli->out_tty ? cli->width : 0;
}

static void get_row(const mlr_table *t, size_t i, mlr_row *row)
{
    for (size_t c = 0; c < t->columns; c++) {
        row->cell[c][0] = '\0';
    }
    t->row(t->ctx, i, row);
}

static void widen(size_t *width, const char *text)
{
    size_t n = mlr_text_columns(text);
    *width = n > *width ? n : *width;
}

static void measure(const mlr_table *t, size_t *width, mlr_row *row)
{
    for (size_t c = 0; c < t->columns; c++) {
        width[c] = 0;
        widen(&width[c], t->column[c].title);
    }
    for (size_t i = 0; i < t->rows; i++) {
        get_row(t, i, row);
        for (size_t c = 0; c < t->columns; c++) {
            widen(&width[c], row->cell[c]);
        }
    }
}

/* Takes from the elastic column what the line is too long. */
static void fit(const mlr_table *t, size_t *width)
{
    size_t total = t->indent + (t->columns - 1) * GAP;
    for (size_t c = 0; c < t->columns; c++) {
        total += width[c];
    }
    if (t->max_width == 0 || total <= t->max_width) {
        return;
    }
    size_t over = total - t->max_width;
    for (size_t c = 0; c < t->columns; c++) {
        mlr_align align = t->column[c].align;
        if ((align == MLR_ELASTIC || align == MLR_NAMES) && width[c] > LEAST_ELASTIC) {
            size_t give = width[c] - LEAST_ELASTIC;
            width[c] -= over < give ? over : give;
            return;
        }
    }
}

static bool rest_is_empty(const mlr_table *t, const mlr_row *row, size_t from)
{
    for (size_t c = from; c < t->columns; c++) {
        if (row->cell[c][0] != '\0') {
            return false;
        }
    }
    return true;
}

static void print_line(const mlr_table *t, mlr_cli *cli, mlr_row *row, const size_t *width,
                       bool header)
{
    fprintf(cli->out, "%*s", (int)t->indent, "");
    for (size_t c = 0; c < t->columns && !rest_is_empty(t, row, c); c++) {
        char *text = row->cell[c];
        size_t most = width[c] < 5 ? 5 : width[c];
        if (t->column[c].align == MLR_NAMES) {
            mlr_text_elide_name(text, MLR_TABLE_CELL, most, cli->utf8);
        } else {
            mlr_text_elide(text, MLR_TABLE_CELL, most, cli->utf8);
        }
        size_t columns = mlr_text_columns(text);
        size_t pad = columns < width[c] ? width[c] - columns : 0;
        bool right = t->column[c].align == MLR_RIGHT;
        bool last = rest_is_empty(t, row, c + 1);
        mlr_style style = header ? MLR_STYLE_DIM : t->column[c].style;
        fprintf(cli->out, "%*s%s%s%s%*s", right ? (int)pad : 0, "", mlr_cli_on(cli, style),
                text, mlr_cli_off(cli, style), right || last ? 0 : (int)pad, "");
        if (!last) {
            fprintf(cli->out, "%*s", GAP, "");
        }
    }
    putc('\n', cli->out);
}

void mlr_table_print(const mlr_table *t, mlr_cli *cli)
{
    size_t width[MLR_TABLE_COLUMNS];
    mlr_row row;
    measure(t, width, &row);
    fit(t, width);
    for (size_t c = 0; c < t->columns; c++) {
        (void)snprintf(row.cell[c], sizeof row.cell[c], "%s", t->column[c].title);
    }
    if (!rest_is_empty(t, &row, 0)) {
        print_line(t, cli, &row, width, true);
    }
    for (size_t i = 0; i < t->rows && !mlr_cli_output_lost(cli); i++) {
        get_row(t, i, &row);
        print_line(t, cli, &row, width, false);
    }
}
