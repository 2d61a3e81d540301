#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "ops/pki.h"
#include "ops/pki_make.h"
#include "ops/pki_pem.h"
#include "scratch.h"

static const char *const all_files[] = { "ca.key",     "ca.pem",         "server.key",
                                         "server.pem", "server-rsa.key", "server-rsa.pem" };
#define FILES     ARRAY_LEN(all_files)
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

static berth_err ensure_names(const char *const *list, size_t count)
{
    problem[0] = '\0';
    return pki_ensure(directory, list, count, now_s, &report, problem, sizeof problem);
}

static berth_err ensure(void)
{
    return ensure_names(names, ARRAY_LEN(names));
}

static const char *path_of(const char *name)
{
    static char paths[4][SCRATCH_PATH_MAX + 64];
    static unsigned turn;

    return scratch_path(paths[turn++ % 4], directory, name);
}

struct snapshot {
    char text[FILES][FILE_SIZE];
    struct timespec at[FILES];
};

static void look(struct snapshot *s)
{
    for (size_t i = 0; i < FILES; i++) {
        struct stat is = { 0 };

        (void)stat(path_of(all_files[i]), &is);
        s->at[i] = is.st_mtim;
        (void)scratch_read(s->text[i], FILE_SIZE, path_of(all_files[i]));
    }
}

static bool same(const struct snapshot *a, const struct snapshot *b, size_t i)
{
    return strcmp(a->text[i], b->text[i]) == 0;
}

/* Index in all_files. */
enum { CA_KEY, CA, KEY, CHAIN, RSA_KEY, RSA_CHAIN };

/* Whether CHAIN_NAME's first certificate is a server's for NAME, to one who trusts ca.pem alone. */
static bool verifies(const char *chain_name, const char *name)
{
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    X509 *leaf = NULL, *issuer = NULL, *ca = NULL;
    bool ok;

    assert_int_equal(pki_load_chain(path_of(chain_name), &leaf, &issuer), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, NULL), BERTH_OK);
    assert_non_null(issuer);
    assert_int_equal(X509_cmp(issuer, ca), 0);
    X509_STORE_add_cert(trusted, ca);
    X509_STORE_CTX_init(ctx, trusted, leaf, NULL);
    param = X509_STORE_CTX_get0_param(ctx);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1)
        X509_VERIFY_PARAM_set1_host(param, name, 0);
    ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trusted);
    X509_free(leaf);
    X509_free(issuer);
    X509_free(ca);
    return ok;
}

static void check_all_verify(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CHECK(names[i], verifies("server.pem", names[i]));
        CHECK(names[i], verifies("server-rsa.pem", names[i]));
    }
}

static void test_first_start(void **state)
{
    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_ca && report.made_leaf);
    check_all_verify();
    CHECK("another name", !verifies("server.pem", "other.example.org"));
    CHECK("another address", !verifies("server-rsa.pem", "192.0.2.2"));
    CHECK("no wildcard", !verifies("server.pem", "a.dps.example.org"));
}

static void test_modes(void **state)
{
    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    for (size_t i = 0; i < FILES; i++) {
        struct stat is;

        assert_int_equal(stat(path_of(all_files[i]), &is), 0);
        CHECK(all_files[i], strstr(all_files[i], ".key") == NULL || (is.st_mode & 0777) == 0600);
        CHECK(all_files[i], (is.st_mode & 0022) == 0);
    }
}

static int life(const X509 *x)
{
    int days = 0, seconds = 0;

    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)),
                     1);
    return seconds == 0 ? days : -1;
}

