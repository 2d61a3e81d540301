#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "log_pipe.h"
#include "wire/json.h"

/* Checks the line "<N>{...}\n" and returns its object. */
static struct berth_json object_of(const char *line, char priority)
{
    size_t n = strlen(line);
    struct berth_json j = { 0 };

    assert_true(n > 4 && n <= LOG_LINE_MAX);
    assert_true(line[0] == '<' && line[1] == priority && line[2] == '>' && line[n - 1] == '\n');
    assert_null(memchr(line, '\n', n - 1));
    assert_int_equal(berth_json_check((berth_str){ line + 3, n - 4 }, &j, NULL), BERTH_OK);
    return j;
}

static bool is(struct berth_json j, const char *name, const char *plain)
{
    return berth_json_is(berth_json_get(j, berth_str_of(name)), berth_str_of(plain));
}

static void test_json_line(void **state)
{
    struct berth_json j;
    int64_t n = 0;

    (void)state;
    log_setup(LOG_INFO, false);
    log_event(LOG_NOTICE, "registration assigned", LOG_TEXT("registrationId", BERTH_STR("sn-007")),
              LOG_TEXT("hub", BERTH_STR("a \"quoted\"\nname")), LOG_TEXT("empty", BERTH_STR("")),
              LOG_NUM("ms", -12));
    j = object_of(log_pipe_read(), '5');
    CHECK("level", is(j, "level", "notice"));
    CHECK("event", is(j, "event", "registration assigned"));
    CHECK("text", is(j, "registrationId", "sn-007"));
    CHECK("escaped", is(j, "hub", "a \"quoted\"\nname"));
    CHECK("empty text is a text", is(j, "empty", ""));
    CHECK("number", berth_json_i64(berth_json_get(j, BERTH_STR("ms")), &n) == BERTH_OK && n == -12);
    CHECK("not cut", berth_json_get(j, BERTH_STR("truncated")).type == BERTH_JSON_ABSENT);
    CHECK("seven digits and Z, in quotes", berth_json_get(j, BERTH_STR("time")).text.n == 30);
}

static void test_no_fields(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    log_write(LOG_ERROR, "bare", NULL, 0);
    CHECK("three members", berth_json_count(object_of(log_pipe_read(), '3')) == 3);
}

static const struct {
    enum log_level level;
    const char *name;
} levels[] = {
    { LOG_ERROR, "error" }, { LOG_WARNING, "warning" }, { LOG_NOTICE, "notice" },
    { LOG_INFO, "info" },   { LOG_DEBUG, "debug" },
};

static void test_levels(void **state)
{
    enum log_level level;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        CHECK(levels[i].name, log_level_of(berth_str_of(levels[i].name), &level));
        CHECK(levels[i].name, level == levels[i].level);
        log_setup(levels[i].level, false);
        log_write(levels[i].level, "at the threshold", NULL, 0);
        CHECK(levels[i].name, is(object_of(log_pipe_read(), (char)('0' + levels[i].level)), "level",
                                 levels[i].name));
        log_write(levels[i].level + 1, "below it", NULL, 0);
        CHECK(levels[i].name, log_pipe_read()[0] == '\0');
    }
    CHECK("no such level", !log_level_of(BERTH_STR("loud"), &level));
}

static void test_text_line(void **state)
{
    const char *line;

    (void)state;
    log_setup(LOG_INFO, true);
    log_event(LOG_WARNING, "file limit", LOG_TEXT("plain", BERTH_STR("a-b/c")),
              LOG_TEXT("blank", BERTH_STR("a b")), LOG_TEXT("command", BERTH_STR("\033[2J")),
              LOG_TEXT("none", BERTH_STR("")), LOG_NUM("files", 1024));
    line = log_pipe_read();
    CHECK("priority", strncmp(line, "<4>", 3) == 0);
    CHECK("clock", line[5] == ':' && line[8] == ':' && line[11] == ' ');
    assert_string_equal(line + 12, "warning file limit plain=a-b/c blank=\"a b\" "
                                   "command=\"\\u001b[2J\" none=\"\" files=1024\n");
    log_setup(LOG_INFO, false);
}

