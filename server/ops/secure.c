#include "ops/secure.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

berth_err secure_memory(bool dumpable)
{
    return dumpable || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? BERTH_OK : BERTH_E_IO;
}

berth_err secure_process(bool dumpable)
{
    const struct rlimit none = { 0, 0 };

    (void)umask(077);
    return setrlimit(RLIMIT_CORE, &none) == 0 ? secure_memory(dumpable) : BERTH_E_IO;
}

size_t secure_file_limit(void)
{
    struct rlimit files, raised;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 0;
    raised = (struct rlimit){ files.rlim_max, files.rlim_max };
    if (files.rlim_cur < files.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        files = raised;
    return (size_t)files.rlim_cur;
}

size_t secure_connections(size_t file_limit, size_t loops, size_t wanted)
{
    size_t reserve = SECURE_FILES_RESERVE + loops * SECURE_FILES_PER_LOOP;
    size_t room = file_limit > reserve ? file_limit - reserve : 0;

    return wanted != 0 && wanted < room ? wanted : room;
}
