/* The CA's roll-over, seen by those who trust the old CA or the new one alone; and time going on.
 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "ops/pki.h"
#include "ops/pki_pem.h"
#include "ops/trust_impl.h"
#include "scratch.h"

#define FILE_SIZE 16384

static const char *const names[] = { "dps.example.org", "localhost", "192.0.2.1", "2001:db8::1" };

static char directory[SCRATCH_PATH_MAX];
static char problem[1024];
static struct pki_report report;
static int64_t now_s;

static int make_directory(void **state)
{
    (void)state;
    now_s = time(NULL);
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    scratch_remove(directory);
    ERR_clear_error();
    return 0;
}

static berth_err ensure(void)
{
    problem[0] = '\0';
    return pki_ensure(directory, names, ARRAY_LEN(names), now_s, &report, problem, sizeof problem);
}

static const char *path_of(const char *name)
{
    static char paths[4][SCRATCH_PATH_MAX + 64];
    static unsigned turn;

    return scratch_path(paths[turn++ % 4], directory, name);
}

static const char *const all_files[] = { "ca.key", "ca.pem", "server.pem", "server-rsa.pem" };
#define FILES ARRAY_LEN(all_files)

/* Index in all_files. */
enum { CA_KEY, CA, CHAIN, RSA_CHAIN };

struct snapshot {
    char text[FILES][FILE_SIZE];
};

static void look(struct snapshot *s)
{
    for (size_t i = 0; i < FILES; i++)
        (void)scratch_read(s->text[i], FILE_SIZE, path_of(all_files[i]));
}

static bool same(const struct snapshot *a, const struct snapshot *b, size_t i)
{
    return strcmp(a->text[i], b->text[i]) == 0;
}

enum trusts { OLD = 1, NEW = 2 };

static X509 *old_ca, *new_ca;

/* Whether one who trusts the CAs of WHOM alone takes CHAIN_NAME as it is sent, strictly judged. */
static bool is_trusted(const char *chain_name, unsigned whom)
{
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *sent = sk_X509_new_null();
    X509 *leaf = NULL, *issuer = NULL;
    bool ok;

    assert_int_equal(pki_load_chain(path_of(chain_name), &leaf, &issuer), BERTH_OK);
    assert_non_null(issuer);
    sk_X509_push(sent, issuer);
    if ((whom & OLD) != 0)
        X509_STORE_add_cert(trusted, old_ca);
    if ((whom & NEW) != 0)
        X509_STORE_add_cert(trusted, new_ca);
    X509_STORE_CTX_init(ctx, trusted, leaf, sent);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), now_s);
    ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trusted);
    sk_X509_free(sent);
    X509_free(leaf);
    X509_free(issuer);
    return ok;
}

static berth_err roll(enum pki_step step)
{
    problem[0] = '\0';
    return pki_roll(directory, step, now_s, problem, sizeof problem);
}

/* Takes the step, and the leaves follow. */
static void roll_well(enum pki_step step)
{
    CHECK(problem, roll(step) == BERTH_OK);
    CHECK(problem, ensure() == BERTH_OK);
    assert_false(report.made_ca);
    assert_int_equal(ensure(), BERTH_OK);
    assert_false(report.made_leaf);
}

static void begin_rollover(void)
{
    assert_int_equal(ensure(), BERTH_OK);
    roll_well(PKI_BEGIN);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &old_ca, &new_ca), BERTH_OK);
    assert_non_null(new_ca);
}

static void end_rollover(void)
{
    X509_free(old_ca);
    X509_free(new_ca);
    old_ca = new_ca = NULL;
}

static void check_trusted(const char *when, bool by_old, bool by_new)
{
    static const char *const chains[] = { "server.pem", "server-rsa.pem" };

    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        CHECK(when, is_trusted(chains[i], OLD) == by_old);
        CHECK(when, is_trusted(chains[i], NEW) == by_new);
        CHECK(when, is_trusted(chains[i], OLD | NEW));
    }
}

static const char *second_item(void)
{
    static struct pki_item items[PKI_ITEMS_MAX];

    return pki_look(directory, items) == 4 ? items[1].name : "";
}

