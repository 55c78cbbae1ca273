/* The report of an export: what was promised and what came out, tensor by tensor. */
#ifndef MLR_TUI_EXPORT_REPORT_H
#define MLR_TUI_EXPORT_REPORT_H

#include "tui/exporter.h"

/* Writes e->wish.report from e->own: Markdown where it ends in ".md", else JSON
   (mallorn.export/1). */
mlr_status mlr_export_report_write(const mlr_exporter *e, mlr_err *err);

#endif
