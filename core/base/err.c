#include "berth/err.h"

const char *berth_err_text(berth_err e)
{
    switch (e) {
    case BERTH_OK:
        return "success";
    case BERTH_E_SYNTAX:
        return "malformed input";
    case BERTH_E_RANGE:
        return "a value is outside its bounds";
    case BERTH_E_FULL:
        return "a maximum was reached";
    case BERTH_E_MEMORY:
        return "out of memory";
    case BERTH_E_CRYPTO:
        return "the crypto library failed";
    case BERTH_E_IO:
        return "input or output failed";
    case BERTH_E_TIMEOUT:
        return "timed out";
    case BERTH_E_CLOSED:
        return "the connection was closed";
    case BERTH_E_NOT_FOUND:
        return "not found";
    case BERTH_E_MISMATCH:
        return "does not match";
    case BERTH_E_UNSUPPORTED:
        return "not supported";
    }
    return "unknown error";
}