static void test_rollover(void **state)
{
    X509 *ca = NULL, *other = NULL;

    (void)state;
    begin_rollover();
    check_trusted("begun", true, true);
    assert_string_equal(second_item(), "ca-next");
    roll_well(PKI_ACTIVATE);
    check_trusted("activated", true, true);
    assert_string_equal(second_item(), "ca-previous");
    roll_well(PKI_RETIRE);
    check_trusted("retired", false, true);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, &other), BERTH_OK);
    CHECK("the new one alone is left", X509_cmp(ca, new_ca) == 0 && other == NULL);
    CHECK("and no key but its own", access(path_of("ca-next.key"), F_OK) != 0);
    X509_free(ca);
    end_rollover();
    begin_rollover();
    check_trusted("a second time", true, true);
    end_rollover();
}

static void test_rollover_cancelled(void **state)
{
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    begin_rollover();
    roll_well(PKI_CANCEL);
    look(&second);
    check_trusted("cancelled", true, false);
    CHECK("CA as before", same(&first, &second, CA) && same(&first, &second, CA_KEY));
    CHECK("no other key", access(path_of("ca-next.key"), F_OK) != 0);
    end_rollover();
}

/* Which steps the three states allow. */
static const struct {
    const char *name;
    enum pki_step to; /* taken before; RETIRE: none */
    enum pki_step step;
    bool good;
    const char *says;
} steps[] = {
    { "activate before begin", PKI_RETIRE, PKI_ACTIVATE, false, "no new CA" },
    { "retire before begin", PKI_RETIRE, PKI_RETIRE, false, "one CA alone" },
    { "cancel before begin", PKI_RETIRE, PKI_CANCEL, false, "no roll-over" },
    { "begin twice", PKI_BEGIN, PKI_BEGIN, false, "under way" },
    { "retire what issues", PKI_BEGIN, PKI_RETIRE, false, "still issues" },
    { "begin when activated", PKI_ACTIVATE, PKI_BEGIN, false, "under way" },
    { "activate twice", PKI_ACTIVATE, PKI_ACTIVATE, false, "active already" },
    { "cancel when activated", PKI_ACTIVATE, PKI_CANCEL, false, "no longer" },
};

static void test_rollover_order(void **state)
{
    static struct snapshot first, second;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(ensure(), BERTH_OK);
        if (steps[i].to != PKI_RETIRE)
            roll_well(PKI_BEGIN);
        if (steps[i].to == PKI_ACTIVATE)
            roll_well(PKI_ACTIVATE);
        look(&first);
        CHECK(steps[i].name, roll(steps[i].step) == BERTH_E_MISMATCH);
        CHECK(problem, strstr(problem, steps[i].says) != NULL);
        look(&second);
        CHECK(steps[i].name, same(&first, &second, CA) && same(&first, &second, CA_KEY));
        scratch_remove(directory);
        assert_int_equal(mkdir(directory, 0700), 0);
    }
    assert_int_equal(roll(PKI_BEGIN), BERTH_E_NOT_FOUND);
}

/* What a crash between a step's files leaves is a state that the next start goes on from. */
static void test_rollover_crashes(void **state)
{
    static char next_key[FILE_SIZE], old_key[FILE_SIZE], old_pem[FILE_SIZE];
    X509 *ca = NULL, *other = NULL;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    (void)scratch_read(old_pem, sizeof old_pem, path_of("ca.pem"));
    begin_rollover();
    (void)scratch_read(next_key, sizeof next_key, path_of("ca-next.key"));
    (void)scratch_read(old_key, sizeof old_key, path_of("ca.key"));

    scratch_write(path_of("ca.pem"), old_pem); /* begin: key without certificate */
    assert_int_equal(ensure(), BERTH_OK);
    check_trusted("half begun", true, false);
    end_rollover();
    begin_rollover();
    (void)scratch_read(next_key, sizeof next_key, path_of("ca-next.key"));

    assert_int_equal(roll(PKI_ACTIVATE), BERTH_OK); /* and no leaf made */
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_leaf);
    check_trusted("half activated", true, true);

    roll_well(PKI_RETIRE);
    scratch_write(path_of("ca.key"), old_key); /* certificate retired, keys as before */
    scratch_write(path_of("ca-next.key"), next_key);
    assert_int_equal(ensure(), BERTH_OK);
    check_trusted("half retired", false, true);
    CHECK("the key has its usual name", access(path_of("ca-next.key"), F_OK) != 0);
    roll_well(PKI_BEGIN);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, &other), BERTH_OK);
    CHECK("the next one starts from it", X509_cmp(ca, new_ca) == 0 && other != NULL);
    X509_free(ca);
    X509_free(other);
    end_rollover();
}