static void test_shape_of_certificates(void **state)
{
    X509 *ca = NULL, *leaf = NULL, *rsa = NULL;
    char name[64];

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, NULL), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("server.pem"), &leaf, NULL), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("server-rsa.pem"), &rsa, NULL), BERTH_OK);
    CHECK("CA", X509_check_ca(ca) == 1 && X509_get_pathlen(ca) == 1);
    CHECK("CA usage", X509_get_key_usage(ca) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
    X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_commonName, name, sizeof name);
    CHECK("CA name", strncmp(name, "berth CA ", 9) == 0 && strlen(name) == 15);
    CHECK("CA life", life(ca) == PKI_CA_DAYS);
    CHECK("leaf is no CA", X509_check_ca(leaf) == 0 && X509_check_ca(rsa) == 0);
    CHECK("leaf life", life(leaf) == PKI_LEAF_DAYS);
    CHECK("leaf usage", X509_get_extended_key_usage(leaf) == XKU_SSL_SERVER);
    CHECK("EC usage", X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE);
    CHECK("RSA usage", X509_get_key_usage(rsa) == (KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT));
    CHECK("EC", EVP_PKEY_is_a(X509_get0_pubkey(leaf), "EC"));
    CHECK("RSA", EVP_PKEY_get_bits(X509_get0_pubkey(rsa)) == 2048);
    CHECK("key IDs", ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(ca),
                                           X509_get0_authority_key_id(leaf)) == 0);
    CHECK("serials", ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(rsa)));
    CHECK("serials are long", ASN1_STRING_length(X509_get0_serialNumber(leaf)) > 8);
    CHECK("from a day ago",
          X509_cmp_time(X509_get0_notBefore(leaf), &(time_t){ time(NULL) - 80000 }) == -1);
    X509_free(ca);
    X509_free(leaf);
    X509_free(rsa);
}

static void test_second_start_changes_nothing(void **state)
{
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    assert_int_equal(ensure(), BERTH_OK);
    assert_false(report.made_ca || report.made_leaf);
    assert_int_equal(ensure_names(names + 1, 1), BERTH_OK);
    assert_false(report.made_ca || report.made_leaf);
    look(&second);
    for (size_t i = 0; i < FILES; i++)
        CHECK(all_files[i], same(&first, &second, i));
    assert_memory_equal(first.at, second.at, sizeof first.at);
}

static void test_added_name(void **state)
{
    static const char *const more[] = { "dps.example.org", "hub2.example.org" };
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    assert_int_equal(ensure_names(more, 2), BERTH_OK);
    assert_true(!report.made_ca && report.made_leaf);
    look(&second);
    CHECK("CA is kept", same(&first, &second, CA) && same(&first, &second, CA_KEY));
    CHECK("leaves are new", !same(&first, &second, CHAIN) && !same(&first, &second, RSA_CHAIN));
    CHECK("new name", verifies("server.pem", "hub2.example.org"));
    CHECK("new name", verifies("server-rsa.pem", "hub2.example.org"));
}

/* A leaf with DAYS left, in place of server.pem. */
static void age_leaf(int days)
{
    X509 *leaf = NULL, *ca = NULL;
    EVP_PKEY *ca_key = NULL;

    assert_int_equal(pki_load_chain(path_of("server.pem"), &leaf, &ca), BERTH_OK);
    assert_int_equal(pki_load_key(path_of("ca.key"), &ca_key), BERTH_OK);
    (void)X509_time_adj_ex(X509_getm_notAfter(leaf), days, 3600, NULL);
    assert_true(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
    assert_int_equal(pki_save_chain(path_of("server.pem"), leaf, ca), BERTH_OK);
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
}

static void test_expiry(void **state)
{
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    age_leaf(PKI_RENEW_DAYS);
    assert_int_equal(ensure(), BERTH_OK);
    CHECK("enough left", !report.made_leaf);
    age_leaf(PKI_RENEW_DAYS - 1);
    look(&first);
    assert_int_equal(ensure(), BERTH_OK);
    CHECK("a day less", report.made_leaf && !report.made_ca);
    look(&second);
    CHECK("only the one that ends", same(&first, &second, RSA_CHAIN));
    check_all_verify();
}

#define AHEAD_S (400 * (int64_t)86400)

/* A start while the clock was ahead, then one with the right time. */
static void test_clock_was_ahead(void **state)
{
    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    now_s += AHEAD_S;
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_leaf);
    now_s -= AHEAD_S;
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_leaf && !report.made_ca);
    check_all_verify();
}