/* JSON escapes neither DEL nor the controls of ISO 8859. */
static void test_no_command(void **state)
{
    const berth_str said = BERTH_STR("a\x7f\xc2\x9b"
                                     "2J\xc3\xa9\xe2\x80\xae");

    (void)state;
    log_setup(LOG_INFO, true);
    log_event(LOG_INFO, "e", LOG_TEXT("id", said));
    assert_string_equal(log_pipe_read() + 12, "info e id=\"a\\u007f\\u009b2J\xc3\xa9\\u202e\"\n");
    log_setup(LOG_INFO, false);
    log_event(LOG_INFO, "e", LOG_TEXT("id", said));
    CHECK("the same value", is(object_of(log_pipe_read(), '6'), "id", said.p));
    CHECK("and no command", strchr(log_pipe_read(), '\x7f') == NULL);
}

static void test_text_at_its_bound(void **state)
{
    char text[LOG_TEXT_MAX + 1];
    struct berth_json j;

    (void)state;
    memset(text, 'x', sizeof text);
    log_event(LOG_ERROR, "e", LOG_TEXT("t", ((berth_str){ text, LOG_TEXT_MAX })));
    j = object_of(log_pipe_read(), '3');
    CHECK("fits", berth_json_get(j, BERTH_STR("t")).text.n == LOG_TEXT_MAX + 2);
    CHECK("fits", berth_json_get(j, BERTH_STR("truncated")).type == BERTH_JSON_ABSENT);
    log_event(LOG_ERROR, "e", LOG_TEXT("t", ((berth_str){ text, LOG_TEXT_MAX + 1 })));
    j = object_of(log_pipe_read(), '3');
    CHECK("cut", berth_json_get(j, BERTH_STR("t")).text.n == LOG_TEXT_MAX + 2);
    CHECK("cut", berth_json_get(j, BERTH_STR("truncated")).type == BERTH_JSON_TRUE);
    memcpy(text + LOG_TEXT_MAX - 1, "\xc3\xa4", 2);
    log_event(LOG_ERROR, "e", LOG_TEXT("t", ((berth_str){ text, LOG_TEXT_MAX + 1 })));
    j = object_of(log_pipe_read(), '3');
    CHECK("no half character", berth_json_get(j, BERTH_STR("t")).text.n == LOG_TEXT_MAX + 1);
}

/* Every length of line around the bound stays one whole JSON object of at most LOG_LINE_MAX. */
static void test_line_at_its_bound(void **state)
{
    char text[LOG_TEXT_MAX];
    struct log_field fields[9];
    bool whole = false, cut = false;

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t last = 1; last <= sizeof text; last++) {
        struct berth_json j;
        bool truncated;

        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            const char *names = "a\0b\0c\0d\0e\0f\0g\0h\0i";
            fields[i] = LOG_TEXT(names + 2 * i, ((berth_str){ text, sizeof text }));
        }
        fields[7].text.n = last;
        fields[8] = LOG_NUM("i", 7);
        log_write(LOG_ERROR, "e", fields, ARRAY_LEN(fields));
        j = object_of(log_pipe_read(), '3');
        truncated = berth_json_get(j, BERTH_STR("truncated")).type == BERTH_JSON_TRUE;
        CHECK("a whole field or none",
              (berth_json_get(j, BERTH_STR("h")).text.n == last + 2) != truncated ||
                  berth_json_get(j, BERTH_STR("i")).type == BERTH_JSON_ABSENT);
        whole = whole || !truncated;
        cut = cut || truncated;
    }
    CHECK("both sides were reached", whole && cut);
}

