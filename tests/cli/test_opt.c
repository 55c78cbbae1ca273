/* Options: what is accepted, what is refused, and with which words. */
#include "tests/support/test.h"

#include <string.h>

#include "apply/host/heap.h"
#include "tui/cli/opt.h"

typedef struct values {
    bool all, brief;
    const char *out;
    uint64_t size, count;
    unsigned when;
    mlr_opt_list map;
} values;

static const mlr_opt table[] = {
    {.name = "all", .letter = 'a', .kind = MLR_OPT_FLAG, .field = offsetof(values, all)},
    {.name = "brief",
     .letter = 'b',
     .kind = MLR_OPT_FLAG,
     .field = offsetof(values, brief)},
    {.name = "output",
     .letter = 'o',
     .kind = MLR_OPT_FILE,
     .metavar = "FILE",
     .field = offsetof(values, out)},
    {.name = "max-size",
     .kind = MLR_OPT_SIZE,
     .metavar = "N",
     .field = offsetof(values, size),
     .fallback = "64K",
     .least = 16},
    {.name = "count",
     .letter = 'n',
     .kind = MLR_OPT_NUMBER,
     .metavar = "N",
     .field = offsetof(values, count),
     .least = 1,
     .most = 9},
    {.name = "when",
     .kind = MLR_OPT_CHOICE,
     .metavar = "WHEN",
     .field = offsetof(values, when),
     .fallback = "auto",
     .choices = "never|auto|always"},
    {.name = "map",
     .kind = MLR_OPT_EACH,
     .metavar = "OLD=NEW",
     .field = offsetof(values, map)},
};

typedef struct fixture {
    mlr_heap heap;
    mlr_pool pool;
    mlr_cli cli;
    values v;
    mlr_args args;
    mlr_err err;
} fixture;

static fixture f;

static int begin(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    mlr_heap_init(&f.heap);
    mlr_pool_init(&f.pool, &f.heap.alloc);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mlr_pool_release(&f.pool);
    return f.heap.used == 0 ? 0 : -1;
}

/* Parses words that end with NULL. */
static mlr_status parse(const char *const *argv)
{
    const mlr_opt_set set = {table, sizeof table / sizeof table[0], &f.v};
    const mlr_opt_parser p = {.set = &set, .sets = 1, .pool = &f.pool, .cli = &f.cli};
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    return mlr_opt_parse(&p, argc, argv, &f.args, &f.err);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *sentence)
{
    assert_int_equal(f.err.status, MLR_E_USAGE);
    assert_string_equal(f.cli.message, sentence);
}

static void gives_defaults(void **state)
{
    (void)state;
    assert_int_equal(PARSE("x"), MLR_OK);
    assert_int_equal(f.v.size, 65536);
    assert_int_equal(f.v.when, 1);
    assert_false(f.v.all);
    assert_null(f.v.out);
}

static void reads_long_options_with_and_without_equals(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--output=a=b", "--max-size", "1M", "--when=never"), MLR_OK);
    assert_string_equal(f.v.out, "a=b");
    assert_int_equal(f.v.size, 1048576);
    assert_int_equal(f.v.when, 0);
    assert_int_equal(f.args.count, 0);
}

static void reads_clustered_letters_and_attached_values(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-abn3", "-oout", "-o", "later"), MLR_OK);
    assert_true(f.v.all && f.v.brief);
    assert_int_equal(f.v.count, 3);
    assert_string_equal(f.v.out, "later");
}

static void keeps_operands_in_order_among_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("one", "-a", "-", "--", "--all", "-z"), MLR_OK);
    assert_int_equal(f.args.count, 4);
    assert_string_equal(f.args.operand[0], "one");
    assert_string_equal(f.args.operand[1], "-");
    assert_string_equal(f.args.operand[2], "--all");
    assert_string_equal(f.args.operand[3], "-z");
}

static void takes_a_dash_word_as_a_value(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-o", "--all"), MLR_OK);
    assert_string_equal(f.v.out, "--all");
    assert_false(f.v.all);
}

static void collects_repeated_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--map", "a=b", "--map=c=d"), MLR_OK);
    assert_int_equal(f.v.map.count, 2);
    assert_string_equal(f.v.map.item[1], "c=d");
}

static void suggests_the_option_that_was_meant(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--max-sice", "1"), MLR_E_USAGE);
    refused("unknown option '--max-sice'; did you mean '--max-size'?");
}