/* A clock that is behind the CA itself says nothing of the certificates. */
static void test_clock_is_behind(void **state)
{
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    now_s -= AHEAD_S;
    assert_int_equal(ensure(), BERTH_OK);
    look(&second);
    for (size_t i = 0; i < FILES; i++)
        CHECK(all_files[i], same(&first, &second, i));
}

/* Each state that a crash of the first start, or the loss of a file, leaves behind. */
static const struct {
    const char *name;
    unsigned lost; /* bits 1 << index in all_files */
    bool new_ca, new_leaf;
} losses[] = {
    { "after the CA's key", 1u << CA | 1u << KEY | 1u << CHAIN | 1u << RSA_KEY | 1u << RSA_CHAIN,
      true, true },
    { "after the CA", 1u << KEY | 1u << CHAIN | 1u << RSA_KEY | 1u << RSA_CHAIN, false, true },
    { "after the server's key", 1u << CHAIN | 1u << RSA_KEY | 1u << RSA_CHAIN, false, true },
    { "after the server's chain", 1u << RSA_KEY | 1u << RSA_CHAIN, false, true },
    { "after the RSA key", 1u << RSA_CHAIN, false, true },
    { "the server's key is lost", 1u << KEY, false, true },
    { "the CA's certificate is lost", 1u << CA, false, false },
    { "the CA's key is kept elsewhere", 1u << CA_KEY, false, false },
    { "the CA's certificate is lost, its key kept elsewhere", 1u << CA | 1u << CA_KEY, false,
      false },
    { "all of the CA is lost", 1u << CA | 1u << CA_KEY | 1u << CHAIN, true, true },
};

static void test_losses(void **state)
{
    static struct snapshot first, second;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        assert_int_equal(ensure(), BERTH_OK);
        look(&first);
        for (size_t k = 0; k < FILES; k++)
            if ((losses[i].lost & 1u << k) != 0)
                assert_int_equal(unlink(path_of(all_files[k])), 0);
        CHECK(losses[i].name, ensure() == BERTH_OK);
        CHECK(losses[i].name, report.made_ca == losses[i].new_ca);
        CHECK(losses[i].name, report.made_leaf == losses[i].new_leaf);
        look(&second);
        CHECK(losses[i].name, same(&first, &second, CA) != losses[i].new_ca);
        check_all_verify();
        CHECK(losses[i].name, ensure() == BERTH_OK && !report.made_leaf);
        scratch_remove(directory);
        assert_int_equal(mkdir(directory, 0700), 0);
    }
}

/* A crash between key and chain of a renewal: the pair on the disk does not match. */
static void test_half_renewed(void **state)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    assert_int_equal(pki_save_key(path_of("server.key"), other), BERTH_OK);
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_leaf && !report.made_ca);
    check_all_verify();
    EVP_PKEY_free(other);
}

static void test_torn_files(void **state)
{
    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    scratch_write(path_of("server.pem"), "-----BEGIN CERT");
    scratch_write(path_of("server-rsa.key"), "");
    scratch_write(path_of("server.key.new"), "left by a crash");
    assert_int_equal(ensure(), BERTH_OK);
    assert_true(report.made_leaf && !report.made_ca);
    check_all_verify();
}

static void test_ca_is_never_replaced(void **state)
{
    static const char *const more[] = { "new.example.org" };
    EVP_PKEY *other = EVP_EC_gen("P-256");
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    look(&first);
    assert_int_equal(pki_save_key(path_of("ca.key"), other), BERTH_OK);
    assert_int_equal(ensure(), BERTH_E_MISMATCH);
    assert_non_null(strstr(problem, "ca.key: is not the key of ca.pem"));
    scratch_write(path_of("ca.key"), "garbage");
    assert_int_equal(ensure(), BERTH_E_SYNTAX);
    assert_int_equal(unlink(path_of("ca.key")), 0);
    assert_int_equal(ensure_names(more, 1), BERTH_E_NOT_FOUND);
    assert_non_null(strstr(problem, "ca.key is not there"));
    scratch_write(path_of("ca.key"), first.text[CA_KEY]);
    scratch_write(path_of("ca.pem"), "garbage");
    assert_int_equal(ensure(), BERTH_E_SYNTAX);
    scratch_write(path_of("ca.pem"), first.text[CA]);
    assert_int_equal(ensure(), BERTH_OK);
    look(&second);
    CHECK("nothing was made", same(&first, &second, CHAIN) && same(&first, &second, CA));
    EVP_PKEY_free(other);
}