/* What escapes to six times its length is left out rather than cut within an escape. */
static void test_field_that_never_fits(void **state)
{
    char text[LOG_TEXT_MAX];
    struct berth_json j;

    (void)state;
    memset(text, 1, sizeof text);
    log_event(LOG_ERROR, "e", LOG_TEXT("a", ((berth_str){ text, sizeof text })),
              LOG_TEXT("b", ((berth_str){ text, sizeof text })), LOG_NUM("c", 5));
    j = object_of(log_pipe_read(), '3');
    CHECK("first", berth_json_get(j, BERTH_STR("a")).type == BERTH_JSON_STRING);
    CHECK("left out", berth_json_get(j, BERTH_STR("b")).type == BERTH_JSON_ABSENT);
    CHECK("later ones still come", berth_json_get(j, BERTH_STR("c")).type == BERTH_JSON_NUMBER);
    CHECK("said so", berth_json_get(j, BERTH_STR("truncated")).type == BERTH_JSON_TRUE);
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    log_event(LOG_ERROR, "e",
              LOG_TEXT("t", BERTH_STR("a\xff"
                                      "b")));
    CHECK("replaced", is(object_of(log_pipe_read(), '3'), "t",
                         "a\xef\xbf\xbd"
                         "b"));
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    log_to(-1);
    errno = ENOSPC;
    log_write(LOG_ERROR, "e", NULL, 0);
    assert_int_equal(errno, ENOSPC);
    log_to(log_pipe[1]);
}

static void test_gathered(void **state)
{
    const char *two;

    (void)state;
    log_setup(LOG_INFO, false);
    log_gather(true);
    log_event(LOG_INFO, "one", LOG_NUM("n", 1));
    log_event(LOG_WARNING, "two", LOG_NUM("n", 2));
    CHECK("kept", log_pipe_read()[0] == '\0');
    log_flush();
    two = strstr(log_pipe_read(), "\"two\"");
    CHECK("in order", two != NULL && strstr(log_pipe_got, "\"one\"") < two);
    log_flush();
    CHECK("once", log_pipe_read()[0] == '\0');

    log_event(LOG_INFO, "before", LOG_NUM("n", 3));
    log_event(LOG_ERROR, "a failure", LOG_NUM("n", 4));
    CHECK("a failure is written at once, with what came before",
          strstr(log_pipe_read(), "\"before\"") != NULL &&
              strstr(log_pipe_got, "\"a failure\"") != NULL);

    log_event(LOG_INFO, "the last", LOG_NUM("n", 5));
    log_gather(false);
    CHECK("nothing is left behind", strstr(log_pipe_read(), "\"the last\"") != NULL);
    log_event(LOG_INFO, "at once", LOG_NUM("n", 6));
    CHECK("not kept", strstr(log_pipe_read(), "\"at once\"") != NULL);
}

/* What is written at once fits a pipe as a whole, and ends with a line. */
static void test_gathered_at_the_bound(void **state)
{
    char text[LOG_TEXT_MAX] = { 0 };
    size_t lines, n;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    log_setup(LOG_INFO, false);
    log_gather(true);
    for (lines = 0; lines < 100 && log_pipe_read()[0] == '\0'; lines++)
        log_event(LOG_INFO, "much", LOG_TEXT("text", berth_str_of(text)));
    n = strlen(log_pipe_got);
    CHECK("several lines", lines > 2 && lines < 100);
    CHECK("whole", n <= LOG_LINE_MAX && n > LOG_LINE_MAX / 2 && log_pipe_got[n - 1] == '\n');
    log_gather(false);
}

static void *keep_one(void *barrier)
{
    log_gather(true);
    log_event(LOG_INFO, "of another thread", LOG_NUM("n", 1));
    (void)pthread_barrier_wait(barrier);
    while (pause() == -1)
        continue;
    return NULL;
}

/* As a daemon: two threads have kept a line, one dies of SIGNAL; abort() when it is 0. */
static void die(int number)
{
    const struct rlimit no_core = { 0 };
    pthread_barrier_t both;
    pthread_t other;

    (void)setrlimit(RLIMIT_CORE, &no_core);
    for (int i = 1; i < 32; i++)
        (void)signal(i, SIG_DFL); /* cmocka's */
    log_keep_at_crash();
    log_gather(true);
    log_event(LOG_INFO, "the last", LOG_NUM("n", 2));
    (void)pthread_barrier_init(&both, NULL, 2);
    if (pthread_create(&other, NULL, keep_one, &both) != 0)
        _exit(1);
    (void)pthread_barrier_wait(&both);
    if (number == 0)
        abort();
    (void)raise(number);
    _exit(2);
}