static void test_lost_in_rollover(void **state)
{
    (void)state;
    begin_rollover();
    assert_int_equal(unlink(path_of("ca.pem")), 0);
    assert_int_equal(ensure(), BERTH_E_MISMATCH);
    assert_non_null(strstr(problem, "restore ca.pem"));
    end_rollover();
}

/* ---- time ---- */

static void test_clock_goes_on(void **state)
{
    static struct snapshot first, second;
    const int64_t day = 86400;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    now_s += (PKI_LEAF_DAYS - 1 - PKI_RENEW_DAYS) * day;
    assert_int_equal(ensure(), BERTH_OK);
    CHECK("30 days left", !report.made_leaf);
    now_s += day;
    assert_int_equal(ensure(), BERTH_OK);
    CHECK("29 days left", report.made_leaf && !report.made_ca);
    look(&second);
    CHECK("both", !same(&first, &second, CHAIN) && !same(&first, &second, RSA_CHAIN));
    CHECK("the CA stays", same(&first, &second, CA));
    now_s += (PKI_CA_DAYS + 1) * day;
    assert_int_equal(ensure(), BERTH_E_MISMATCH);
    assert_non_null(strstr(problem, "the CA has expired"));
}

static void test_look(void **state)
{
    struct pki_item items[PKI_ITEMS_MAX];
    char pem[4096];
    size_t n;

    (void)state;
    assert_int_equal(pki_look(directory, items), 0);
    assert_int_equal(ensure(), BERTH_OK);
    assert_int_equal(pki_look(directory, items), 3);
    assert_string_equal(items[0].name, "ca");
    assert_string_equal(items[1].name, "server");
    assert_string_equal(items[2].name, "server-rsa");
    CHECK("CA's name", strncmp(items[0].subject, "berth CA ", 9) == 0);
    CHECK("fingerprint", strlen(items[1].fingerprint) == 95 && items[1].fingerprint[2] == ':');
    CHECK("leaf's end", items[1].expiry_s == now_s + (PKI_LEAF_DAYS - 1) * 86400);
    CHECK("a name it has", pki_file_lacks(path_of("server.pem"), names, 4) == NULL);
    CHECK("a name it lacks", pki_file_lacks(path_of("server.pem"),
                                            (const char *[]){ names[0], "x.example" }, 2) != NULL);
    pki_root_of(path_of("server.pem"), pem, sizeof pem);
    CHECK("the CA of a chain", strstr(pem, "BEGIN CERTIFICATE") != NULL);
    n = strlen(pem);
    pki_root_of(path_of("server.pem"), pem, n + 1);
    CHECK("just room for it", strlen(pem) == n);
    pki_root_of(path_of("server.pem"), pem, n);
    CHECK("no room for it", pem[0] == '\0');
    pki_root_of(path_of("server.key"), pem, sizeof pem);
    CHECK("no chain", pem[0] == '\0');
}

/* What clients are to trust, at the bound of what is told of it. */
static void test_largest_ca(void **state)
{
    static struct trust t;
    static char pem[TRUST_PEM_MAX];

    (void)state;
    t.o.tls_dir = directory;
    assert_int_equal(ensure(), BERTH_OK);
    for (off_t over = 0; over <= 1; over++) {
        static const char end[] = "the end";
        FILE *f;

        assert_int_equal(truncate(path_of("ca.pem"), TRUST_PEM_MAX - (off_t)sizeof end + over), 0);
        f = fopen(path_of("ca.pem"), "ae");
        assert_true(f != NULL && fputs(end, f) >= 0 && fclose(f) == 0);
        trust_read_ca(&t, pem);
        CHECK("its beginning", (strncmp(pem, "-----BEGIN", 10) == 0) == (over == 0));
        CHECK("its end", over == 1 || strcmp(pem + TRUST_PEM_MAX - sizeof end, end) == 0);
        CHECK("or nothing", over == 0 || pem[0] == '\0');
    }
}

#define PKI_TEST(t) cmocka_unit_test_setup_teardown(t, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PKI_TEST(test_rollover),           PKI_TEST(test_largest_ca),
        PKI_TEST(test_rollover_cancelled), PKI_TEST(test_rollover_order),
        PKI_TEST(test_rollover_crashes),   PKI_TEST(test_lost_in_rollover),
        PKI_TEST(test_clock_goes_on),      PKI_TEST(test_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