/* A self-signed certificate NAME in place of server.pem, with its key. */
static void install_foreign(const char *name, const char *key_name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = pki_make_ca(key, now_s);

    X509_NAME *subject = X509_NAME_new();
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0);
    assert_true(X509_set_issuer_name(x, subject) == 1 && X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(pki_save_chain(path_of("server.pem"), x, NULL), BERTH_OK);
    assert_int_equal(pki_save_key(path_of(key_name), key), BERTH_OK);
    X509_NAME_free(subject);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void test_operators_certificate(void **state)
{
    static struct snapshot first, second;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    install_foreign("corporate CA", "server.key");
    look(&first);
    assert_int_equal(ensure(), BERTH_OK);
    look(&second);
    CHECK("left alone", same(&first, &second, CHAIN) && same(&first, &second, KEY));
    install_foreign("corporate CA", "elsewhere.key");
    assert_int_equal(ensure(), BERTH_E_MISMATCH);
    assert_non_null(strstr(problem, "server.key: is not the key of the certificate"));
}

static void test_expired_ca(void **state)
{
    static const char *const more[] = { "new.example.org" };
    time_t now = (time_t)now_s; /* not the clock's: a slow run takes minutes to come here */
    X509 *ca = NULL;
    EVP_PKEY *key = NULL;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, NULL), BERTH_OK);
    assert_int_equal(pki_load_key(path_of("ca.key"), &key), BERTH_OK);
    (void)X509_time_adj_ex(X509_getm_notAfter(ca), 10, 3600, &now);
    assert_true(X509_sign(ca, key, EVP_sha256()) > 0);
    assert_int_equal(pki_save_chain(path_of("ca.pem"), ca, NULL), BERTH_OK);
    assert_int_equal(ensure(), BERTH_OK);
    X509_free(ca);
    assert_int_equal(pki_load_chain(path_of("server.pem"), &ca, NULL), BERTH_OK);
    CHECK("a leaf ends with its CA", pki_days_left(ca, now_s) == 10);
    X509_free(ca);
    assert_int_equal(pki_load_chain(path_of("ca.pem"), &ca, NULL), BERTH_OK);
    (void)X509_time_adj_ex(X509_getm_notAfter(ca), 0, -60, &now);
    assert_true(X509_sign(ca, key, EVP_sha256()) > 0);
    assert_int_equal(pki_save_chain(path_of("ca.pem"), ca, NULL), BERTH_OK);
    assert_int_equal(ensure_names(more, 1), BERTH_E_MISMATCH);
    assert_non_null(strstr(problem, "the CA has expired"));
    X509_free(ca);
    EVP_PKEY_free(key);
}

static void test_long_and_odd_names(void **state)
{
    static const char *const odd[] = {
        "a123456789.b123456789.c123456789.d123456789.e123456789.f123456789.example.org",
        "with_underscore.example.org",
    };

    (void)state;
    assert_int_equal(ensure_names(odd, 2), BERTH_OK);
    CHECK("longer than a common name", verifies("server.pem", odd[0]));
    CHECK("underscore", verifies("server.pem", odd[1]));
    assert_int_equal(ensure_names(odd, 2), BERTH_OK);
    assert_false(report.made_leaf);
}

/* The daemon's own name is its first hub's, too, and letters' case makes no other name. */
static void test_names_stand_once(void **state)
{
    static const char *const twice[] = { "localhost", "127.0.0.1", "Localhost",
                                         "localhost", "127.0.0.1", "other.example" };
    GENERAL_NAMES *all;
    X509 *leaf = NULL;

    (void)state;
    assert_int_equal(ensure_names(twice, ARRAY_LEN(twice)), BERTH_OK);
    assert_int_equal(pki_load_chain(path_of("server.pem"), &leaf, NULL), BERTH_OK);
    all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    assert_non_null(all);
    assert_int_equal(sk_GENERAL_NAME_num(all), 3);
    GENERAL_NAMES_free(all);
    X509_free(leaf);
}

