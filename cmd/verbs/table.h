/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_CMD_VERBS_TABLE_H
#define CASEMATE_CMD_VERBS_TABLE_H

/*
 * A table for people: columns as wide as their widest cell, two blanks between them, no blanks at
 * line ends. Cells are escaped: they may come from a file name or a socket.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

enum table_colour { TABLE_PLAIN, TABLE_GOOD, TABLE_WARN, TABLE_BAD };

struct table {
    size_t columns;
    const char *const *heads; /* borrowed */
    char **cell;              /* owned, row by row */
    enum table_colour *colour;
    size_t rows, capacity;
    int status; /* 0 or -ENOMEM, sticky */
};

/* Begin; `heads` ends with NULL and has TABLE_COLUMNS_MAX names at most. A head that begins with
 * '>' (not shown) is of a column that is aligned to the right. */
void table_init(struct table *table, const char *const *heads);

/* Add a row; `cells` has a text for each column; NULL and "" show as "-". */
void table_add(struct table *table, enum table_colour colour, const char *const *cells);

/* Print heads and rows; with `colour`, the row's. Without rows, nothing. 0 or -ENOMEM. */
int table_print(const struct table *table, FILE *to, bool colour);

/* Release what it holds. */
void table_release(struct table *table);

/* Colours may be shown: a terminal that is not "dumb", and NO_COLOR not set. */
bool table_may_colour(FILE *to);

/* "2.0G", "512M", "1023": at most 6 characters. Returns `text`. */
char *table_size(char text[16], unsigned long long bytes);

#endif
