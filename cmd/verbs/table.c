/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define CELL_MAX 1024

void table_init(struct table *table, const char *const *heads)
{
    *table = (struct table){.heads = heads};
    while (heads[table->columns] != NULL && table->columns < TABLE_COLUMNS_MAX)
        table->columns++;
}

static int grow(struct table *table)
{
    size_t capacity = table->capacity > 0 ? 2 * table->capacity : 32;
    char **cell = reallocarray(table->cell, capacity, table->columns * sizeof(*cell));
    enum table_colour *colour;

    if (cell == NULL)
        return -ENOMEM;
    table->cell = cell;
    colour = reallocarray(table->colour, capacity, sizeof(*colour));
    if (colour == NULL)
        return -ENOMEM;
    table->colour = colour;
    table->capacity = capacity;
    return 0;
}

void table_add(struct table *table, enum table_colour colour, const char *const *cells)
{
    char **row;

    if (table->status == 0 && table->rows == table->capacity)
        table->status = grow(table);
    if (table->status < 0)
        return;
    row = table->cell + table->rows * table->columns;
    table->colour[table->rows] = colour;
    for (size_t i = 0; i < table->columns; i++) {
        char text[CELL_MAX];

        row[i] = strdup(cells[i] == NULL || cells[i][0] == '\0'
                            ? "-"
                            : text_escape(text, sizeof(text), cells[i]));
        if (row[i] == NULL) {
            while (i > 0)
                free(row[--i]);
            table->status = -ENOMEM;
            return;
        }
    }
    table->rows++;
}

static const char *head(const struct table *table, size_t column)
{
    return table->heads[column] + (table->heads[column][0] == '>');
}

static void print_cell(const struct table *table, FILE *to, size_t column, int width,
                       const char *text)
{
    if (table->heads[column][0] == '>')
        (void)fprintf(to, "%*s", width, text);
    else if (column + 1 < table->columns)
        (void)fprintf(to, "%-*s", width, text);
    else
        (void)fputs(text, to);
    (void)fputs(column + 1 < table->columns ? "  " : "\n", to);
}

int table_print(const struct table *table, FILE *to, bool colour)
{
    static const char *const begin[] = {"", "\033[32m", "\033[33m", "\033[31m"};
    int width[TABLE_COLUMNS_MAX];

    if (table->status < 0 || table->rows == 0)
        return table->status;
    for (size_t i = 0; i < table->columns; i++) {
        size_t widest = strlen(head(table, i));

        for (size_t row = 0; row < table->rows; row++) {
            size_t length = strlen(table->cell[row * table->columns + i]);

            widest = length > widest ? length : widest;
        }
        width[i] = (int)widest;
    }
    for (size_t i = 0; i < table->columns; i++)
        print_cell(table, to, i, width[i], head(table, i));
    for (size_t row = 0; row < table->rows; row++) {
        bool coloured = colour && table->colour[row] != TABLE_PLAIN;

        if (coloured)
            (void)fputs(begin[table->colour[row]], to);
        for (size_t i = 0; i < table->columns; i++)
            print_cell(table, to, i, width[i], table->cell[row * table->columns + i]);
        if (coloured)
            (void)fputs("\033[0m", to);
    }
    return 0;
}

void table_release(struct table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cell[i]);
    free(table->cell);
    free(table->colour);
    *table = (struct table){0};
}

bool table_may_colour(FILE *to)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

    return (no == NULL || no[0] == '\0') && isatty(fileno(to)) == 1 && term != NULL &&
           strcmp(term, "dumb") != 0;
}

char *table_size(char text[16], unsigned long long bytes)
{
    static const char suffix[] = {'\0', 'K', 'M', 'G', 'T', 'P', 'E'};
    unsigned long long whole = bytes;
    unsigned long long rest = 0;
    size_t i = 0;

    while (whole >= 1024) {
        rest = whole % 1024;
        whole /= 1024;
        i++;
    }
    if (i > 0 && rest > 0 && whole < 100)
        (void)snprintf(text, 16, "%llu.%llu%c", whole, rest * 10 / 1024, suffix[i]);
    else
        (void)snprintf(text, 16, "%llu%c", whole, suffix[i]);
    return text;
}
