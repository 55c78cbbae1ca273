#include "tui/choice_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/base/xxh64.h"
#include "apply/decoder.h"
#include "apply/host/file.h"
#include "codec/plan.h"
#include "codec/strategy.h"

static const char first_line[] = "mallorn choices 1\n";

enum { MOST_BYTES = 64 << 20 };

const char *mlr_strategy_word(int strategy)
{
    if (strategy == MLR_AUTO) {
        return "auto";
    }
    if (strategy == MLR_NEURAL) {
        return "best-aware";
    }
    const mlr_decoder *d = strategy < 0 ? NULL : mlr_decoder_get((unsigned)strategy);
    return d == NULL ? "-" : d->name;
}

static bool read_strategy(const char *word, int16_t *out)
{
    int id = strcmp(word, "auto") == 0         ? MLR_AUTO
             : strcmp(word, "best-aware") == 0 ? MLR_NEURAL
                                               : mlr_strategy_named(word);
    *out = (int16_t)id;
    return id != -1 || strcmp(word, "auto") == 0;
}

/* --- where ------------------------------------------------------------------------------
 */

static void absolute(const char *path, char *to, size_t room)
{
    char *real = realpath(path, NULL);
    snprintf(to, room, "%s", real == NULL ? path : real);
    free(real);
}

static void make_folders(const char *folder)
{
    char path[1200];
    snprintf(path, sizeof path, "%s", folder);
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700); /* what is missing shows when the file is opened */
            *p = '/';
        }
    }
    (void)mkdir(path, 0700);
}

void mlr_choice_log_open(mlr_choice_log *l, const char *folder, const char *old_path,
                         const char *new_path, const mlr_allocator *alloc)
{
    char both[2 * 4097 + 1];
    *l = (mlr_choice_log){.alloc = alloc};
    if (folder == NULL || folder[0] == '\0' || strlen(folder) > 1000) {
        return;
    }
    absolute(old_path, both, 4097);
    size_t n = strlen(both) + 1;
    absolute(new_path, both + n, 4097);
    n += strlen(both + n);
    snprintf(l->path, sizeof l->path, "%s/choices/%016llx", folder,
             (unsigned long long)mlr_xxh64_of(both, n));
}

/* --- writing ----------------------------------------------------------------------------
 */

/* One write per entry, so that a kill leaves whole entries but for the last. */
static bool append(mlr_choice_log *l, const char *bytes, size_t n)
{
    if (l->path[0] == '\0' || l->broken) {
        return false;
    }
    if (!l->begun) {
        char folder[sizeof l->path];
        snprintf(folder, sizeof folder, "%s", l->path);
        *strrchr(folder, '/') = '\0';
        make_folders(folder);
    }
    int fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    if (ok && !l->begun) {
        struct stat st;
        ok = fstat(fd, &st) == 0 &&
             (st.st_size > 0 ||
              write(fd, first_line, sizeof first_line - 1) == sizeof first_line - 1);
    }
    ok = ok && write(fd, bytes, n) == (ssize_t)n;
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    l->begun = true;
    l->broken = !ok;
    return ok;
}

bool mlr_choice_log_word(mlr_choice_log *l, const char *word)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%s\n", word);
    return append(l, line, (size_t)n);
}

bool mlr_choice_log_budgets(mlr_choice_log *l, const mlr_budgets *b)
{
    char line[96];
    int n =
        snprintf(line, sizeof line, "budgets %llu %llu %llu\n", (unsigned long long)b->size,
                 (unsigned long long)b->memory, (unsigned long long)b->decode_ms);
    return append(l, line, (size_t)n);
}

bool mlr_choice_log_profile(mlr_choice_log *l, const char *path)
{
    char line[1100];
    int n = snprintf(line, sizeof line, "profile %s\n", path);
    bool fits = n > 0 && (size_t)n < sizeof line && strchr(path, '\n') == NULL;
    return fits && append(l, line, (size_t)n);
}

/* "mix,d,b65536": the strategy, with the dictionary, in blocks of so many bytes. */
static const char *pick_word(mlr_pick p, char *to, size_t room)
{
    char block[16] = "";
    if (p.block_bytes != 0) {
        snprintf(block, sizeof block, ",b%u", p.block_bytes);
    }
    snprintf(to, room, "%s%s%s", p.level == 0 ? "-" : mlr_strategy_word(p.strategy),
             p.dict != 0 ? ",d" : "", block);
    return to;
}