static void suggests_for_an_abbreviation_but_does_not_guess(void **state)
{
    (void)state;
    (void)PARSE("--out=x");
    refused("unknown option '--out'; did you mean '--output'?");
    assert_null(f.v.out);
}

static void suggests_nothing_far_away(void **state)
{
    (void)state;
    (void)PARSE("--zebra");
    refused("unknown option '--zebra'");
}

static void names_an_unknown_letter(void **state)
{
    (void)state;
    (void)PARSE("-az");
    refused("unknown option '-z'");
}

static void makes_unprintable_words_printable(void **state)
{
    (void)state;
    (void)PARSE("--\033[31m");
    refused("unknown option '--\\u{001B}[31m'");
}

static void wants_a_value_where_one_is_due(void **state)
{
    (void)state;
    (void)PARSE("a", "--output");
    refused("option '--output' needs FILE");
}

static void refuses_a_value_for_a_flag(void **state)
{
    (void)state;
    (void)PARSE("--all=yes");
    refused("option '--all' takes no value");
}

static void refuses_a_number_that_is_none(void **state)
{
    (void)state;
    (void)PARSE("-n", "3x");
    refused("option '--count' needs a whole number, not '3x'");
}

static void refuses_a_number_out_of_bounds(void **state)
{
    (void)state;
    (void)PARSE("-n", "10");
    refused("option '--count' must be from 1 to 9, not 10");
}

static void refuses_a_size_below_the_least(void **state)
{
    (void)state;
    (void)PARSE("--max-size=15");
    refused("option '--max-size' must be at least 16, not 15");
}

static void refuses_an_unknown_choice(void **state)
{
    (void)state;
    (void)PARSE("--when", "alway");
    refused("option '--when' knows no 'alway'; did you mean 'always'?");
}

static void lists_choices_where_none_is_close(void **state)
{
    (void)state;
    (void)PARSE("--when", "tomorrow");
    refused("option '--when' is one of never|auto|always, not 'tomorrow'");
}

static void reports_missing_memory(void **state)
{
    (void)state;
    f.heap.fail_at = 1;
    assert_int_equal(PARSE("x"), MLR_E_NO_MEMORY);
}

static void reads_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"7B", 7},
        {"64K", 65536},
        {"64k", 65536},
        {"1M", 1048576},
        {"1MiB", 1048576},
        {"1MB", 1000000},
        {"2GiB", 2147483648},
        {"1TB", 1000000000000},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "K",
                                      "1X",
                                      "1KK",
                                      "1.5M",
                                      " 1",
                                      "1 K",
                                      "0x10",
                                      "1Ki",
                                      "1iB",
                                      "18446744073709551616",
                                      "16777216T"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t n = 1;
        assert_true(mlr_opt_size(good[i].text, &n));
        assert_int_equal(n, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t n = 77;
        assert_false(mlr_opt_size(bad[i], &n));
        assert_int_equal(n, 77);
    }
}

static void measures_distance(void **state)
{
    (void)state;
    assert_int_equal(mlr_opt_distance("", ""), 0);
    assert_int_equal(mlr_opt_distance("abc", ""), 3);
    assert_int_equal(mlr_opt_distance("kitten", "sitting"), 3);
    assert_int_equal(mlr_opt_distance("info", "inof"), 1); /* one transposition */
    assert_int_equal(mlr_opt_distance("diff", "dif"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(gives_defaults),
        CASE(reads_long_options_with_and_without_equals),
        CASE(reads_clustered_letters_and_attached_values),
        CASE(keeps_operands_in_order_among_options),
        CASE(takes_a_dash_word_as_a_value),
        CASE(collects_repeated_options),
        CASE(suggests_the_option_that_was_meant),
        CASE(suggests_for_an_abbreviation_but_does_not_guess),
        CASE(suggests_nothing_far_away),
        CASE(names_an_unknown_letter),
        CASE(makes_unprintable_words_printable),
        CASE(wants_a_value_where_one_is_due),
        CASE(refuses_a_value_for_a_flag),
        CASE(refuses_a_number_that_is_none),
        CASE(refuses_a_number_out_of_bounds),
        CASE(refuses_a_size_below_the_least),
        CASE(refuses_an_unknown_choice),
        CASE(lists_choices_where_none_is_close),
        CASE(reports_missing_memory),
        CASE(reads_sizes),
        CASE(measures_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
