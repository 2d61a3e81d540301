/* cli/complete_tree.h - all verbs and what they take as one JSON document, for tests and tools. */
#ifndef CLI_COMPLETE_TREE_H
#define CLI_COMPLETE_TREE_H

/* Prints an array of {command, summary, arguments, doc, options}; an exit code. */
int complete_tree(void);

#endif