bool mlr_choice_log_step(mlr_choice_log *l, const mlr_choices *c, const mlr_step *s,
                         const mlr_ui_rows *rows)
{
    enum { FIELDS = 96 }; /* bytes of a line beside the name */
    bool ruled = s->text_before != s->text_after;
    size_t room = 192 + (ruled ? c->text[s->text_after].n : 0);
    for (size_t i = 0; i < s->count; i++) {
        room += FIELDS + rows->row[c->change[s->first + i].row].name.n;
    }
    char *text = mlr_take(l->alloc, room);
    if (text == NULL) {
        l->broken = true;
        return false;
    }
    size_t n = (size_t)snprintf(text, room, "step %s\n", s->label);
    if (ruled) {
        const mlr_rules_text *t = &c->text[s->text_after];
        n += (size_t)snprintf(text + n, room - n, "rules %zu\n", t->n);
        memcpy(text + n, t->bytes, t->n);
        n += t->n;
        text[n++] = '\n';
    }
    for (size_t i = 0; i < s->count; i++) {
        const mlr_pick_change *k = &c->change[s->first + i];
        mlr_str name = rows->row[k->row].name;
        char word[48];
        n += (size_t)snprintf(text + n, room - n, "%s %u %zu ",
                              pick_word(k->after, word, sizeof word), k->after.level,
                              (size_t)name.n);
        memcpy(text + n, name.p, name.n);
        n += name.n;
        text[n++] = '\n';
    }
    n += (size_t)snprintf(text + n, room - n, "end\n");
    bool ok = append(l, text, n);
    mlr_give(l->alloc, text, room);
    return ok;
}

/* --- reading ----------------------------------------------------------------------------
 */

/* Rows by name, and the text that is left. */
typedef struct reader {
    const char *p, *end;
    const mlr_ui_rows *rows;
    uint32_t *by_name;
    size_t count;
    mlr_choices *choices;
} reader;

static int compare_str(mlr_str a, mlr_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_rows(const void *pa, const void *pb, void *ctx)
{
    const mlr_ui_row *row = ctx;
    return compare_str(row[*(const uint32_t *)pa].name, row[*(const uint32_t *)pb].name);
}

static size_t find_row(const reader *r, mlr_str name)
{
    size_t from = 0;
    size_t to = r->count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        int c = compare_str(r->rows->row[r->by_name[mid]].name, name);
        if (c == 0) {
            return r->by_name[mid];
        }
        from = c < 0 ? mid + 1 : from;
        to = c < 0 ? to : mid;
    }
    return r->rows->count;
}

/* The line at r->p without its end, or NULL where it has none. */
static const char *take_line(reader *r, size_t *n)
{
    const char *line = r->p;
    const char *stop = memchr(line, '\n', (size_t)(r->end - line));
    if (stop == NULL) {
        return NULL;
    }
    *n = (size_t)(stop - line);
    r->p = stop + 1;
    return line;
}

static bool read_pick(char *word, unsigned level, mlr_pick *p)
{
    char *block = strstr(word, ",b");
    *p = (mlr_pick){.level = (uint8_t)level};
    if (block != NULL) {
        *block = '\0';
        p->block_bytes = (uint32_t)strtoul(block + 2, NULL, 10);
    }
    char *dict = strstr(word, ",d");
    if (dict != NULL) {
        *dict = '\0';
        p->dict = 1;
    }
    return level == 0 || read_strategy(word, &p->strategy);
}

/* "rules 120", then so many bytes and the end of a line. */
static bool read_rules(reader *r, bool apply)
{
    char head[32] = "";
    size_t n = 0;
    int used = 0;
    size_t left = (size_t)(r->end - r->p);
    memcpy(head, r->p, left < sizeof head - 1 ? left : sizeof head - 1);
    if (sscanf(head, "rules %zu%n", &n, &used) != 1 || head[used] != '\n') {
        return true; /* a step without */
    }
    left -= (size_t)used + 1;
    const char *text = r->p + used + 1;
    if (n >= left || text[n] != '\n') {
        return false;
    }
    r->p = text + n + 1;
    if (apply) {
        mlr_choices_set_text(r->choices, text, n);
    }
    return true;
}