static const struct {
    const char *name;
    int number, want;
    bool kept;
} ends_of_life[] = {
    { "abort", 0, SIGABRT, true },
    { "an assertion's signal", SIGABRT, SIGABRT, true },
    { "a bad access", SIGSEGV, SIGSEGV, true },
    { "a file cut short", SIGBUS, SIGBUS, true },
    { "a division by 0", SIGFPE, SIGFPE, true },
    { "a trap", SIGILL, SIGILL, true },
    { "SIGKILL, which nobody sees", SIGKILL, SIGKILL, false },
};

static void test_dies_of_a_fault(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    for (size_t i = 0; i < ARRAY_LEN(ends_of_life); i++) {
        const char *name = ends_of_life[i].name;
        pid_t child = fork();
        int status;

        if (child == 0)
            die(ends_of_life[i].number);
        assert_int_equal(waitpid(child, &status, 0), child);
        CHECK(name, WIFSIGNALED(status) && WTERMSIG(status) == ends_of_life[i].want);
        (void)log_pipe_read();
        CHECK(name, (strstr(log_pipe_got, "\"the last\"") != NULL) == ends_of_life[i].kept);
        CHECK(name,
              (strstr(log_pipe_got, "\"of another thread\"") != NULL) == ends_of_life[i].kept);
    }
}

/* A reader that sleeps holds up nobody's death. */
static void test_dies_unread(void **state)
{
    int flags = fcntl(log_pipe[1], F_GETFL), status;
    char junk[4096];

    (void)state;
    while (write(log_pipe[1], "x", 1) == 1)
        continue;
    assert_int_equal(fcntl(log_pipe[1], F_SETFL, flags & ~O_NONBLOCK), 0); /* as it is in life */
    pid_t child = fork();
    if (child == 0)
        die(0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    while (read(log_pipe[0], junk, sizeof junk) > 0)
        continue;
    assert_int_equal(fcntl(log_pipe[1], F_SETFL, flags), 0);
}

/* Without its reader the log loses lines, says how many, and never holds anybody up. */
static void test_nobody_reads(void **state)
{
    char junk[4096], first[LOG_LINE_MAX];
    struct berth_json j;
    size_t n;
    int64_t lines = 0;
    int flags = fcntl(log_pipe[1], F_GETFL);

    (void)state;
    while (write(log_pipe[1], "x", 1) == 1)
        continue;
    assert_int_equal(fcntl(log_pipe[1], F_SETFL, flags & ~O_NONBLOCK), 0); /* as it is in life */
    for (int i = 0; i < 1000; i++)
        log_write(LOG_ERROR, "lost", NULL, 0);
    while (read(log_pipe[0], junk, sizeof junk) > 0)
        continue;
    log_write(LOG_ERROR, "kept", NULL, 0);
    log_write(LOG_ERROR, "kept", NULL, 0);
    (void)log_pipe_read();
    assert_int_equal(fcntl(log_pipe[1], F_SETFL, flags), 0);
    n = strcspn(log_pipe_got, "\n") + 1;
    snprintf(first, sizeof first, "%.*s", (int)n, log_pipe_got);
    j = object_of(first, '4');
    assert_int_equal(berth_json_i64(berth_json_get(j, BERTH_STR("lines")), &lines), BERTH_OK);
    assert_int_equal(lines, 1000);
    n += strcspn(log_pipe_got + n, "\n") + 1;
    assert_true(is(object_of(log_pipe_got + n, '3'), "event", "kept")); /* the last of two */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_no_fields),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_no_command),
        cmocka_unit_test(test_text_at_its_bound),
        cmocka_unit_test(test_line_at_its_bound),
        cmocka_unit_test(test_field_that_never_fits),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_errno_is_kept),
        cmocka_unit_test(test_gathered),
        cmocka_unit_test(test_gathered_at_the_bound),
        cmocka_unit_test(test_dies_of_a_fault),
        cmocka_unit_test(test_dies_unread),
        cmocka_unit_test(test_nobody_reads),
    };

    return cmocka_run_group_tests(tests, log_pipe_open, log_pipe_close);
}
