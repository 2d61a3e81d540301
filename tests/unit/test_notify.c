#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "ops/notify.h"
#include "scratch.h"

/* Binds a datagram socket to NAME ('@': abstract) and names it in the environment. */
static int listen_at(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t n = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, name, n);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static const char *received(int fd)
{
    static char text[1024];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void check_messages(int fd)
{
    char longest[NOTIFY_STATUS_MAX + 2];

    assert_int_equal(notify_ready(), BERTH_OK);
    assert_string_equal(received(fd), "READY=1");
    assert_int_equal(notify_status("serving\nMAINPID=1"), BERTH_OK);
    assert_string_equal(received(fd), "STATUS=serving MAINPID=1");
    assert_int_equal(notify_stopping(), BERTH_OK);
    assert_string_equal(received(fd), "STOPPING=1");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(notify_status(longest), BERTH_OK);
    assert_int_equal(strlen(received(fd)), strlen("STATUS=") + NOTIFY_STATUS_MAX);
}

static void test_path(void **state)
{
    char directory[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX + 64];
    int fd;

    (void)state;
    assert_non_null(scratch_make(directory));
    fd = listen_at(scratch_path(path, directory, "notify"));
    check_messages(fd);
    (void)close(fd);
    scratch_remove(directory);
}

static void test_abstract(void **state)
{
    char name[64];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof name, "@berth-test-%d", (int)getpid());
    fd = listen_at(name);
    check_messages(fd);
    (void)close(fd);
}

static const struct {
    const char *name, *socket;
    berth_err want;
} cases[] = {
    { "no manager", NULL, BERTH_OK },
    { "empty", "", BERTH_OK },
    { "nobody listens", "/nowhere/notify", BERTH_E_IO },
    { "a root without a name", "/", BERTH_E_RANGE },
    { "an abstract one without a name", "@", BERTH_E_RANGE },
    { "another kind of address", "vsock:2:1", BERTH_E_UNSUPPORTED },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)unsetenv("NOTIFY_SOCKET");
        if (cases[i].socket != NULL)
            (void)setenv("NOTIFY_SOCKET", cases[i].socket, 1);
        CHECK(cases[i].name, notify_ready() == cases[i].want);
    }
}

static void test_longest_name(void **state)
{
    struct sockaddr_un any;
    char name[sizeof any.sun_path + 1];
    int fd;

    (void)state;
    memset(name, 'n', sizeof name);
    name[0] = '@';
    name[sizeof any.sun_path - 1] = '\0';
    fd = listen_at(name);
    assert_int_equal(notify_ready(), BERTH_OK);
    assert_string_equal(received(fd), "READY=1");
    (void)close(fd);
    name[sizeof any.sun_path - 1] = 'n';
    name[sizeof any.sun_path] = '\0';
    (void)setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_ready(), BERTH_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_longest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