/* "mix 19 12 model.weight": false at the end of the step or where it is no such line. */
static bool read_change(reader *r, bool apply)
{
    char word[48];
    unsigned level = 0;
    size_t name_bytes = 0;
    int used = 0;
    char head[112];
    size_t n = (size_t)(r->end - r->p) < sizeof head - 1 ? (size_t)(r->end - r->p)
                                                         : sizeof head - 1;
    memcpy(head, r->p, n);
    head[n] = '\0';
    if (sscanf(head, "%47[^ \n] %u %zu%n", word, &level, &name_bytes, &used) != 3 ||
        head[used] != ' ' || level > 22) {
        return false;
    }
    const char *name = r->p + used + 1;
    if (name_bytes >= (size_t)(r->end - name) || name[name_bytes] != '\n') {
        return false;
    }
    r->p = name + name_bytes + 1;
    mlr_pick pick;
    size_t row = find_row(r, (mlr_str){name, (uint32_t)name_bytes});
    bool known = read_pick(word, level, &pick);
    if (apply && known && row < r->rows->count) {
        mlr_choices_set(r->choices, (uint32_t)row, pick);
    }
    return true;
}

static bool at_end_word(const reader *r)
{
    return r->end - r->p >= 4 && memcmp(r->p, "end\n", 4) == 0;
}

/* A step counts only as a whole. */
static bool read_step(reader *r, const char *label, size_t n)
{
    const char *changes = r->p;
    if (!read_rules(r, false)) {
        return false;
    }
    while (!at_end_word(r)) {
        if (!read_change(r, false)) {
            return false;
        }
    }
    char text[56];
    snprintf(text, sizeof text, "%.*s", (int)(n < 55 ? n : 55), label);
    r->p = changes;
    mlr_choices_begin(r->choices, text);
    (void)read_rules(r, true);
    while (!at_end_word(r)) {
        (void)read_change(r, true);
    }
    (void)mlr_choices_end(r->choices);
    r->p += 4;
    return true;
}

static bool read_entry(reader *r, mlr_choice_log *l, mlr_budgets *b)
{
    size_t n = 0;
    const char *line = take_line(r, &n);
    unsigned long long size = 0;
    unsigned long long memory = 0;
    unsigned long long decode = 0;
    if (line == NULL) {
        return false;
    }
    if (n >= 5 && memcmp(line, "step ", 5) == 0) {
        return read_step(r, line + 5, n - 5);
    }
    if (n > 8 && n < 8 + sizeof l->profile && memcmp(line, "profile ", 8) == 0) {
        snprintf(l->profile, sizeof l->profile, "%.*s", (int)(n - 8), line + 8);
    } else if (n == 4 && memcmp(line, "undo", 4) == 0) {
        (void)mlr_choices_undo(r->choices);
    } else if (n == 4 && memcmp(line, "redo", 4) == 0) {
        (void)mlr_choices_redo(r->choices);
    } else if (n < 96 &&
               sscanf(line, "budgets %llu %llu %llu", &size, &memory, &decode) == 3) {
        *b = (mlr_budgets){size, memory, decode};
    }
    return true;
}

/* What follows the last whole entry would spoil the next one. */
static void cut(mlr_choice_log *l, size_t whole, size_t size)
{
    if (whole < size && truncate(l->path, (off_t)whole) != 0) {
        l->broken = true;
    }
}

size_t mlr_choice_log_replay(mlr_choice_log *l, mlr_choices *c, mlr_budgets *b,
                             const mlr_ui_rows *rows)
{
    mlr_file f = {0};
    mlr_err err = {0};
    if (l->path[0] == '\0' || mlr_file_open(&f, l->path, NULL, &err) != MLR_OK) {
        return 0;
    }
    size_t n = f.source.size > MOST_BYTES ? 0 : (size_t)f.source.size;
    size_t index_bytes = (rows->count + 1) * sizeof(uint32_t);
    char *bytes = mlr_take(l->alloc, n + 1);
    uint32_t *index = mlr_take(l->alloc, index_bytes);
    if (bytes != NULL && index != NULL &&
        f.source.read_at(f.source.ctx, 0, bytes, n, &err) == MLR_OK) {
        bytes[n] = '\0';
        reader r = {bytes, bytes + n, rows, index, 0, c};
        for (size_t i = 0; i < rows->count; i++) {
            if (rows->row[i].new_tensor != NULL) {
                index[r.count++] = (uint32_t)i;
            }
        }
        qsort_r(index, r.count, sizeof *index, compare_rows, rows->row);
        const char *whole = r.p;
        size_t head = sizeof first_line - 1;
        if (n >= head && memcmp(r.p, first_line, head) == 0) {
            do {
                whole = r.p = r.p == bytes ? bytes + head : r.p;
            } while (r.p < r.end && read_entry(&r, l, b));
        }
        cut(l, (size_t)(whole - bytes), n);
    }
    mlr_give(l->alloc, bytes, n + 1);
    mlr_give(l->alloc, index, index_bytes);
    mlr_file_close(&f);
    return c->done;
}
