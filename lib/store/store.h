/* SPDX-License-Identifier: MIT
 * The database as the rest of the program sees it: four lanes (renewal, intake, work, delivery), so that a slow commit of one
 * kind does not hold up another, and the migrations. The other files of this folder are one a table and the only place
 * that names SQL statements. */
#ifndef LIB_STORE_STORE_H
#define LIB_STORE_STORE_H

#include <stdbool.h>

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/io/pg.h"

struct store;

enum store_lane { LANE_RENEWAL, LANE_INTAKE, LANE_WORK, LANE_DELIVERY, STORE_LANES };

struct store_settings {
    const char *conninfo;      /* borrowed for the call */
    const char *password_file; /* borrowed for the call; NULL: none */
    const char *application;   /* borrowed for the call: the node's name */
    unsigned connect_timeout_ms; /* for one host; 0: pg.h's default */
    unsigned answer_timeout_ms;  /* likewise */
    unsigned parked_max;         /* of each lane; likewise */
    const struct log_ctx *log;   /* borrowed by store_new's store; NULL: its lines have no context */
};

/* Starts to connect. NULL: CONFIG, LIMIT. */
struct store *store_new(struct loop *loop, const struct store_settings *settings, struct error *err);
void store_free(struct store *s);
struct pg *store_lane(struct store *s, enum store_lane lane);
/* A further lane for long work, named in application_name; the caller's, who frees it. NULL: CONFIG, LIMIT. */
struct pg *store_lane_new(struct loop *loop, const struct store_settings *settings, const char *name, struct error *err);
/* All lanes are up. */
bool store_ready(const struct store *s);
/* Why a lane is down, in the words of the last attempt; "" when none is. */
const char *store_trouble(const struct store *s);

/* The newest migration that this program knows. */
int store_schema_wanted(void);

/* Called once. err NULL: the schema is at store_schema_wanted(); applied: how many migrations ran. */
typedef void store_migrated(void *owner, int applied, const struct error *err);
/* Runs what is missing, each migration in one transaction, under a lock so that two programs may do it at once.
 * conninfo as in store_settings. The loop must run. Errors: CONFIG (the database is newer than this program). */
void store_migrate(struct loop *loop, const struct store_settings *settings, store_migrated *done, void *owner);

/* Asks for the version that is on the database; store_schema_found reads the answer (0: none, -1: err says why it is
 * not known). */
uint64_t store_read_schema(struct store *s, pg_done *done, void *owner);
int store_schema_found(const struct pg_answer *answer, const struct error *err);

#endif
