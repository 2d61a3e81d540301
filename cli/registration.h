/* cli/registration.h - a registration in words, for the verbs that show one. */
#ifndef CLI_REGISTRATION_H
#define CLI_REGISTRATION_H

#include "wire/json.h"

/* Names and values of one as the service gave it. */
void registration_print(struct berth_json doc);

#endif