/* RFC 5280 lets a common name have 64 characters; a longer name is in the SAN alone. */
static void test_common_name(void **state)
{
    static const char name[] = "a123456789.b123456789.c123456789.d123456789.e12345678.example.org";
    const char *list[1];

    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        char subject[128];
        X509 *leaf = NULL;

        list[0] = name + 1 - over;
        assert_int_equal(strlen(list[0]), 64 + over);
        assert_int_equal(ensure_names(list, 1), BERTH_OK);
        assert_int_equal(pki_load_chain(path_of("server.pem"), &leaf, NULL), BERTH_OK);
        int n = X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, subject,
                                          sizeof subject);
        CHECK("common name", over ? n < 0 : n == 64 && strcmp(subject, list[0]) == 0);
        CHECK("name", verifies("server.pem", list[0]));
        X509_free(leaf);
    }
}

/* A file is read up to a bound, which an operator's may reach. */
static void test_largest_file(void **state)
{
    X509 *x = NULL;
    EVP_PKEY *key = NULL;

    (void)state;
    assert_int_equal(ensure(), BERTH_OK);
    for (off_t over = 0; over <= 1; over++) { /* with zeros behind, which nobody looks at */
        berth_err want = over == 0 ? BERTH_OK : BERTH_E_SYNTAX;

        assert_int_equal(truncate(path_of("server.pem"), 256 * 1024 + over), 0);
        assert_int_equal(truncate(path_of("server.key"), 256 * 1024 + over), 0);
        assert_int_equal(pki_load_chain(path_of("server.pem"), &x, NULL), want);
        assert_int_equal(pki_load_key(path_of("server.key"), &key), want);
        X509_free(x);
        EVP_PKEY_free(key);
    }
}

/* As many names as a daemon with hundreds of hubs has, each as long as names get. */
static void test_many_long_names(void **state)
{
    static char text[272][254];
    const char *many[ARRAY_LEN(text)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        memset(text[i], 'n', 253);
        text[i][63] = text[i][127] = text[i][191] = '.';
        (void)snprintf(text[i], 4, "%03zu", i);
        text[i][3] = 'n';
        many[i] = text[i];
    }
    assert_int_equal(ensure_names(many, ARRAY_LEN(many)), BERTH_OK);
    CHECK("the last name", verifies("server.pem", many[ARRAY_LEN(many) - 1]));
    assert_int_equal(ensure_names(many, ARRAY_LEN(many)), BERTH_OK);
    assert_false(report.made_leaf);
}

static void test_no_directory(void **state)
{
    (void)state;
    assert_int_equal(pki_ensure("/nowhere/tls", names, 1, now_s, &report, problem, sizeof problem),
                     BERTH_E_IO);
    assert_non_null(strstr(problem, "/nowhere/tls/ca.key: No such file"));
}

#define PKI_TEST(t) cmocka_unit_test_setup_teardown(t, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PKI_TEST(test_first_start),
        PKI_TEST(test_modes),
        PKI_TEST(test_shape_of_certificates),
        PKI_TEST(test_second_start_changes_nothing),
        PKI_TEST(test_added_name),
        PKI_TEST(test_expiry),
        PKI_TEST(test_losses),
        PKI_TEST(test_half_renewed),
        PKI_TEST(test_torn_files),
        PKI_TEST(test_ca_is_never_replaced),
        PKI_TEST(test_operators_certificate),
        PKI_TEST(test_expired_ca),
        PKI_TEST(test_clock_was_ahead),
        PKI_TEST(test_clock_is_behind),
        PKI_TEST(test_long_and_odd_names),
        PKI_TEST(test_names_stand_once),
        PKI_TEST(test_common_name),
        PKI_TEST(test_largest_file),
        PKI_TEST(test_many_long_names),
        PKI_TEST(test_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
