/* cli/interrupt.h - Ctrl-C and its like as a flag: for work that must put things in order before it
 * ends. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on such a signal is remembered instead of ending the process. Those that are ignored
 * (nohup) stay so. */
void interrupt_hold(void);
bool interrupt_came(void);
/* Back to how it was; one that came ends the process now. */
void interrupt_release(void);

#endif
