/*
 * A verdict as files and lines for machines that build things: JSON, Markdown, JUnit XML,
 * annotations and the step summary of GitHub Actions. Nothing of a model's names can break
 * out of any of them.
 */
#ifndef MLR_TUI_CLI_GATE_REPORT_H
#define MLR_TUI_CLI_GATE_REPORT_H

#include "codec/verdict.h"
#include "tui/cli/cli.h"

typedef enum mlr_report_kind {
    MLR_REPORT_JSON,
    MLR_REPORT_MARKDOWN,
    MLR_REPORT_JUNIT
} mlr_report_kind;

typedef struct mlr_report {
    const mlr_verdict *verdict;
    const mlr_profile *profile;
    const mlr_matching *matching;     /* names of tensors */
    const mlr_patch_figures *figures; /* NULL: no patch was made */
    const char *profile_path, *old_path, *new_path;
    const char *patch_path; /* NULL: none is written */
} mlr_report;

/* The kind by "json=FILE", "md=FILE", "junit=FILE", or by the suffix .json, .md, .xml; the
   rest of the word in *path. False where neither tells. */
bool mlr_report_kind_of(const char *word, mlr_report_kind *kind, const char **path);

/* Replaces the file, whole or not at all. */
mlr_status mlr_report_write(const mlr_report *r, mlr_report_kind kind, const char *path,
                            mlr_cli *cli, mlr_err *err);

/* One error line for each broken check and a step summary, where GITHUB_ACTIONS is set;
   nothing elsewhere. */
void mlr_report_annotate(const mlr_report *r, mlr_cli *cli);

/* "frozen: 2 tensors change, 0 allowed: 'a.weight', 'b.weight'": into `to`, printable. */
void mlr_check_sentence(const mlr_check *c, const mlr_matching *m, char *to, size_t room);

/* `text` as the message of a workflow command, or as one of its properties. */
void mlr_github_escape(FILE *to, const char *text, bool property);

#endif
