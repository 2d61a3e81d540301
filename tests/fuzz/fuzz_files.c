/* Files that people hand in: berth.conf, the seed of `berth dev`, keys and certificates in PEM. The
 * first byte says which, the rest is the file. What is refused is refused in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "berth/openssl.h"
#include "ops/config.h"
#include "ops/pki_pem.h"
#include "ops/seed.h"

static struct berth_crypto crypto;
static char path[64], problem[1024];

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* The text in a file of no directory. */
static int open_file(const uint8_t *p, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, p, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return fd;
}

static void fuzz_config(void)
{
    static struct config c;
    berth_err e;

    config_defaults(&c);
    e = config_read_file(&c, path, problem, sizeof problem);
    require(e == BERTH_OK || (e == BERTH_E_SYNTAX && strncmp(problem, path, strlen(path)) == 0));
    require(c.host_count <= CONFIG_HOSTS_MAX && c.listen_count <= CONFIG_LISTEN_MAX);
    require(c.loops <= CONFIG_LOOPS_MAX && c.connections_max <= CONFIG_CONNECTIONS_MAX);
}

static void fuzz_seed(void)
{
    static struct config c;
    static struct seed s;

    config_defaults(&c);
    (void)snprintf(c.hosts[0], sizeof c.hosts[0], "127.77.1.1");
    c.host_count = 1;
    if (seed_open(&s, path, &c, &crypto, problem, sizeof problem) == BERTH_OK)
        require(s.count <= SEED_RECORDS_MAX && (s.count > 0 || s.group_id[0] == '\0'));
    else
        require(problem[0] != '\0');
    seed_close(&s, &crypto);
}

static void fuzz_pem(void)
{
    X509 *leaf = NULL, *issuer = NULL, *root = NULL;
    EVP_PKEY *key = NULL;
    char text[PKI_FINGERPRINT_SIZE];

    if (pki_load_chain(path, &leaf, &issuer) == BERTH_OK) {
        require(leaf != NULL);
        pki_put_fingerprint(leaf, text);
        require(strlen(text) == 32 * 3 - 1);
    }
    require(pki_load_root(path, &root) != BERTH_OK || root != NULL);
    require(pki_load_key(path, &key) != BERTH_OK || key != NULL);
    X509_free(leaf);
    X509_free(issuer);
    X509_free(root);
    EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;

    if (crypto.hmac == NULL && berth_openssl_init(&crypto) != BERTH_OK)
        abort();
    if (size == 0)
        return 0;
    fd = open_file(data + 1, size - 1);
    problem[0] = '\0';
    if (data[0] % 3 == 0)
        fuzz_config();
    else if (data[0] % 3 == 1)
        fuzz_seed();
    else
        fuzz_pem();
    (void)close(fd);
    return 0;
}
