/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASEMATE_POLICY_PATTERN_H
#define CASEMATE_POLICY_PATTERN_H

/*
 * A pattern is a path with wildcards. Within a component `*` stands for any characters, also none;
 * a component `**` stands for one component or more. Everything else is itself, a dot at the
 * beginning of a name too. Patterns and paths are compared as text: that a path leads where it
 * says is for whoever opens it, without following links.
 */
#include <stdbool.h>
#include <stddef.h>

#include "policy/diagnostic.h"

/*
 * Whether a path is one a policy may name: absolute, at least one directory deep, without empty,
 * "." and ".." components, without '/' at its end or control characters. `what` names it in
 * messages ("disk"). 0, or -EINVAL with *d filled.
 */
int path_check(const char *what, const char *path, struct guest_diagnostic *d);

/*
 * The same of a pattern, which also has a first component without wildcards, `**` once at most and
 * only as a whole component, and none of ? [ ] { } \, which mean something in other languages. 0,
 * or -EINVAL.
 */
int pattern_check(const char *what, const char *pattern, struct guest_diagnostic *d);

/* Whether a checked path matches a checked pattern. */
bool pattern_matches(const char *pattern, const char *path);

/* Whether some path matches both of two checked patterns. */
bool pattern_overlap(const char *a, const char *b);

#endif
